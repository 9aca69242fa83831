#include "oracle/plans.h"

#include "core/base/mem.h"

#include <rondo/rng.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    HOLDOUT_STREAM = 257, /* of random numbers: rating e is held out where that of e is below the share */
    PARTS_MOST = 1 << 20,
};

static const char *const kinds[] = { "block", "shard", "chunk" };

/* ---- who owns what ------------------------------------------------------------------------------------- */

static const char *member_name(const struct plans *plans, bool columns)
{
    return plans->is_lda ? (columns ? "word" : "document") : columns ? "item" : "user";
}

static struct plans_owner *owner_of(struct plans *plans, enum trace_part_kind kind, int64_t tag)
{
    for (int i = 0; i < plans->owners; i++)
        if (plans->owner[i].kind == kind && (plans->owner[i].tag == tag || plans->owner[i].tag == -1))
            return &plans->owner[i];
    return NULL;
}

static struct plans_owner *make_owner(struct plans *plans, const struct trace_part *part)
{
    if (plans->owners == PLANS_OWNERS)
        return NULL;
    struct plans_owner *owner = &plans->owner[plans->owners];
    const int64_t size = part->columns ? plans->x->cols : plans->x->rows;
    *owner = (struct plans_owner){ .kind = part->kind, .tag = part->tag, .columns = part->columns, .size = size,
                                   .part_of = mem_alloc((size_t)size * sizeof *owner->part_of + 1) };
    if (!owner->part_of)
        return NULL;
    for (int64_t i = 0; i < size; i++)
        owner->part_of[i] = -1;
    plans->owners++;
    return owner;
}

static void find_member(struct plans *plans, const struct trace_part *part, int64_t member, int32_t other)
{
    struct finding finding = finding_of("part", -1);
    const char *name = member_name(plans, part->columns), *kind = kinds[part->kind];
    finding.first = member;
    finding.first_block = part->part;
    finding.second_block = other;
    if (other < 0)
        verdict_find(plans->verdict, finding, "%s %d has %s %" PRId64 ", which the data do not have", kind, part->part,
                     name, member);
    else
        verdict_find(plans->verdict, finding, "%s %" PRId64 " is in %s %d and in %s %d", name, member, kind, other, kind,
                     part->part);
}

static int each_part(void *context, const struct trace_part *part)
{
    struct plans *plans = context;
    struct plans_owner *owner = owner_of(plans, part->kind, part->tag);
    if (!owner)
        owner = make_owner(plans, part);
    if (!owner || part->part < 0 || part->part >= PARTS_MOST)
        return owner ? RONDO_EINPUT : RONDO_ENOMEM;
    owner->parts = part->part >= owner->parts ? part->part + 1 : owner->parts;
    for (int64_t i = 0; i < part->count; i++) {
        const int64_t member = part->members[i];
        if (member < 0 || member >= owner->size)
            find_member(plans, part, member, -1);
        else if (owner->part_of[member] >= 0)
            find_member(plans, part, member, owner->part_of[member]);
        else
            owner->part_of[member] = part->part;
    }
    const struct plans_last none = { .round = -1 };
    while (owner->last.size < (size_t)owner->parts * sizeof none)
        if (buf_append(&owner->last, &none, sizeof none))
            return RONDO_ENOMEM;
    return RONDO_OK;
}

/* ---- the data ------------------------------------------------------------------------------------------ */

/* What entry e counts: tokens; 1 for a rating, 0 where it is held out. */
static double weight_of(const struct plans *plans, int64_t e)
{
    if (plans->is_lda)
        return plans->x->values[e];
    bool held = plans->holdout > 0
                && rondo_rng_unit(plans->seed, 0, HOLDOUT_STREAM, (uint64_t)e) < plans->holdout;
    return held ? 0 : 1;
}

static void find_homeless(struct plans *plans, const struct plans_owner *owner, int64_t member, double weight)
{
    if (plans->is_lda && owner->kind == TRACE_PART_BLOCK && weight * owner->parts > plans->entries) {
        plans->free_words++;
        plans->free_tokens += (int64_t)weight;
        return;
    }
    struct finding finding = finding_of("part", -1);
    finding.first = member;
    verdict_find(plans->verdict, finding, "%s %" PRId64 " is in no %s", member_name(plans, owner->columns), member,
                 kinds[owner->kind]);
}

