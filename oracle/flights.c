#include "oracle/flights.h"

#include "core/base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

int flights_open(struct flights *flights, const struct subject *subject, struct design *design,
                 struct verdict *verdict, struct rondo_error *err)
{
    const struct rondo_job *job = subject->job;
    const char *coupled = job_text(job, "schedule.dependency.coupled");
    *flights = (struct flights){
        .design = design, .verdict = verdict, .depth = subject->pipeline,
        .checks = strcmp(job_text(job, "schedule.dependency.check"), "none") != 0,
        .drop = strcmp(coupled, "drop") == 0, .group = strcmp(coupled, "group") == 0,
        .threshold = job_real(job, "schedule.dependency.threshold"),
    };
    if (subject->pipeline > FLIGHTS_DEEPEST)
        return rondo_error_set(err, RONDO_EINPUT, "/schedule/pipeline", NULL, "more than %d rounds in flight are not "
                               "checked", FLIGHTS_DEEPEST);
    return RONDO_OK;
}

/* ---- pairs -------------------------------------------------------------------------------------------- */

static void find_pair(struct flights *flights, const struct flight *a, int64_t i, const struct flight *b, int64_t k,
                      double coupling)
{
    const int64_t *first = (const int64_t *)(const void *)a->variables.data;
    const int64_t *second = (const int64_t *)(const void *)b->variables.data;
    const int32_t *first_block = (const int32_t *)(const void *)a->blocks.data;
    const int32_t *second_block = (const int32_t *)(const void *)b->blocks.data;
    struct finding finding = finding_of("coupled", a->round);
    finding.first = first[i];
    finding.second = second[k];
    finding.first_block = first_block[i];
    finding.second_block = second_block[k];
    finding.other_round = b->round;
    finding.value = coupling;
    finding.bound = flights->threshold;
    verdict_find(flights->verdict, finding,
                 "round %" PRId64 ": variable %" PRId64 " in block %" PRId64 " and variable %" PRId64 " in block %" PRId64
                 " of round %" PRId64 " are coupled by %.9g, above %g, and were in flight together",
                 a->round, finding.first, finding.first_block, finding.second, finding.second_block, b->round,
                 coupling, flights->threshold);
}

bool flights_apart(const struct flights *flights, int64_t j, int64_t k)
{
    return design_apart(flights->design, j, k, flights->threshold - 2 * FLIGHTS_EDGE);
}

static bool is_coupled(const struct flights *flights, double coupling)
{
    return !(fabs(coupling) <= flights->threshold + FLIGHTS_EDGE);
}

static void meet(struct flights *flights, const struct flight *a, int64_t i, const struct flight *b, int64_t k)
{
    const int64_t j = ((const int64_t *)(const void *)a->variables.data)[i];
    const int64_t other = ((const int64_t *)(const void *)b->variables.data)[k];
    if (j == other) {
        struct finding finding = finding_of("twice", a->round);
        finding.first = finding.second = j;
        finding.other_round = b->round;
        verdict_find(flights->verdict, finding, "round %" PRId64 ": variable %" PRId64 " is in flight in round %" PRId64
                     " too", a->round, j, b->round);
        return;
    }
    flights->pairs++;
    if (flights_apart(flights, j, other))
        return;
    const double coupling = design_coupling(flights->design, j, other);
    if (is_coupled(flights, coupling))
        find_pair(flights, a, i, b, k, coupling);
}

/* Within a round: those of different blocks, under drop all; under solve the certificate is of them. */
static void check_inside(struct flights *flights, const struct flight *flight)
{
    const int32_t *block = (const int32_t *)(const void *)flight->blocks.data;
    if (!flights->drop && !flights->group)
        return;
    for (int64_t i = 0; i < flight->count; i++)
        for (int64_t k = 0; k < i; k++)
            if (flights->drop || block[i] != block[k])
                meet(flights, flight, i, flight, k);
}

