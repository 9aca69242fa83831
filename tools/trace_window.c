#include "tools/trace_window.h"

#include "core/trace/listing.h"
#include "tools/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int trace_window_option(struct trace_window *window, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    if (strcmp(word, "--all") == 0) {
        window->all = true;
        return 1;
    }
    int taken = take_count(argv, argc, at, "--first", &window->first);
    if (!taken)
        taken = take_count(argv, argc, at, "--last", &window->last);
    if (taken < 0)
        cli_usage("trace", "%s wants a number of rounds, 1 or more", word);
    return taken;
}

int trace_window_judge(const struct trace_window *window)
{
    if ((window->first != 0) + (window->last != 0) + window->all > 1)
        return cli_usage("trace", "give one of --first, --last and --all");
    return 0;
}

bool trace_window_is_asked(const struct trace_window *window)
{
    return window->first || window->last || window->all;
}

int trace_window_choose(const struct trace_window *window, bool cut, struct trace_reader *reader,
                        struct reader_window *rounds, struct rondo_error *err)
{
    if (window->first)
        return reader_first(reader, window->first, rounds, err);
    cut = cut && !trace_window_is_asked(window);
    return reader_last(reader, cut ? TRACE_WINDOW_MOST : window->last, rounds, err);
}

int trace_window_say(struct trace_reader *reader, struct reader_window rounds, const char *done,
                     struct rondo_error *err)
{
    struct reader_extent extent = { 0 };
    int code = reader_extent(reader, rounds, &extent, err);
    if (!code && extent.rounds_of_trace > TRACE_WINDOW_MOST)
        fprintf(stderr, "rondo: %s: the last %s of %s rounds are %s (--all, --first N or --last N for others)\n",
                reader_path(reader), listing_grouped(TRACE_WINDOW_MOST).text,
                listing_grouped(extent.rounds_of_trace).text, done);
    return code;
}