/* Whatever has an entry is in a part. */
static int check_cover(struct plans *plans, struct plans_owner *owner)
{
    double *weight = mem_calloc((size_t)owner->size + 1, sizeof *weight);
    owner->filled = mem_calloc((size_t)owner->parts + 1, sizeof *owner->filled);
    if (!weight || !owner->filled) {
        mem_free(weight);
        return RONDO_ENOMEM;
    }
    for (int64_t j = 0; j < plans->x->cols; j++)
        for (int64_t e = plans->x->colptr[j]; e < plans->x->colptr[j + 1]; e++)
            weight[owner->columns ? j : plans->x->rowidx[e]] += weight_of(plans, e);
    plans->entries = 0;
    for (int64_t i = 0; i < owner->size; i++)
        plans->entries += weight[i];
    for (int64_t i = 0; i < owner->size; i++)
        if (weight[i] > 0 && owner->part_of[i] < 0)
            find_homeless(plans, owner, i, weight[i]);
        else if (weight[i] > 0)
            owner->filled[owner->part_of[i]]++;
    mem_free(weight);
    return RONDO_OK;
}

static int each_cell(void *context, const struct trace_cell *cell)
{
    struct plans *plans = context;
    plans->has_cells = true;
    if (cell->block < 0 || cell->block >= plans->blocks || cell->shard < 0 || cell->shard >= plans->shards) {
        struct finding finding = finding_of("cell", -1);
        finding.first_block = cell->block;
        finding.second_block = cell->shard;
        verdict_find(plans->verdict, finding, "there is no block %d or no shard %d, whose cell has a cost", cell->block,
                     cell->shard);
        return RONDO_OK;
    }
    plans->cell[(int64_t)cell->block * plans->shards + cell->shard] = cell->cost;
    return RONDO_OK;
}

static void count_cells(struct plans *plans, const struct plans_owner *blocks, const struct plans_owner *shards)
{
    for (int64_t j = 0; j < plans->x->cols; j++)
        for (int64_t e = plans->x->colptr[j]; e < plans->x->colptr[j + 1]; e++) {
            const int64_t i = plans->x->rowidx[e];
            const int32_t block = blocks->part_of[blocks->columns ? j : i];
            const int32_t shard = shards->part_of[shards->columns ? j : i];
            if (shard >= 0 && block >= 0)
                plans->counted[(int64_t)block * plans->shards + shard] += weight_of(plans, e);
            else if (shard >= 0)
                plans->loose[shard] += weight_of(plans, e);
        }
}

static void find_cell(struct plans *plans, int32_t block, int32_t shard, double said, double counted)
{
    struct finding finding = finding_of("cell", -1);
    finding.first_block = block;
    finding.second_block = shard;
    finding.value = counted;
    finding.bound = said;
    if (block < 0)
        verdict_find(plans->verdict, finding, "the cells of shard %d cost %.17g beside the words in blocks, and the data "
                     "have %.17g", shard, said, counted);
    else
        verdict_find(plans->verdict, finding, "the cell of block %d and shard %d costs %.17g, and the data have %.17g",
                     block, shard, said, counted);
}

/* Counts are whole numbers: exact. */
static void compare_cells(struct plans *plans)
{
    for (int32_t s = 0; s < plans->shards; s++) {
        double beside = 0;
        for (int32_t b = 0; b < plans->blocks; b++) {
            const int64_t at = (int64_t)b * plans->shards + s;
            const double more = plans->cell[at] - plans->counted[at];
            beside += more;
            if (more < 0 || (more > 0 && plans->free_words == 0))
                find_cell(plans, b, s, plans->cell[at], plans->counted[at]);
        }
        if (plans->free_words && (beside < plans->loose[s] || beside > plans->loose[s]))
            find_cell(plans, -1, s, beside, plans->loose[s]);
    }
}

static int check_cells(struct plans *plans, const struct subject *subject, struct rondo_error *err)
{
    const struct plans_owner *blocks = owner_of(plans, TRACE_PART_BLOCK, -1), *shards = owner_of(plans, TRACE_PART_SHARD, -1);
    if (!blocks || !shards)
        return RONDO_OK;
    plans->blocks = blocks->parts;
    plans->shards = shards->parts;
    const size_t cells = (size_t)plans->blocks * (size_t)plans->shards + 1;
    plans->cell = mem_calloc(cells, sizeof(double));
    plans->counted = mem_calloc(cells, sizeof(double));
    plans->loose = mem_calloc((size_t)plans->shards + 1, sizeof(double));
    if (!plans->cell || !plans->counted || !plans->loose)
        return RONDO_ENOMEM;
    int code = reader_cells(subject->reader, each_cell, plans, err);
    if (code || !plans->has_cells)
        return code;
    plans->counts_cells = true;
    count_cells(plans, blocks, shards);
    compare_cells(plans);
    return RONDO_OK;
}