static void check_outside(struct flights *flights, const struct flight *flight)
{
    for (int64_t back = 1; back < flights->depth && back < flights->flown; back++) {
        const struct flight *other = &flights->flight[(flights->flown - 1 - back) % flights->depth];
        if ((uint64_t)flight->round - (uint64_t)other->round >= (uint64_t)flights->depth) /* ascending */
            return;
        for (int64_t i = 0; i < flight->count; i++)
            for (int64_t k = 0; k < other->count; k++)
                meet(flights, flight, i, other, k);
    }
}

/* ---- what was refused or joined ------------------------------------------------------------------------ */

static void find_conflict(struct flights *flights, int64_t round, const struct trace_conflict *conflict,
                          double coupling, bool is_coupled)
{
    struct finding finding = finding_of("conflict", round);
    finding.first = conflict->candidate;
    finding.second = conflict->other;
    finding.other_round = conflict->other_round;
    finding.value = coupling;
    finding.bound = is_coupled ? conflict->coupling : flights->threshold;
    if (is_coupled)
        verdict_find(flights->verdict, finding,
                     "round %" PRId64 ": the coupling of variables %" PRId64 " and %" PRId64 " is %.9g, and the trace says "
                     "%.9g", round, conflict->candidate, conflict->other, coupling, conflict->coupling);
    else
        verdict_find(flights->verdict, finding,
                     "round %" PRId64 ": variable %" PRId64 " was %s for variable %" PRId64 ", to which it is coupled by "
                     "%.9g, not above %g", round, conflict->candidate, conflict->joined ? "joined" : "refused",
                     conflict->other, coupling, flights->threshold);
}

static bool is_variable(const struct flights *flights, int64_t j)
{
    return j >= 0 && j < flights->design->p;
}

static void check_conflicts(struct flights *flights, const struct trace_round *round)
{
    for (int32_t i = 0; i < round->conflicts; i++) {
        const struct trace_conflict *conflict = &round->conflict[i];
        if (!is_variable(flights, conflict->candidate) || !is_variable(flights, conflict->other)
            || conflict->candidate == conflict->other)
            continue; /* the blocks say so */
        const double coupling = design_coupling(flights->design, conflict->candidate, conflict->other);
        flights->conflicts++;
        if (!(fabs(coupling - conflict->coupling) <= FLIGHTS_SAID))
            find_conflict(flights, round->round, conflict, coupling, true);
        else if (fabs(coupling) < flights->threshold - FLIGHTS_EDGE)
            find_conflict(flights, round->round, conflict, coupling, false);
    }
}

/* ---- a round ------------------------------------------------------------------------------------------- */

static void find_stranger(struct flights *flights, int64_t round, int64_t variable)
{
    struct finding finding = finding_of("variable", round);
    finding.first = variable;
    verdict_find(flights->verdict, finding, "round %" PRId64 ": the data have no variable %" PRId64, round, variable);
}

static int take(struct flights *flights, struct flight *flight, int64_t variable, int32_t block)
{
    if (!is_variable(flights, variable)) {
        find_stranger(flights, flight->round, variable);
        return RONDO_OK;
    }
    int code = buf_append(&flight->variables, &variable, sizeof variable);
    flight->count++;
    return code ? code : buf_append(&flight->blocks, &block, sizeof block);
}

static int fly(struct flights *flights, const struct trace_round *round, struct flight *flight)
{
    int code = RONDO_OK;
    flight->round = round->round;
    flight->count = 0;
    flight->variables.size = flight->blocks.size = 0;
    for (int32_t b = 0; round->block && b < round->blocks && !code; b++)
        for (int64_t i = 0; i < round->block[b].count && !code; i++)
            code = take(flights, flight, round->block[b].variables[i], round->block[b].block);
    return code;
}

static bool says_blocks(const struct trace_round *round)
{
    for (int32_t b = 0; round->block && b < round->blocks; b++)
        if (round->block[b].count && !round->block[b].variables)
            return false;
    return round->block || round->taken == 0;
}

