/* cmd_status.c - rondo status: one job. */
#include "tools/cli.h"
#include "tools/reach.h"
#include "tools/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 400 };

/* A key of the answer that is a line of ours. */
static const struct line {
    const char *key;
    bool time;
    bool always; /* "-" where it is missing; else no line */
} lines[] = {
    { "id", false, true },          { "name", false, true },     { "app", false, true },
    { "state", false, true },       { "cancel_asked", false, false },
    { "stop_reason", false, false }, { "error", false, false },  { "priority", false, true },
    { "workers", false, false },    { "waiting", false, false }, { "starts", false, false },
    { "submitted", true, true },
    { "started", true, true },      { "ended", true, true },
};

static void print_line(const struct line *line, const struct jsonin *job)
{
    char value[VALUE_MAX];
    if (line->time)
        table_time(job, line->key, value, sizeof value);
    else
        jsonin_show(jsonin_get(job, line->key), value, sizeof value);
    if (!*value)
        snprintf(value, sizeof value, "-");
    if (line->always || strcmp(value, "-") != 0)
        printf("%-12s %s\n", line->key, value);
}

struct progress {
    const char *before; /* what stands before the next number */
};

static bool print_number(void *context, const char *key, const struct jsonin *value)
{
    struct progress *progress = context;
    char name[48], shown[64];
    double real;
    if (!jsonin_real_of(value, &real))
        return true;
    jsonin_show(value, shown, sizeof shown);
    jsonin_show_text(key, name, sizeof name);
    printf("%s%s %s", progress->before, name, shown);
    progress->before = ", ";
    return true;
}

static void print_progress(const struct jsonin *job)
{
    const struct jsonin *last = jsonin_get(job, "progress");
    struct progress progress = { "progress     " };
    jsonin_each(last, print_number, &progress);
    if (*progress.before == ',')
        putchar('\n');
}

static void print_files(const struct jsonin *job)
{
    const struct jsonin *files = jsonin_get(job, "files");
    for (int64_t i = 0; i < jsonin_count(files); i++) {
        char name[VALUE_MAX], size[64];
        jsonin_show(jsonin_get(jsonin_at(files, i), "name"), name, sizeof name);
        jsonin_show(jsonin_get(jsonin_at(files, i), "size"), size, sizeof size);
        printf("%-12s %s, %s bytes\n", i ? "" : "files", name, size);
    }
}

static void show(const char *id RONDO_UNUSED, const struct jsonin *job)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        print_line(&lines[i], job);
    print_progress(job);
    print_files(job);
}

int cmd_status(int argc, char **argv)
{
    return reach_job("status", "", argc, argv, show);
}
