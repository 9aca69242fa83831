/* cmd_list.c - rondo list: the jobs of a coordinator, newest first. */
#include "core/base/log.h"
#include "tools/cli.h"
#include "tools/reach.h"
#include "tools/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000000, PAGE_MAX = 1000 };

static const struct table_column columns[] = {
    { "ID", "id", false },         { "STATE", "state", false }, { "PRI", "priority", false },
    { "APP", "app", false },       { "NAME", "name", false },   { "SUBMITTED", "submitted", true },
    { "STARTED", "started", true }, { "ENDED", "ended", true },  { NULL, NULL, false },
};

struct request {
    const char *state, *before; /* NULL: all */
    int64_t limit;
};

static void path_of(const struct request *request, int64_t limit, const char *before,
                    char path[REACH_PATH_MAX])
{
    int at = snprintf(path, REACH_PATH_MAX, "/v1/jobs?limit=%" PRId64,
                      limit < PAGE_MAX ? limit : PAGE_MAX);
    if (request->state)
        at += snprintf(path + at, (size_t)(REACH_PATH_MAX - at), "&state=%s", request->state);
    if (before && *before)
        snprintf(path + at, (size_t)(REACH_PATH_MAX - at), "&before=%.18s", before);
}

/* Page by page, until there are `limit` rows or no more; next: the id to go on before, or "". */
static int gather(struct reach *reach, const struct request *request, struct table *table,
                  char next[64], struct rondo_error *err)
{
    struct reach_answer answer = { 0 };
    int code = RONDO_OK;
    snprintf(next, 64, "%s", request->before ? request->before : "");
    do {
        char path[REACH_PATH_MAX];
        path_of(request, request->limit - table->rows, next, path);
        *next = 0;
        code = reach_get(reach, path, &answer, err);
        const struct jsonin *jobs = jsonin_get(answer.json, "jobs");
        int64_t count = jsonin_count(jobs);
        for (int64_t i = 0; i < count && !code && table->rows < request->limit; i++)
            code = table_add(table, jsonin_at(jobs, i));
        if (jsonin_get(answer.json, "next") && count > 0)
            jsonin_show(jsonin_get(answer.json, "next"), next, 64);
        next[strspn(next, "0123456789")] = 0;
    } while (!code && *next && table->rows < request->limit);
    reach_answer_fini(&answer);
    return code;
}

static int show(struct reach *reach, const struct request *request, struct rondo_error *err)
{
    struct table table;
    char next[64];
    table_init(&table, columns);
    int code = gather(reach, request, &table, next, err);
    if (!code)
        table_print(&table);
    if (!code && *next)
        log_line(LOG_INFO, "there are older jobs: --before %s, or a larger --limit, shows them", next);
    table_fini(&table);
    return code ? rondo_error_set(err, code, NULL, NULL, "%s", rondo_strerror(code)) : RONDO_OK;
}

static int show_json(struct reach *reach, const struct request *request, struct rondo_error *err)
{
    struct reach_answer answer = { 0 };
    char path[REACH_PATH_MAX];
    path_of(request, request->limit, request->before, path);
    int code = reach_get(reach, path, &answer, err);
    if (!code)
        reach_print(&answer);
    reach_answer_fini(&answer);
    return code;
}

static int check_state(const struct reach *reach, const char *state)
{
    static const char *const states[] = { "queued", "running", "completed", "failed", "cancelled" };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i], state) == 0)
            return 0;
    return cli_usage(reach->command,
                     "--state wants queued, running, completed, failed or cancelled, not \"%.100s\"",
                     state);
}

int cmd_list(int argc, char **argv)
{
    struct reach reach = { .command = "list" };
    struct request request = { .limit = LIMIT_DEFAULT };
    struct rondo_error err = { 0 };
    const char *limit = NULL;
    const struct words_option own[] = { { "--state", .text = &request.state },
                                        { "--limit", .text = &limit },
                                        { "--before", .text = &request.before },
                                        { .name = NULL } };
    int status = reach_parse(&reach, argc, argv, own, NULL, NULL);
    if (!status && request.state)
        status = check_state(&reach, request.state);
    if (!status && limit)
        status = reach_check_number(&reach, "--limit", limit, LIMIT_MAX, &request.limit);
    if (!status && request.before)
        status = reach_check_id(&reach, request.before);
    if (status)
        return status;
    int code = reach_open(&reach, &err);
    if (!code)
        code = (reach.json ? show_json : show)(&reach, &request, &err);
    reach_close(&reach);
    return code ? cli_fail(&err) : 0;
}
