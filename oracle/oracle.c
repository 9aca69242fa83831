#include "oracle/oracle.h"

#include "core/trace/relay.h"
#include "oracle/draws.h"
#include "oracle/plans.h"
#include "oracle/replay.h"
#include "oracle/whole.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* All checks of one trace; which of them run, the app says. */
struct checks {
    const struct oracle_request *request;
    struct subject subject;
    struct verdict *verdict;
    struct relay relay;
    bool lasso, plans;
    struct whole whole;
    struct design design;
    struct flights flights;
    struct draws draws;
    struct replay replay;
    struct plans plan;
    int64_t last_round;
};

/* By the relay's thread, while this one reads on: a check looks at nothing but the round and what is its own. */
static int judge_round(void *context, const struct trace_round *round)
{
    struct checks *checks = context;
    int code = RONDO_OK;
    if (checks->lasso)
        code = flights_round(&checks->flights, round);
    if (!code && checks->lasso)
        code = draws_round(&checks->draws, round);
    whole_round(&checks->whole, round);
    if (!code && checks->lasso)
        code = replay_round(&checks->replay, round);
    if (!code && checks->plans)
        code = plans_round(&checks->plan, round);
    return code;
}

static int each_round(void *context, const struct trace_round *round)
{
    struct checks *checks = context;
    const int code = relay_give(&checks->relay, round);
    if (checks->request->progress)
        checks->request->progress(checks->request->context, round->round, checks->last_round);
    return code;
}

static int find_last(void *context, const struct trace_round *round)
{
    int64_t *last = context;
    *last = round->round;
    return RONDO_OK;
}

/* The data must be those of the job, as far as the trace can tell. */
static int check_shape(const struct checks *checks, struct rondo_error *err)
{
    const int64_t said = checks->subject.variables;
    if (!checks->lasso || said < 0 || said == checks->design.p)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, "/data/x", "--set data.x=FILE names others",
                           "these are not the job's data: %" PRId64 " columns, and the trace is of %" PRId64
                           " variables", checks->design.p, said);
}

static int open_checks(struct checks *checks, struct rondo_error *err)
{
    const char *app = job_app(checks->subject.job)->name;
    int code = RONDO_OK;
    checks->lasso = strcmp(app, "lasso") == 0;
    checks->plans = strcmp(app, "lda") == 0 || strcmp(app, "mf") == 0;
    whole_open(&checks->whole, &checks->subject, checks->lasso || checks->plans, checks->verdict);
    if (checks->lasso) {
        code = design_open(&checks->design, &checks->subject, err);
        code = code ? code : check_shape(checks, err);
        code = code ? code : flights_open(&checks->flights, &checks->subject, &checks->design, checks->verdict, err);
        code = code ? code : draws_open(&checks->draws, &checks->subject, &checks->flights, checks->verdict, err);
        code = code ? code : replay_open(&checks->replay, &checks->subject, &checks->design, checks->verdict, err);
    }
    if (!code && checks->plans)
        code = plans_open(&checks->plan, &checks->subject, checks->verdict, err);
    return code;
}

static void end_checks(struct checks *checks)
{
    struct verdict *verdict = checks->verdict;
    whole_end(&checks->whole, checks->plans ? TRACE_BLOCKS : TRACE_ALL);
    if (checks->lasso) {
        flights_end(&checks->flights);
        draws_end(&checks->draws);
        replay_end(&checks->replay, strcmp(checks->subject.state, "completed") == 0);
    }
    if (checks->plans)
        plans_end(&checks->plan);
    if (!checks->lasso && !checks->plans)
        verdict_say(verdict, &verdict->not_proved, "couplings of the app %s are its own, and are not recomputed",
                    job_app(checks->subject.job)->name);
}

int oracle_check(const struct oracle_request *request, struct verdict *verdict, struct rondo_error *err)
{
    struct checks checks = { .request = request, .verdict = verdict };
    struct reader_window window, last;
    *verdict = (struct verdict){ 0 };
    relay_open(&checks.relay, judge_round, &checks);
    int code = subject_open(&checks.subject, request->path, request->overrides, request->count, request->apps, err);
    if (!code)
        code = open_checks(&checks, err);
    if (!code)
        code = reader_first(checks.subject.reader, 0, &window, err);
    if (!code)
        code = reader_last(checks.subject.reader, 1, &last, err);
    if (!code)
        code = reader_rounds(checks.subject.reader, last, find_last, &checks.last_round, err);
    if (!code)
        code = reader_scan_bare(checks.subject.reader, window, each_round, &checks, err);
    const int ended = relay_end(&checks.relay);
    code = code ? code : ended;
    if (!code)
        end_checks(&checks);
    relay_close(&checks.relay);
    plans_close(&checks.plan);
    replay_close(&checks.replay);
    draws_close(&checks.draws);
    flights_close(&checks.flights);
    design_close(&checks.design);
    whole_close(&checks.whole);
    subject_close(&checks.subject);
    if (!code && verdict->failed)
        code = RONDO_ENOMEM;
    return code ? rondo_error_set(err, code, NULL, NULL, "the trace cannot be checked: %s", rondo_strerror(code)) : 0;
}
