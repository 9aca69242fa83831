#include "oracle/whole.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/job/jsonin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RESULT_MOST = 64 << 20 };

static const char *const levels[] = { "off", "rounds", "blocks", "all" };

void whole_open(struct whole *whole, const struct subject *subject, bool by_tags, struct verdict *verdict)
{
    *whole = (struct whole){ .subject = subject, .verdict = verdict, .by_tags = by_tags };
}

/* A trace's numbers are any: a sum that overflows is no job's. */
static void add(int64_t *sum, int64_t value)
{
    if (__builtin_add_overflow(*sum, value, sum))
        *sum = INT64_MIN;
}

/* ---- tasks --------------------------------------------------------------------------------------------- */

/* One phase: its tasks [from, to), those for couplings aside. */
struct phase {
    const struct trace_task *task;
    int32_t tasks, pushes, pulls;
    int32_t blocks;   /* the highest, and 1 */
};

static bool is_push(const struct trace_task *task)
{
    return task->work == TRACE_PUSH || task->work == TRACE_FUSED;
}

static struct phase phase_of(const struct trace_round *round, int32_t from, int32_t to)
{
    struct phase phase = { .task = round->task + from, .tasks = to - from };
    for (int32_t i = from; i < to; i++) {
        const struct trace_task *task = &round->task[i];
        phase.pushes += is_push(task);
        phase.pulls += task->work == TRACE_PULL;
        if (is_push(task) && task->block >= phase.blocks && task->block < INT32_MAX)
            phase.blocks = task->block + 1;
    }
    return phase;
}

static struct whole_fellows *fellows_of(struct whole *whole, uint32_t tag)
{
    for (int i = 0; i < whole->tags; i++)
        if (whole->fellows[i].tag == tag)
            return &whole->fellows[i];
    if (whole->tags == WHOLE_TAGS)
        return NULL;
    whole->fellows[whole->tags] = (struct whole_fellows){ .tag = tag };
    return &whole->fellows[whole->tags++];
}

/* As many as those before it? */
static void join_fellows(struct whole_fellows *fellows, int32_t tasks, bool pulled)
{
    if (tasks > fellows->most) {
        fellows->most = tasks;
        fellows->fewer = fellows->phases;
    }
    fellows->phases++;
    fellows->fewer += tasks < fellows->most;
    fellows->pulled += pulled;
}

/* Is each of (block, shard) there once? */
static bool is_full(struct whole *whole, const struct phase *phase, int32_t shards)
{
    const size_t room = (size_t)phase->pushes * sizeof(int64_t);
    const int64_t number = ++whole->phases;
    if (whole->seen.size < room) {
        if (buf_reserve(&whole->seen, room)) {
            whole->verdict->failed = true;
            return true;
        }
        memset(whole->seen.data + whole->seen.size, 0, room - whole->seen.size);
        whole->seen.size = room;
    }
    int64_t *seen = (int64_t *)(void *)whole->seen.data;
    for (int32_t i = 0; i < phase->tasks; i++) {
        const struct trace_task *task = &phase->task[i];
        const int64_t at = (int64_t)task->block * shards + (task->shard > 0 ? task->shard : 0);
        if (!is_push(task))
            continue;
        if (at < 0 || at >= phase->pushes || seen[at] == number)
            return false;
        seen[at] = number;
    }
    return true;
}

/* Has a phase as many tasks as its round and its fellows say? */
static bool is_phase_whole(struct whole *whole, const struct trace_round *round, const struct phase *phase)
{
    const bool first = phase->task[0].phase == 0, plan = strcmp(round->kind, "plan") == 0;
    struct whole_fellows *fellows = whole->by_tags && !(plan && first) ? fellows_of(whole, phase->task[0].tag) : NULL;
    if (plan) {
        if (fellows)
            join_fellows(fellows, phase->pushes, phase->pulls > 0);
        return first ? phase->pushes == round->blocks : phase->pushes >= round->blocks;
    }
    const int32_t blocks = first ? round->blocks : phase->blocks;
    if (blocks <= 0 || phase->pushes < blocks || phase->pushes % blocks != 0)
        return false;
    if (fellows)
        join_fellows(fellows, phase->pushes / blocks, phase->pulls > 0);
    return (phase->pulls == 0 || phase->pulls == blocks) && is_full(whole, phase, phase->pushes / blocks);
}

static bool has_tasks(struct whole *whole, const struct trace_round *round)
{
    int32_t phases = 0;
    bool all = true;
    for (int32_t from = 0, to; from < round->tasks; from = to) {
        for (to = from; to < round->tasks && round->task[to].phase == round->task[from].phase;)
            to++;
        const struct phase phase = phase_of(round, from, to);
        if (phase.pushes == 0)
            continue;
        phases++;
        all = is_phase_whole(whole, round, &phase) && all;
    }
    return all && (round->blocks == 0 || phases == round->phases);
}

/* ---- lists --------------------------------------------------------------------------------------------- */

/* At level all: do the lists of a round come to what it counts? */
static bool is_listed(const struct trace_round *round)
{
    int64_t joined = 0, taken = 0;
    for (int32_t i = 0; i < round->conflicts; i++)
        joined += round->conflict[i].joined;
    for (int32_t i = 0; round->block && i < round->blocks; i++)
        add(&taken, round->block[i].count);
    return joined == round->joined && round->conflicts - joined == round->refused && round->draws == round->drawn
           && taken == round->taken;
}

