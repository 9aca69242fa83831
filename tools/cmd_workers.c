/* cmd_workers.c - rondo workers: who works for a coordinator. */
#include "tools/cli.h"
#include "tools/reach.h"
#include "tools/table.h"

#include <stdio.h>

static const struct table_column columns[] = {
    { "ID", "id", false },         { "NAME", "name", false },   { "HOST", "host", false },
    { "PID", "pid", false },       { "THREADS", "threads", false },
    { "DEVICE", "device", false }, { "ISA", "isa", false },     { "STATE", "state", false },
    { "JOB", "job", false },       { "SINCE", "since", true },  { NULL, NULL, false },
};

static int show(const struct reach_answer *answer)
{
    const struct jsonin *workers = jsonin_get(answer->json, "workers");
    struct table table;
    int code = RONDO_OK;
    table_init(&table, columns);
    for (int64_t i = 0; i < jsonin_count(workers) && !code; i++)
        code = table_add(&table, jsonin_at(workers, i));
    if (!code)
        table_print(&table);
    table_fini(&table);
    return code;
}

int cmd_workers(int argc, char **argv)
{
    struct reach reach = { .command = "workers" };
    struct reach_answer answer = { 0 };
    struct rondo_error err = { 0 };
    int status = reach_parse(&reach, argc, argv, NULL, NULL, NULL);
    if (status)
        return status;
    int code = reach_open(&reach, &err);
    if (!code)
        code = reach_get(&reach, "/v1/workers", &answer, &err);
    if (!code && reach.json)
        reach_print(&answer);
    else if (!code)
        code = show(&answer);
    reach_answer_fini(&answer);
    reach_close(&reach);
    if (code)
        rondo_error_set(&err, code, NULL, NULL, "%s", rondo_strerror(code));
    return code ? cli_fail(&err) : 0;
}
