/* cmd_watch.c - rondo watch: a job's progress, to its end. */
#include "tools/cli.h"
#include "tools/follow.h"

int cmd_watch(int argc, char **argv)
{
    struct reach reach = { .command = "watch" };
    const char *id = NULL, *wait = NULL;
    int64_t wait_s = FOLLOW_WAIT_S;
    const struct words_option own[] = { { "--wait", .text = &wait }, { .name = NULL } };
    int status = reach_parse(&reach, argc, argv, own, &id, "which job? give its id");
    if (!status)
        status = reach_check_id(&reach, id);
    if (!status && wait)
        status = reach_check_number(&reach, "--wait", wait, FOLLOW_WAIT_MAX_S, &wait_s);
    return status ? status : follow_job(&reach, id, wait_s);
}
