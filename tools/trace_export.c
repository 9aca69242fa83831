/* trace_export.c - `rondo trace export`: a trace in the formats of others. */
#include "core/base/file.h"
#include "core/trace/export.h"
#include "tools/cli.h"
#include "tools/trace_commands.h"
#include "tools/trace_window.h"

#include <string.h>

struct request {
    const char *format, *table, *out, *path;
    struct trace_window rounds;
};

static bool is(const struct request *request, const char *format)
{
    return strcmp(request->format, format) == 0;
}

/* No browser holds the whole of a long job: for Perfetto the last rounds are written unless others are asked for. */
static bool is_cut(const struct request *request)
{
    return is(request, "perfetto") && !trace_window_is_asked(&request->rounds);
}

static int put(const struct request *request, struct trace_reader *reader, FILE *out, struct rondo_error *err)
{
    struct reader_window window;
    int code = trace_window_choose(&request->rounds, is_cut(request), reader, &window, err);
    if (code)
        return code;
    if (is(request, "perfetto"))
        return export_perfetto(reader, window, out, err);
    if (is(request, "html"))
        return export_html(reader, out, err);
    return export_csv(reader, request->table ? request->table : "rounds", window, out, err);
}

static int say_cut(const struct request *request, struct trace_reader *reader, struct rondo_error *err)
{
    struct reader_window window;
    int code = trace_window_choose(&request->rounds, true, reader, &window, err);
    return code ? code : trace_window_say(reader, window, "written", err);
}

/* To a file, which appears whole or not at all, or to stdout. */
static int write_out(const struct request *request, struct trace_reader *reader, struct rondo_error *err)
{
    struct file_atomic file = { .stream = stdout };
    cli_writes();
    int code = request->out ? file_begin_at(&file, request->out, err) : RONDO_OK;
    if (code)
        return code;
    code = put(request, reader, file.stream, err);
    if (!code)
        return request->out ? file_commit(&file, err) : cli_flush(err);
    if (!err->where[0]) /* formats know a stream, not its name */
        snprintf(err->where, sizeof err->where, "%s", request->out ? request->out : "standard output");
    if (request->out)
        file_abandon(&file);
    return code;
}

/* 0, or the exit status of what was said about the arguments. */
static int parse(int argc, char **argv, struct request *request)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = { { "--format", &request->format }, { "--table", &request->table }, { "--out", &request->out } };
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        int taken = 0;
        for (size_t o = 0; o < sizeof options / sizeof *options && !taken && !only_words; o++)
            taken = cli_option("trace export", options[o].name, argc, argv, &i, options[o].value);
        if (!taken && !only_words)
            taken = trace_window_option(&request->rounds, argc, argv, &i);
        if (taken < 0)
            return 2;
        if (taken)
            continue;
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
            continue;
        }
        if (!only_words && argv[i][0] == '-' && argv[i][1])
            return cli_usage("trace", "export: there is no option %s", argv[i]);
        if (request->path)
            return cli_usage("trace", "export: one trace at a time, not \"%s\" too", argv[i]);
        request->path = argv[i];
    }
    return 0;
}

static int judge(const struct request *request)
{
    if (!request->format)
        return cli_usage("trace", "export: say --format perfetto, csv or html");
    if (!is(request, "perfetto") && !is(request, "csv") && !is(request, "html"))
        return cli_usage("trace", "export: \"%s\" is none of perfetto, csv, html", request->format);
    if (request->table && !is(request, "csv"))
        return cli_usage("trace", "export: --table goes with --format csv");
    if (trace_window_is_asked(&request->rounds) && is(request, "html"))
        return cli_usage("trace", "export: html sums up every round, --first, --last and --all are of the others");
    if (!request->path)
        return cli_usage("trace", "export: name a trace, or the output directory of a job");
    return trace_window_judge(&request->rounds);
}

int trace_export(int argc, char **argv)
{
    struct request request = { 0 };
    struct trace_reader *reader = NULL;
    struct rondo_error err = { 0 };
    int status = parse(argc, argv, &request);
    if (!status)
        status = judge(&request);
    if (status)
        return status;
    int code = reader_open(request.path, &reader, &err);
    if (!code)
        code = write_out(&request, reader, &err);
    if (!code && is_cut(&request))
        code = say_cut(&request, reader, &err);
    reader_close(reader);
    return code ? cli_fail(&err) : 0;
}