int plans_open(struct plans *plans, const struct subject *subject, struct verdict *verdict, struct rondo_error *err)
{
    const struct rondo_job *job = subject->job;
    const bool is_lda = strcmp(job_app(job)->name, "lda") == 0;
    *plans = (struct plans){ .verdict = verdict, .is_lda = is_lda, .seed = (uint64_t)job_integer(job, "seed"),
                             .x = subject->host.matrix(job, is_lda ? "docs" : "train") };
    if (!plans->x || !plans->x->sparse)
        return rondo_error_set(err, RONDO_EINPUT, "/data", NULL, "the job's data are not there");
    if (!is_lda && subject->host.given(job, "params.holdout"))
        plans->holdout = subject->host.real(job, "params.holdout");
    plans->counts_axes = !is_lda && strcmp(subject->host.text(job, "params.solver"), "ccd") == 0;
    plans->biases = plans->counts_axes && subject->host.flag(job, "params.biases");
    int code = reader_parts(subject->reader, each_part, plans, err);
    for (int i = 0; i < plans->owners && !code; i++)
        code = check_cover(plans, &plans->owner[i]);
    return code ? code : check_cells(plans, subject, err);
}

/* ---- rounds -------------------------------------------------------------------------------------------- */

static void find_task(struct plans *plans, const struct trace_round *round, const struct trace_task *task,
                      enum trace_part_kind kind, int32_t part, const struct plans_last *before)
{
    struct finding finding = finding_of("task", round->round);
    finding.first_block = task->block;
    finding.second_block = task->shard;
    finding.other_round = before->round;
    if (before->round == round->round && before->phase == task->phase)
        verdict_find(plans->verdict, finding, "round %" PRId64 ", phase %d: two tasks own %s %d", round->round,
                     task->phase, kinds[kind], part);
    else
        verdict_find(plans->verdict, finding, "round %" PRId64 ", phase %d: %s %d was with a task of round %" PRId64
                     " until %" PRId64 " ns, and was sent at %" PRId64 " ns", round->round, task->phase, kinds[kind], part,
                     before->round, before->done_ns, task->sent_ns);
}

/* A task takes a part. */
static void own(struct plans *plans, const struct trace_round *round, const struct trace_task *task,
                struct plans_owner *owner, int32_t part)
{
    if (part < 0 || part >= owner->parts) {
        struct finding finding = finding_of("task", round->round);
        finding.first_block = part;
        verdict_find(plans->verdict, finding, "round %" PRId64 ": a task is of %s %d, which owns nothing", round->round,
                     kinds[owner->kind], part);
        return;
    }
    struct plans_last *last = &((struct plans_last *)(void *)owner->last.data)[part];
    plans->owned++;
    if (last->round >= 0
        && ((last->round == round->round && last->phase == task->phase) || task->sent_ns < last->done_ns))
        find_task(plans, round, task, owner->kind, part, last);
    *last = (struct plans_last){ .round = round->round, .done_ns = task->done_ns, .phase = task->phase };
}

/* Of chunks those of one side move in a phase, each of them, and those of no other side meanwhile. */
static void check_side(struct plans *plans, const struct trace_round *round, const struct plans_owner *owner,
                       int32_t phase, int64_t begin_ns, int64_t tasks)
{
    struct finding finding = finding_of("chunk", round->round);
    if (tasks != owner->parts)
        verdict_find(plans->verdict, finding, "round %" PRId64 ", phase %d: %" PRId64 " of %d chunks of %ss were solved",
                     round->round, phase, tasks, owner->parts, member_name(plans, owner->columns));
    for (int i = 0; i < plans->owners; i++) {
        const struct plans_owner *other = &plans->owner[i];
        const struct plans_last *last = (const struct plans_last *)(const void *)other->last.data;
        for (int32_t c = 0; other != owner && other->kind == TRACE_PART_CHUNK && c < other->parts; c++)
            if (last[c].round >= 0 && last[c].done_ns > begin_ns) {
                finding.other_round = last[c].round;
                verdict_find(plans->verdict, finding, "round %" PRId64 ", phase %d: %ss were solved while those that they "
                             "have in common were, in round %" PRId64, round->round, phase,
                             member_name(plans, owner->columns), last[c].round);
                return;
            }
    }
}

static bool owns(const struct trace_task *task)
{
    return task->work == TRACE_PUSH || task->work == TRACE_FUSED;
}

