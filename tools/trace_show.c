/* trace_show.c - `rondo trace summary` and the listings: for people and for programs. */
#include "core/trace/listing.h"
#include "core/trace/reader.h"
#include "core/trace/views.h"
#include "tools/cli.h"
#include "tools/trace_commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
    const char *view, *path;
    bool json, all;
    int64_t first, last; /* 0: not asked for */
};

/* Lists of rows show so many rounds of a longer trace, unless asked for others. */
static const int64_t rounds_most = 10000;

static bool is_cut(const struct request *request)
{
    static const char *const lists[] = { "rounds", "blocks", "conflicts" };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(request->view, lists[i]) == 0)
            return !request->first && !request->last && !request->all;
    return false;
}

/* Sums are of all rounds; lists are cut. */
static int choose_window(const struct request *request, struct trace_reader *reader, struct reader_window *window,
                         struct rondo_error *err)
{
    if (request->first)
        return reader_first(reader, request->first, window, err);
    return reader_last(reader, is_cut(request) ? rounds_most : request->last, window, err);
}

/* People are told that a list was cut, behind it: of one that there is not there is only the error's line. */
static int say_cut(struct trace_reader *reader, struct reader_window window, struct rondo_error *err)
{
    struct reader_extent extent = { 0 };
    int code = reader_extent(reader, window, &extent, err);
    if (!code && extent.rounds_of_trace > rounds_most)
        fprintf(stderr, "rondo: %s: the last %s of %s rounds are shown and summed up (--all, --first N or --last N"
                        " for others)\n", reader_path(reader), listing_grouped(rounds_most).text,
                listing_grouped(extent.rounds_of_trace).text);
    return code;
}

static int show(const struct request *request, struct rondo_error *err)
{
    struct trace_reader *reader = NULL;
    struct reader_window window;
    int code = reader_open(request->path, &reader, err);
    if (!code)
        code = choose_window(request, reader, &window, err);
    if (!code)
        code = strcmp(request->view, "summary") == 0
                   ? trace_summary(reader, window, !request->first && !request->last, request->json, err)
                   : views_list(reader, request->view, window, request->json, stdout, err);
    code = code ? code : cli_flush(err);
    if (!code && is_cut(request) && !request->json)
        code = say_cut(reader, window, err);
    reader_close(reader);
    return code;
}

/* `--first N` or `--first=N`: 1 and *count, with *at on its last word; 0: another option; -1: its
 * number is missing or wrong. */
static int take_count(char **argv, int argc, int *at, const char *name, int64_t *count)
{
    size_t length = strlen(name);
    const char *text = NULL;
    if (strncmp(argv[*at], name, length) != 0)
        return 0;
    if (argv[*at][length] == '=')
        text = argv[*at] + length + 1;
    else if (argv[*at][length] != 0)
        return 0;
    else if (*at + 1 < argc)
        text = argv[++*at];
    char *end = NULL;
    errno = 0;
    long long value = text ? strtoll(text, &end, 10) : 0;
    *count = value;
    return text && *text && !*end && errno == 0 && value > 0 ? 1 : -1;
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
        } else if (strcmp(word, "--all") == 0) {
            request->all = true;
        } else {
            int taken = take_count(argv, argc, &i, "--first", &request->first);
            if (!taken)
                taken = take_count(argv, argc, &i, "--last", &request->last);
            if (taken < 0)
                return cli_usage("trace", "%s wants a number of rounds, 1 or more", word);
            if (!taken)
                return cli_usage("trace", "there is no option %s", word);
        }
    }
    if ((request->first != 0) + (request->last != 0) + request->all > 1)
        return cli_usage("trace", "give one of --first, --last and --all");
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
