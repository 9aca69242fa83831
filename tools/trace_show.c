/* trace_show.c - `rondo trace summary` and the listings: for people and for programs. */
#include "core/trace/reader.h"
#include "core/trace/views.h"
#include "tools/cli.h"
#include "tools/trace_commands.h"
#include "tools/trace_window.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct request {
    const char *view, *path;
    bool json;
    struct trace_window rounds;
};

/* Sums are of all rounds; lists are cut unless others were asked for. */
static bool is_cut(const struct request *request)
{
    static const char *const lists[] = { "rounds", "blocks", "conflicts" };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(request->view, lists[i]) == 0)
            return !trace_window_is_asked(&request->rounds);
    return false;
}

static int show(const struct request *request, struct rondo_error *err)
{
    struct trace_reader *reader = NULL;
    struct reader_window window;
    int code = reader_open(request->path, &reader, err);
    if (!code)
        code = trace_window_choose(&request->rounds, is_cut(request), reader, &window, err);
    if (!code)
        code = strcmp(request->view, "summary") == 0
                   ? trace_summary(reader, window, !request->rounds.first && !request->rounds.last, request->json, err)
                   : views_list(reader, request->view, window, request->json, stdout, err);
    code = code ? code : cli_flush(err);
    if (!code && is_cut(request) && !request->json)
        code = trace_window_say(reader, window, "shown and summed up", err);
    reader_close(reader);
    return code;
}

/* 0, or the exit status of what was said about the arguments. */
static int parse(int argc, char **argv, struct request *request)
{
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (only_words || word[0] != '-') {
            if (request->path)
                return cli_usage("trace", "one trace at a time, not \"%s\" too", word);
            request->path = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
        } else if (strcmp(word, "--json") == 0) {
            request->json = true;
        } else {
            int taken = trace_window_option(&request->rounds, argc, argv, &i);
            if (taken < 0)
                return 2;
            if (!taken)
                return cli_usage("trace", "there is no option %s", word);
        }
    }
    int status = trace_window_judge(&request->rounds);
    if (status)
        return status;
    return request->path ? 0 : cli_usage("trace", "name a trace, or the output directory of a job");
}

int trace_show(int argc, char **argv)
{
    struct rondo_error err = { 0 };
    struct request request = { .view = argv[0] };
    int status = parse(argc, argv, &request);
    if (status)
        return status;
    return show(&request, &err) ? cli_fail(&err) : 0;
}
