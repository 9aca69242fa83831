/* trace_check.c - rondo trace check: is what the trace says true of the job's own data? */
#include "oracle/oracle.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "tools/cli.h"
#include "tools/trace_commands.h"
#include "tools/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { SHOWN_NS = 200000000 }; /* between two lines of progress */

struct check {
    const char *path;
    struct words_list sets;
    bool json;
    int64_t shown_ns; /* when progress was last shown; 0: never */
};

static int parse(struct check *check, int argc, char **argv)
{
    const struct words_option options[] = {
        { "--set", .list = &check->sets, .most = WORDS_LIST }, { "--json", .flag = &check->json }, { .name = NULL },
    };
    for (int i = 1; i < argc; i++) {
        int is = words_take("trace", options, argc, argv, &i);
        if (is < 0)
            return 2;
        if (is == 0 && argv[i][0] == '-' && argv[i][1])
            return cli_usage("trace", "there is no option %s", argv[i]);
        if (is == 0 && check->path)
            return cli_usage("trace", "one trace at a time, not \"%s\" too", argv[i]);
        check->path = is ? check->path : argv[i];
    }
    return check->path ? 0 : cli_usage("trace", "name a trace, or the output directory of a job");
}

static void show_progress(void *context, int64_t round, int64_t rounds)
{
    struct check *check = context;
    const int64_t now = clock_now_ns();
    if (!check->shown_ns)
        check->shown_ns = now;
    if (now - check->shown_ns < SHOWN_NS)
        return;
    check->shown_ns = now;
    fprintf(stderr, "\r%" PRId64 " of %" PRId64 " rounds checked\033[K", round, rounds);
}

/* ---- for people ----------------------------------------------------------------------------------------- */

static void print_lines(const char *head, const struct lines *lines)
{
    for (int i = 0; i < lines->count; i++)
        printf("%-10s  %s\n", head, lines->line[i]);
}

static void print_text(const struct verdict *verdict)
{
    const int64_t kept = verdict->found < VERDICT_FINDINGS ? verdict->found : VERDICT_FINDINGS;
    for (int64_t i = 0; i < kept; i++)
        printf("violation   %s\n", verdict->finding[i].words);
    if (verdict->found > kept)
        printf("violation   %" PRId64 " more\n", verdict->found - kept);
    if (verdict->found)
        printf("%" PRId64 " violation%s\n", verdict->found, verdict->found == 1 ? "" : "s");
    else
        print_lines("proved", &verdict->proved); /* of a trace with violations they are not true */
    print_lines("not proved", &verdict->not_proved);
    print_lines("incomplete", &verdict->lacks);
}

/* ---- for programs --------------------------------------------------------------------------------------- */

static void put_index(struct jsonout *out, const char *key, int64_t value)
{
    jsonout_key(out, key);
    if (value < 0)
        jsonout_raw(out, "null");
    else
        jsonout_integer(out, value);
}

static void put_lines(struct jsonout *out, const char *key, const struct lines *lines, bool any)
{
    jsonout_key(out, key);
    jsonout_open(out, '[');
    for (int i = 0; any && i < lines->count; i++)
        jsonout_text(out, lines->line[i]);
    jsonout_close(out, ']');
}

static void put_finding(struct jsonout *out, const struct finding *finding)
{
    jsonout_open(out, '{');
    jsonout_text_at(out, "kind", finding->kind);
    put_index(out, "round", finding->round);
    put_index(out, "other_round", finding->other_round);
    put_index(out, "first", finding->first);
    put_index(out, "second", finding->second);
    put_index(out, "first_block", finding->first_block);
    put_index(out, "second_block", finding->second_block);
    jsonout_real_at(out, "value", finding->value);
    jsonout_real_at(out, "bound", finding->bound);
    jsonout_text_at(out, "words", finding->words);
    jsonout_close(out, '}');
}

static int print_json(const struct verdict *verdict)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, false);
    jsonout_open(&out, '{');
    jsonout_flag_at(&out, "clean", verdict->found == 0 && verdict->lacks.count == 0);
    jsonout_integer_at(&out, "violations", verdict->found);
    jsonout_flag_at(&out, "complete", verdict->lacks.count == 0);
    put_lines(&out, "proved", &verdict->proved, verdict->found == 0);
    put_lines(&out, "not_proved", &verdict->not_proved, true);
    put_lines(&out, "incomplete", &verdict->lacks, true);
    jsonout_key(&out, "findings");
    jsonout_open(&out, '[');
    for (int64_t i = 0; i < verdict->found && i < VERDICT_FINDINGS; i++)
        put_finding(&out, &verdict->finding[i]);
    jsonout_close(&out, ']');
    jsonout_close(&out, '}');
    return cli_print_json(&out);
}

/* ---- the command ---------------------------------------------------------------------------------------- */

int trace_check(int argc, char **argv)
{
    struct check check = { 0 };
    struct verdict verdict;
    struct rondo_error err = { 0 };
    int status = parse(&check, argc, argv);
    if (status)
        return status;
    const bool shows = isatty(STDERR_FILENO);
    const struct oracle_request request = {
        .path = check.path, .overrides = check.sets.item, .count = check.sets.count, .apps = cli_apps(),
        .progress = shows ? show_progress : NULL, .context = &check,
    };
    int code = oracle_check(&request, &verdict, &err);
    if (shows && check.shown_ns)
        fprintf(stderr, "\r\033[K");
    if (code)
        status = cli_fail(&err);
    else if (check.json)
        status = print_json(&verdict);
    else
        print_text(&verdict);
    if (!status && (verdict.found || verdict.lacks.count))
        status = 1;
    verdict_fini(&verdict);
    return status;
}