/* A plan is made behind the commit of the round `pipeline` before: it lacks those in between. */
static void check_staleness(struct whole *whole, const struct trace_round *round)
{
    const int64_t most = whole->subject->pipeline - 1;
    const int64_t lacks = round->round - 1 < most ? round->round - 1 : most;
    if (round->round <= 0 || round->staleness == lacks)
        return;
    struct finding finding = finding_of("count", round->round);
    finding.value = (double)lacks;
    finding.bound = (double)round->staleness;
    verdict_find(whole->verdict, finding, "round %" PRId64 ": it was planned %" PRId64 " commit%s behind, and the trace says %d",
                 round->round, lacks, lacks == 1 ? "" : "s", round->staleness);
}

void whole_round(struct whole *whole, const struct trace_round *round)
{
    check_staleness(whole, round);
    int64_t next = whole->last;
    add(&next, 1);
    if (round->round != next && !whole->gaps++)
        whole->first_gap = next;
    whole->last = round->round;
    whole->rounds++;
    add(&whole->updates, round->updates);
    whole->tasks += round->tasks;
    for (int32_t i = 0; i < round->tasks; i++) {
        const struct trace_task *task = &round->task[i];
        whole->undone += task->done_ns < task->sent_ns || task->done_ns <= 0;
    }
    whole->bare += !has_tasks(whole, round);
    if (reader_level(whole->subject->reader) >= TRACE_ALL && !is_listed(round) && !whole->short_of++)
        whole->first_short = round->round;
}

/* What a job says of itself; -1: it does not. */
struct said {
    int64_t rounds, updates;
};

/* In result.json beside the trace. */
static struct said said_by_result(const struct subject *subject)
{
    char path[sizeof subject->dir + 16], *text = NULL;
    struct jsonin *root = NULL;
    struct said said = { -1, -1 };
    size_t size;
    snprintf(path, sizeof path, "%s/result.json", subject->dir);
    if (file_read(path, RESULT_MOST, &text, &size, NULL) == 0 && jsonin_parse(text, size, &root) == 0) {
        jsonin_integer(root, "updates", &said.updates);
        jsonin_integer(root, "rounds", &said.rounds);
    }
    jsonin_free(root);
    mem_free(text);
    return said;
}

static void compare(const struct whole *whole, struct said said, const char *who)
{
    struct verdict *verdict = whole->verdict;
    if (said.rounds >= 0 && said.rounds != whole->last)
        verdict_say(verdict, &verdict->lacks, "its last round is %" PRId64 ", and %s says %" PRId64, whole->last, who,
                    said.rounds);
    if (said.updates >= 0 && said.updates != whole->updates)
        verdict_say(verdict, &verdict->lacks, "the rounds' updates come to %" PRId64 ", and %s says %" PRId64,
                    whole->updates, who, said.updates);
}

static bool is_end(const char *state)
{
    static const char *const ends[] = { "completed", "failed", "cancelled", "interrupted" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strcmp(state, ends[i]) == 0)
            return true;
    return false;
}

static void say_fellows(struct whole *whole)
{
    for (int i = 0; i < whole->tags; i++) {
        const struct whole_fellows *fellows = &whole->fellows[i];
        const int64_t bare = fellows->pulled ? fellows->phases - fellows->pulled : 0;
        if (fellows->fewer || bare)
            verdict_say(whole->verdict, &whole->verdict->lacks, "of %" PRId64 " phases of tag %" PRIu32 " %" PRId64 " have fewer "
                        "tasks than others, and %" PRId64 " no pulls", fellows->phases, fellows->tag, fellows->fewer, bare);
    }
}

void whole_end(struct whole *whole, enum trace_level needs)
{
    const struct subject *subject = whole->subject;
    struct verdict *verdict = whole->verdict;
    const enum trace_level level = reader_level(subject->reader);
    const int before = verdict->lacks.count;
    if (level < needs)
        verdict_say(verdict, &verdict->lacks, "it was kept at level \"%s\", and \"%s\" is needed", levels[level],
                    levels[needs]);
    if (!is_end(subject->state))
        verdict_say(verdict, &verdict->lacks, "the job had not ended when it was written");
    if (subject->dropped != 0)
        verdict_say(verdict, &verdict->lacks, subject->dropped < 0 ? "it does not say how many rounds were dropped"
                                                                   : "%" PRId64 " rounds were dropped", subject->dropped);
    if (whole->rounds == 0)
        verdict_say(verdict, &verdict->lacks, "it has no rounds");
    if (whole->gaps)
        verdict_say(verdict, &verdict->lacks, "its rounds have %" PRId64 " gap%s, the first at round %" PRId64, whole->gaps,
                    whole->gaps == 1 ? "" : "s", whole->first_gap);
    if (whole->undone)
        verdict_say(verdict, &verdict->lacks, "%" PRId64 " of %" PRId64 " tasks have no end", whole->undone, whole->tasks);
    if (whole->bare && level > TRACE_ROUNDS)
        verdict_say(verdict, &verdict->lacks, "%" PRId64 " rounds have other tasks than their blocks and phases want",
                    whole->bare);
    say_fellows(whole);
    if (whole->short_of)
        verdict_say(verdict, &verdict->lacks, "%" PRId64 " rounds, the first %" PRId64 ", have other lists of what was drawn, "
                    "refused, joined or taken than they count", whole->short_of, whole->first_short);
    if (is_end(subject->state) && subject->updates < 0)
        verdict_say(verdict, &verdict->lacks, "it does not say how many updates the job made");
    compare(whole, (struct said){ subject->rounds, subject->updates }, "the job");
    compare(whole, said_by_result(subject), "result.json");
    if (before == verdict->lacks.count)
        verdict_say(verdict, &verdict->proved, "the trace is whole: %" PRId64 " rounds from 1 on, %" PRId64 " tasks, %" PRId64
                    " updates as the job says", whole->rounds, whole->tasks, whole->updates);
}

void whole_close(struct whole *whole)
{
    buf_fini(&whole->seen);
}
