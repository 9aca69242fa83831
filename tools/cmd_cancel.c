/* cmd_cancel.c - rondo cancel: asks that a job be ended; does not wait for it. */
#include "core/base/log.h"
#include "tools/cli.h"
#include "tools/reach.h"

#include <string.h>

static void say(const char *id, const struct jsonin *job)
{
    const char *state = jsonin_text(job, "state");
    if (state && strcmp(state, "cancelled") == 0)
        log_line(LOG_INFO, "job %s is cancelled", id);
    else if (reach_ended(state) >= 0)
        log_line(LOG_INFO, "job %s had ended before: it is %s", id, state);
    else
        log_line(LOG_INFO, "job %s will be cancelled behind the round under way", id);
}

int cmd_cancel(int argc, char **argv)
{
    return reach_job("cancel", "/cancel", argc, argv, say);
}