/* The tasks [from, to) of one phase. */
static void check_phase(struct plans *plans, const struct trace_round *round, int32_t from, int32_t to)
{
    struct plans_owner *side = NULL;
    int64_t begin_ns = INT64_MAX, tasks = 0;
    for (int32_t i = from; i < to; i++) {
        const struct trace_task *task = &round->task[i];
        if (!owns(task))
            continue;
        struct plans_owner *blocks = owner_of(plans, TRACE_PART_BLOCK, task->tag);
        struct plans_owner *shards = owner_of(plans, TRACE_PART_SHARD, task->tag);
        struct plans_owner *chunks = owner_of(plans, TRACE_PART_CHUNK, task->tag);
        plans->tasks++;
        if (blocks)
            own(plans, round, task, blocks, task->block);
        if (shards)
            own(plans, round, task, shards, task->shard);
        if (chunks)
            own(plans, round, task, chunks, task->block);
        if (chunks) {
            side = chunks;
            tasks++;
            begin_ns = task->sent_ns < begin_ns ? task->sent_ns : begin_ns;
            plans->cost += task->block >= 0 && task->block < chunks->parts ? (double)chunks->filled[task->block] : 0;
        }
        if (task->phase == 0 && plans->counts_cells && task->block >= 0 && task->block < plans->blocks
            && task->shard >= 0 && task->shard < plans->shards)
            plans->cost += plans->cell[(int64_t)task->block * plans->shards + task->shard];
    }
    if (side)
        check_side(plans, round, side, round->task[from].phase, begin_ns, tasks);
}

static bool is_axis(const struct plans *plans, int64_t updates)
{
    return plans->biases && (updates == plans->x->rows || updates == plans->x->cols);
}

/* Counts are whole numbers: exact. */
static void check_updates(struct plans *plans, const struct trace_round *round)
{
    const double axes = (double)(plans->x->rows + plans->x->cols), counted = plans->counts_axes ? axes : plans->cost;
    const double said = (double)round->updates;
    plans->counted_rounds++;
    if ((counted <= said && counted >= said) || is_axis(plans, round->updates))
        return;
    struct finding finding = finding_of("updates", round->round);
    finding.value = counted;
    finding.bound = said;
    verdict_find(plans->verdict, finding, "round %" PRId64 ": by the data its tasks have %.17g, and the updates come to %"
                 PRId64, round->round, counted, round->updates);
}

int plans_round(struct plans *plans, const struct trace_round *round)
{
    plans->rounds++;
    plans->cost = 0;
    if (strcmp(round->kind, "sampled") == 0)
        verdict_find(plans->verdict, finding_of("task", round->round), "round %" PRId64 ": the trace says that it was"
                     " sampled, and this app samples none", round->round);
    for (int32_t from = 0, to; from < round->tasks; from = to) {
        for (to = from + 1; to < round->tasks && round->task[to].phase == round->task[from].phase;)
            to++;
        check_phase(plans, round, from, to);
    }
    if (round->tasks > 0 && plans->owners > 0)
        check_updates(plans, round);
    return RONDO_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------- */

static void say_owners(struct plans *plans)
{
    for (int i = 0; i < plans->owners; i++) {
        const struct plans_owner *owner = &plans->owner[i];
        verdict_say(plans->verdict, &plans->verdict->proved, "%ss are disjoint and have all %ss of the data%s: %d in all",
                    kinds[owner->kind], member_name(plans, owner->columns),
                    owner->kind == TRACE_PART_BLOCK && plans->free_words ? " but those below" : "", owner->parts);
    }
    if (plans->free_words)
        verdict_say(plans->verdict, &plans->verdict->not_proved, "%" PRId64 " words, of %" PRId64 " tokens, are in no block: "
                    "all tasks draw them by counts of the round before", plans->free_words, plans->free_tokens);
}

void plans_end(struct plans *plans)
{
    struct verdict *verdict = plans->verdict;
    if (!plans->owners) {
        verdict_say(verdict, &verdict->lacks, "it does not say what blocks, shards or chunks own");
        return;
    }
    say_owners(plans);
    verdict_say(verdict, &verdict->not_proved, "objectives, times, and who did a task are taken from the trace");
    if (plans->rounds && !plans->tasks)
        verdict_say(verdict, &verdict->lacks, "it has no tasks");
    else
        verdict_say(verdict, &verdict->proved, "nothing was owned by two tasks at once: %" PRId64 " rounds, %" PRId64
                    " tasks, %" PRId64 " times a part", plans->rounds, plans->tasks, plans->owned);
    if (plans->counts_cells)
        verdict_say(verdict, &verdict->proved, "each of %" PRId64 " cells costs what the data have",
                    (int64_t)plans->blocks * plans->shards);
    if (plans->counted_rounds)
        verdict_say(verdict, &verdict->proved, "the updates of each of %" PRId64 " rounds are what its tasks have in the data",
                    plans->counted_rounds);
}

void plans_close(struct plans *plans)
{
    for (int i = 0; i < plans->owners; i++) {
        mem_free(plans->owner[i].part_of);
        mem_free(plans->owner[i].filled);
        buf_fini(&plans->owner[i].last);
    }
    mem_free(plans->cell);
    mem_free(plans->counted);
    mem_free(plans->loose);
}
