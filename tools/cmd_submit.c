/* cmd_submit.c - rondo submit: hands a job to a coordinator. */
#include "apps/host.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "tools/cli.h"
#include "tools/follow.h"

#include <stdio.h>
#include <string.h>

/* The coordinator answers when the job is on its disk, which may take a while. */
static const double patience_s = 30;

enum { KEY_MAX = 128 };

/* "/params/lambda" -> where the client's own file says it; the request's path stays. */
static void find_here(const struct rondo_job *job, struct rondo_error *err)
{
    char key[KEY_MAX];
    size_t length = strlen(err->where);
    if (err->where[0] != '/' || length < 2 || length > sizeof key
        || strncmp(err->where, "/v1/", 4) == 0)
        return;
    for (size_t i = 1; i <= length; i++)
        key[i - 1] = err->where[i] == '/' ? '.' : err->where[i];
    job_where(job, key, err->where, sizeof err->where);
}

/* What the app itself has against the spec; data are not looked at, they may be elsewhere. */
static int check(struct rondo_job *job, struct rondo_error *err)
{
    static const struct host_upcalls none = { NULL, NULL, NULL, NULL, NULL };
    struct rondo_host host;
    host_init(&host, &none);
    return job_app(job)->check ? job_app(job)->check(&host, job, err) : RONDO_OK;
}

static int send_job(struct reach *reach, const struct rondo_job *job, struct reach_answer *answer,
                    struct rondo_error *err)
{
    char *spec = job_canonical(job);
    if (!spec)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    int code = reach_open(reach, err);
    if (!code) {
        code = reach_post(reach, "/v1/jobs", spec, patience_s, answer, err);
        if (code == RONDO_EINPUT)
            find_here(job, err);
    }
    reach_close(reach);
    mem_free(spec);
    return code;
}

static int say(const struct reach *reach, const struct reach_answer *answer, const char *id)
{
    if (reach->json)
        reach_print(answer);
    else
        printf("%s\n", id);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    log_line(LOG_ERROR, "job %s was accepted, but standard output cannot be written", id);
    return 1;
}

static int submit(struct reach *reach, struct rondo_job *job, bool follow)
{
    struct reach_answer answer = { 0 };
    struct rondo_error err = { 0 };
    char id[64];
    int code = check(job, &err);
    if (!code)
        code = send_job(reach, job, &answer, &err);
    jsonin_show(jsonin_get(answer.json, "id"), id, sizeof id);
    if (!code && (strspn(id, "0123456789") != strlen(id) || strlen(id) > 18))
        code = rondo_error_set(&err, RONDO_EREFUSED, "/v1/jobs", NULL,
                               "what answers is not a coordinator: it gives the job no id");
    int status = code ? cli_fail(&err) : say(reach, &answer, id);
    reach_answer_fini(&answer);
    return status || !follow ? status : follow_job(reach, id, FOLLOW_WAIT_S);
}

int cmd_submit(int argc, char **argv)
{
    struct reach reach = { .command = "submit" };
    struct words_list sets = { .count = 0 };
    const char *path = NULL;
    bool follow = false;
    const struct words_option own[] = { { "--set", .list = &sets, .most = WORDS_LIST },
                                        { "--follow", .flag = &follow },
                                        { .name = NULL } };
    int status = reach_parse(&reach, argc, argv, own, &path, "which job? give the spec's file");
    if (status)
        return status;
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    if (job_load(path, sets.item, sets.count, cli_apps(), &job, &err))
        return cli_fail(&err);
    status = submit(&reach, job, follow);
    job_free(job);
    return status;
}
