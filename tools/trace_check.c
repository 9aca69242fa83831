/* trace_check.c - `rondo trace check`. */
#include "tools/cli.h"
#include "tools/trace_commands.h"

int trace_check(int argc, char **argv)
{
    struct rondo_error err = { 0 };
    (void)argc, (void)argv;
    rondo_error_set(&err, RONDO_EINPUT, "trace", NULL, "check: not in this version");
    return cli_fail(&err);
}
