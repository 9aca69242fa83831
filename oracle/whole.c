#include "oracle/whole.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/job/jsonin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RESULT_MOST = 64 << 20 };

static const char *const levels[] = { "off", "rounds", "blocks", "all" };

void whole_open(struct whole *whole, const struct subject *subject, struct verdict *verdict)
{
    *whole = (struct whole){ .subject = subject, .verdict = verdict };
}

/* A trace's numbers are any: a sum that overflows is no job's. */
static void add(int64_t *sum, int64_t value)
{
    if (__builtin_add_overflow(*sum, value, sum))
        *sum = INT64_MIN;
}

void whole_round(struct whole *whole, const struct trace_round *round)
{
    int64_t next = whole->last;
    add(&next, 1);
    if (round->round != next && !whole->gaps++)
        whole->first_gap = next;
    whole->last = round->round;
    whole->rounds++;
    add(&whole->updates, round->updates);
    whole->tasks += round->tasks;
    int32_t first = 0;
    for (int32_t i = 0; i < round->tasks; i++) {
        const struct trace_task *task = &round->task[i];
        whole->undone += task->done_ns < task->sent_ns || task->done_ns <= 0;
        first += task->phase == 0 && (task->work == TRACE_PUSH || task->work == TRACE_FUSED);
    }
    whole->bare += first < round->blocks;
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
        verdict_say(verdict, &verdict->lacks, "%" PRId64 " rounds have fewer tasks than blocks", whole->bare);
    if (is_end(subject->state) && subject->updates < 0)
        verdict_say(verdict, &verdict->lacks, "it does not say how many updates the job made");
    compare(whole, (struct said){ subject->rounds, subject->updates }, "the job");
    compare(whole, said_by_result(subject), "result.json");
    if (before == verdict->lacks.count)
        verdict_say(verdict, &verdict->proved, "the trace is whole: %" PRId64 " rounds from 1 on, %" PRId64 " tasks, %" PRId64
                    " updates as the job says", whole->rounds, whole->tasks, whole->updates);
}
