/* trace_export.c - `rondo trace export`. */
#include "tools/cli.h"
#include "tools/trace_commands.h"

int trace_export(int argc, char **argv)
{
    struct rondo_error err = { 0 };
    (void)argc, (void)argv;
    rondo_error_set(&err, RONDO_EINPUT, "trace", NULL, "export: not in this version");
    return cli_fail(&err);
}
