#include "core/trace/record.h"

#include <string.h>

_Static_assert(sizeof(struct record) % RECORD_ALIGNMENT == 0, "what stands behind it is aligned");

/* Where copies go; base NULL: only to see how much room they take. */
struct tray {
    unsigned char *base;
    size_t size;
};

static void *place(struct tray *tray, const void *from, size_t bytes)
{
    void *to = tray->base ? tray->base + tray->size : NULL;
    if (to && bytes)
        memcpy(to, from, bytes);
    tray->size += (bytes + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
    return to;
}

static void pack_blocks(struct tray *tray, const struct trace_round *round, struct trace_round *to)
{
    struct trace_block *block = place(tray, round->block, (size_t)round->blocks * sizeof *block);
    for (int32_t i = 0; i < round->blocks; i++) {
        const int64_t *variables = round->block[i].variables;
        size_t bytes = variables ? (size_t)round->block[i].count * sizeof *variables : 0;
        const int64_t *copy = place(tray, variables, bytes);
        if (block)
            block[i].variables = variables ? copy : NULL;
    }
    if (to)
        to->block = block;
}

/* What neither the level nor a digest wants stays behind. */
static void pack_round(struct tray *tray, const struct trace_round *round, enum trace_level keep)
{
    struct trace_round less = *round;
    if (keep < TRACE_BLOCKS || !less.block)
        less.block = NULL;
    if (keep < TRACE_BLOCKS || !less.task)
        less.tasks = 0;
    if (keep < TRACE_ALL)
        less.draws = less.moves = less.conflicts = 0;
    struct trace_round *to = place(tray, &less, sizeof less);
    if (less.block)
        pack_blocks(tray, &less, to);
    void *task = place(tray, less.task, (size_t)less.tasks * sizeof *less.task);
    void *conflict = place(tray, less.conflict, (size_t)less.conflicts * sizeof *less.conflict);
    void *draw = place(tray, less.draw, (size_t)less.draws * sizeof *less.draw);
    void *weight = place(tray, less.weight, (size_t)less.draws * sizeof *less.weight);
    void *move = place(tray, less.move, (size_t)less.moves * sizeof *less.move);
    void *delta = place(tray, less.delta, (size_t)less.moves * sizeof *less.delta);
    if (!to)
        return;
    to->task = less.tasks ? task : NULL;
    to->conflict = less.conflicts ? conflict : NULL;
    to->draw = less.draws ? draw : NULL;
    to->weight = less.draws ? weight : NULL;
    to->move = less.moves ? move : NULL;
    to->delta = less.moves ? delta : NULL;
}

static void pack_report(struct tray *tray, const struct trace_report *report)
{
    struct trace_report *to = place(tray, report, sizeof *report);
    const char **key = place(tray, report->key, (size_t)report->count * sizeof *key);
    void *value = place(tray, report->value, (size_t)report->count * sizeof *report->value);
    for (int32_t i = 0; i < report->count; i++) {
        const char *copy = place(tray, report->key[i], strlen(report->key[i]) + 1);
        if (key)
            key[i] = copy;
    }
    if (to) {
        to->key = key;
        to->value = value;
    }
}

static void pack_part(struct tray *tray, const struct trace_part *part)
{
    struct trace_part *to = place(tray, part, sizeof *part);
    void *members = place(tray, part->members, (size_t)part->count * sizeof *part->members);
    if (to)
        to->members = members;
}

static void pack_cells(struct tray *tray, const struct record_cells *cells)
{
    struct record_cells *to = place(tray, cells, sizeof *cells);
    void *cell = place(tray, cells->cell, (size_t)cells->count * sizeof *cells->cell);
    if (to)
        to->cell = cell;
}

size_t record_pack(unsigned char *base, enum record_kind kind, const void *what, enum trace_level keep)
{
    struct tray tray = { base, 0 };
    struct record record = { 0, kind };
    struct record *to = place(&tray, &record, sizeof record);
    switch (kind) {
    case RECORD_GAP: break;
    case RECORD_ROUND: pack_round(&tray, what, keep); break;
    case RECORD_REPORT: pack_report(&tray, what); break;
    case RECORD_PART: pack_part(&tray, what); break;
    case RECORD_CELLS: pack_cells(&tray, what); break;
    }
    if (to)
        to->bytes = tray.size;
    return tray.size;
}