/* Its tasks came behind those of the rounds before; couplings may be computed at any time. */
static void check_apart(struct flights *flights, const struct trace_round *round)
{
    int64_t first_ns = INT64_MAX, last_ns = flights->done_ns;
    for (int32_t i = 0; i < round->tasks; i++) {
        const struct trace_task *task = &round->task[i];
        if (task->work == TRACE_COUPLE)
            continue;
        first_ns = task->sent_ns < first_ns ? task->sent_ns : first_ns;
        last_ns = task->done_ns > last_ns ? task->done_ns : last_ns;
    }
    if (first_ns == INT64_MAX)
        return;
    if (flights->done_round && first_ns < flights->done_ns) {
        struct finding finding = finding_of("overlap", round->round);
        finding.other_round = flights->done_round;
        finding.value = (double)first_ns;
        finding.bound = (double)flights->done_ns;
        verdict_find(flights->verdict, finding, "round %" PRId64 ": a task was sent at %" PRId64 " ns, and one of round %"
                     PRId64 " was done at %" PRId64 " ns: it has not seen that round's commit", round->round, first_ns,
                     flights->done_round, flights->done_ns);
    } else {
        flights->apart++;
    }
    flights->done_ns = last_ns;
    flights->done_round = round->round;
}

int flights_round(struct flights *flights, const struct trace_round *round)
{
    check_apart(flights, round);
    if (strcmp(round->kind, "sampled") != 0)
        return RONDO_OK;
    flights->rounds++;
    if (!says_blocks(round)) {
        flights->unsaid++;
        return RONDO_OK;
    }
    flights->blocks += round->blocks;
    struct flight *flight = &flights->flight[flights->flown++ % flights->depth];
    int code = fly(flights, round, flight);
    if (code || !flights->checks)
        return code;
    check_inside(flights, flight);
    check_outside(flights, flight);
    check_conflicts(flights, round);
    return RONDO_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------- */

void flights_end(struct flights *flights)
{
    struct verdict *verdict = flights->verdict;
    const int64_t seen = flights->rounds - flights->unsaid;
    if (flights->unsaid)
        verdict_say(verdict, &verdict->lacks, "%" PRId64 " of %" PRId64 " sampled rounds do not say their blocks",
                    flights->unsaid, flights->rounds);
    if (flights->apart)
        verdict_say(verdict, &verdict->proved, "each block was computed from the state behind the round before: of %" PRId64
                    " rounds no task was sent before the last one of earlier rounds was done", flights->apart);
    if (flights->rounds == 0)
        return;
    if (!flights->checks) {
        verdict_say(verdict, &verdict->not_proved,
                    "schedule.dependency.check is \"none\": no coupling was promised, and none is looked at");
        return;
    }
    if (flights->drop)
        verdict_say(verdict, &verdict->proved, "no two variables in flight together are coupled above %g: %" PRId64
                    " rounds, %" PRId64 " pairs, %" PRId64 " in flight at most", flights->threshold, seen, flights->pairs,
                    flights->depth);
    else if (flights->group)
        verdict_say(verdict, &verdict->proved, "no two variables in flight in different blocks are coupled above %g: %"
                    PRId64 " rounds, %" PRId64 " pairs, %" PRId64 " in flight at most", flights->threshold, seen,
                    flights->pairs, flights->depth);
    else if (flights->depth == 1)
        verdict_say(verdict, &verdict->proved, "one round is in flight at a time: the blocks of each of %" PRId64
                    " sampled rounds are committed together, by one certificate", seen);
    else
        verdict_say(verdict, &verdict->proved, "no two variables of different rounds in flight are coupled above %g: %"
                    PRId64 " rounds, %" PRId64 " pairs, %" PRId64 " in flight at most", flights->threshold, seen,
                    flights->pairs, flights->depth);
    if (flights->conflicts)
        verdict_say(verdict, &verdict->proved, "each of %" PRId64 " refused or joined pairs is coupled as the trace says, "
                    "within %g", flights->conflicts, FLIGHTS_SAID);
}

void flights_close(struct flights *flights)
{
    for (int i = 0; i < FLIGHTS_DEEPEST; i++) {
        buf_fini(&flights->flight[i].variables);
        buf_fini(&flights->flight[i].blocks);
    }
}
