/* cmd_cancel.c - rondo cancel: asks that a job be ended; does not wait for it. */
#include "core/base/log.h"
#include "tools/cli.h"
#include "tools/reach.h"

#include <stdio.h>
#include <string.h>

static void say(const char *id, const struct reach_answer *answer)
{
    const char *state = jsonin_text(answer->json, "state");
    if (state && strcmp(state, "cancelled") == 0)
        log_line(LOG_INFO, "job %s is cancelled", id);
    else if (reach_ended(state) >= 0)
        log_line(LOG_INFO, "job %s had ended before: it is %s", id, state);
    else
        log_line(LOG_INFO, "job %s will be cancelled behind the round under way", id);
}

int cmd_cancel(int argc, char **argv)
{
    struct reach reach = { .command = "cancel" };
    struct reach_answer answer = { 0 };
    struct rondo_error err = { 0 };
    const char *id = NULL;
    char path[REACH_PATH_MAX];
    int status = reach_parse(&reach, argc, argv, NULL, &id, "which job? give its id");
    if (!status)
        status = reach_check_id(&reach, id);
    if (status)
        return status;
    snprintf(path, sizeof path, "/v1/jobs/%s/cancel", id);
    int code = reach_open(&reach, &err);
    if (!code)
        code = reach_post(&reach, path, NULL, 0, &answer, &err);
    if (!code && reach.json)
        reach_print(&answer);
    else if (!code)
        say(id, &answer);
    reach_answer_fini(&answer);
    reach_close(&reach);
    return code ? cli_fail(&err) : 0;
}
