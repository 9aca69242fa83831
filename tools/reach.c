#include "tools/reach.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "tools/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words --------------------------------------------------------------------------------------- */

int reach_parse(struct reach *reach, int argc, char **argv, const struct words_option *own,
                const char **word, const char *what)
{
    const struct words_option common[] = {
        { "--coordinator", .text = &reach->coordinator },
        { "--token-file", .text = &reach->options.token_file },
        { "--tls-ca", .text = &reach->options.ca_file },
        { "--json", .flag = &reach->json },
        { "--quiet", .flag = &reach->quiet },
        { .name = NULL },
    };
    bool words_alone = false;
    for (int i = 1; i < argc; i++) {
        int is = words_alone ? 0 : words_take(reach->command, common, argc, argv, &i);
        if (is == 0 && !words_alone && own)
            is = words_take(reach->command, own, argc, argv, &i);
        if (is < 0)
            return 2;
        if (is > 0)
            continue;
        if (!words_alone && strcmp(argv[i], "--") == 0)
            words_alone = true;
        else if (!words_alone && argv[i][0] == '-' && argv[i][1])
            return cli_usage(reach->command, "unknown option %s", argv[i]);
        else if (!word || *word)
            return cli_usage(reach->command, "\"%.100s\" is one word too many", argv[i]);
        else
            *word = argv[i];
    }
    reach->options.address = reach->coordinator;
    if (reach->quiet)
        log_set_level(LOG_WARNING);
    return word && !*word ? cli_usage(reach->command, "%s", what) : 0;
}

int reach_check_id(const struct reach *reach, const char *id)
{
    size_t digits = strspn(id, "0123456789");
    if (digits >= 1 && digits <= 18 && !id[digits])
        return 0;
    return cli_usage(reach->command, "\"%.100s\" is not a job's id, which is a number", id);
}

int reach_check_number(const struct reach *reach, const char *option, const char *text, int64_t most,
                       int64_t *number)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool good = *text >= '0' && *text <= '9' && !*end && errno == 0 && value >= 1 && value <= most;
    if (!good)
        return cli_usage(reach->command, "%s wants a number from 1 to %lld, not \"%.100s\"", option,
                         (long long)most, text);
    *number = value;
    return 0;
}

/* ---- questions ----------------------------------------------------------------------------------- */

int reach_open(struct reach *reach, struct rondo_error *err)
{
    signal(SIGPIPE, SIG_IGN); /* a connection that is gone is an error, not an end */
    return client_open(&reach->options, &reach->client, err);
}

void reach_close(struct reach *reach)
{
    client_close(reach->client);
    reach->client = NULL;
    signal(SIGPIPE, SIG_DFL);
}

static int ask(struct reach *reach, const struct client_request *request,
               struct reach_answer *answer, struct rondo_error *err)
{
    jsonin_free(answer->json);
    answer->json = NULL;
    int code = client_request(reach->client, request, &answer->text, err);
    if (code)
        return code;
    code = jsonin_parse((const char *)answer->text.data, answer->text.size, &answer->json);
    if (code == RONDO_ENOMEM)
        return rondo_error_set(err, code, NULL, NULL, "no memory");
    if (code || !jsonin_is_object(answer->json))
        return rondo_error_set(err, RONDO_EREFUSED, client_url(reach->client), NULL,
                               "what answers is not a coordinator: %s is not a JSON object",
                               request->path);
    return RONDO_OK;
}

int reach_get(struct reach *reach, const char *path, struct reach_answer *answer,
              struct rondo_error *err)
{
    struct client_request request = { .method = "GET", .path = path };
    return ask(reach, &request, answer, err);
}

int reach_post(struct reach *reach, const char *path, const char *body, double patience_s,
               struct reach_answer *answer, struct rondo_error *err)
{
    struct client_request request = { .method = "POST", .path = path, .body = body,
                                      .size = body ? strlen(body) : 0, .patience_s = patience_s };
    return ask(reach, &request, answer, err);
}

void reach_answer_fini(struct reach_answer *answer)
{
    buf_fini(&answer->text);
    jsonin_free(answer->json);
    *answer = (struct reach_answer){ 0 };
}

void reach_print(const struct reach_answer *answer)
{
    size_t size = answer->text.size;
    fwrite(answer->text.data, 1, size, stdout);
    if (size == 0 || answer->text.data[size - 1] != '\n')
        putchar('\n');
}

int reach_job(const char *command, const char *action, int argc, char **argv,
              void (*show)(const char *id, const struct jsonin *job))
{
    struct reach reach = { .command = command };
    struct reach_answer answer = { 0 };
    struct rondo_error err = { 0 };
    const char *id = NULL;
    char path[REACH_PATH_MAX];
    int status = reach_parse(&reach, argc, argv, NULL, &id, "which job? give its id");
    if (!status)
        status = reach_check_id(&reach, id);
    if (status)
        return status;
    snprintf(path, sizeof path, "/v1/jobs/%s%s", id, action);
    int code = reach_open(&reach, &err);
    if (!code)
        code = *action ? reach_post(&reach, path, NULL, 0, &answer, &err)
                       : reach_get(&reach, path, &answer, &err);
    if (!code && reach.json)
        reach_print(&answer);
    else if (!code)
        show(id, answer.json);
    reach_answer_fini(&answer);
    reach_close(&reach);
    return code ? cli_fail(&err) : 0;
}

/* ---- ends ---------------------------------------------------------------------------------------- */

int reach_ended(const char *state)
{
    static const struct { const char *state; int status; } ends[] = {
        { "completed", 0 }, { "failed", 1 }, { "cancelled", 4 },
    };
    for (size_t i = 0; state && i < sizeof ends / sizeof *ends; i++)
        if (strcmp(ends[i].state, state) == 0)
            return ends[i].status;
    return -1;
}

void reach_put_again(const struct reach *reach, const char *id)
{
    const char *const pairs[][2] = { { "--coordinator", reach->coordinator },
                                     { "--token-file", reach->options.token_file },
                                     { "--tls-ca", reach->options.ca_file } };
    fprintf(stderr, "rondo watch %s", id);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][1]) {
            fprintf(stderr, " %s", pairs[i][0]);
            cli_put_word(pairs[i][1]);
        }
    fputc('\n', stderr);
}
