/* ratings_fill.c - from records in the file's order to compressed columns, rows ascending.
 *
 * Each record gets its place within its column, in the file's order; then rows, values and records' numbers go
 * there one after another, so that what they came from can go.  A column whose rows do not ascend is sorted by
 * row and place, and of equal rows one is kept. */
#include "core/base/each.h"
#include "core/base/mem.h"
#include "core/base/spill.h"
#include "core/data/matrix.h"
#include "core/data/ratings.h"

#include <string.h>

enum { COLUMNS = 64, RADIX = 8, FEW = 32 }; /* columns of a part; bits of a digit; keys that are sorted by insertion */

struct fill {
    struct ratings_records *piece;
    int64_t pieces, count, cols;
    int64_t *begin;    /* [pieces]: the number of a piece's first record */
    bool times;
    int64_t *colptr;   /* [cols + 1] */
    int64_t *kept;     /* [cols]: while places are given the next one, then how many of a column are kept */
    int32_t *row;      /* [count] */
    float *value;      /* [count] */
    uint32_t *record;  /* [count], or NULL without times */
    int64_t nnz;
    int64_t *start;    /* [cols + 1]: the colptr of what is kept */
    double *values;    /* [nnz] */
};

void ratings_records_fini(struct ratings_records *records)
{
    mem_free(records->user);
    mem_free(records->item);
    mem_free(records->value);
    mem_free(records->second);
    mem_free(records->time);
    *records = (struct ratings_records){ 0 };
}

/* ---- places ------------------------------------------------------------------------------------------ */

/* colptr, and in a record's item its place. */
static void give_places(struct fill *f)
{
    for (int64_t p = 0; p < f->pieces; p++)
        for (int64_t i = 0; i < f->piece[p].count; i++)
            f->kept[f->piece[p].item[i]]++;
    f->colptr[0] = 0;
    for (int64_t j = 0; j < f->cols; j++) {
        f->colptr[j + 1] = f->colptr[j] + f->kept[j];
        f->kept[j] = f->colptr[j];
    }
    for (int64_t p = 0; p < f->pieces; p++)
        for (int64_t i = 0; i < f->piece[p].count; i++)
            f->piece[p].item[i] = (uint32_t)f->kept[f->piece[p].item[i]]++;
}

static int place_rows(void *context, int64_t p)
{
    struct fill *f = context;
    struct ratings_records *from = &f->piece[p];
    spill_said((size_t)from->count * 2 * sizeof *f->row);
    for (int64_t i = 0; i < from->count; i++)
        f->row[from->item[i]] = (int32_t)from->user[i];
    mem_free(from->user);
    from->user = NULL;
    return RONDO_OK;
}

static int place_values(void *context, int64_t p)
{
    struct fill *f = context;
    struct ratings_records *from = &f->piece[p];
    spill_said((size_t)from->count * 2 * sizeof *f->value);
    for (int64_t i = 0; i < from->count; i++)
        f->value[from->item[i]] = from->value[i];
    mem_free(from->value);
    from->value = NULL;
    return RONDO_OK;
}

/* The last that needs the places. */
static int place_records(void *context, int64_t p)
{
    struct fill *f = context;
    struct ratings_records *from = &f->piece[p];
    spill_said((size_t)from->count * 2 * sizeof *f->record);
    for (int64_t i = 0; f->times && i < from->count; i++)
        f->record[from->item[i]] = (uint32_t)(f->begin[p] + i);
    mem_free(from->item);
    from->item = NULL;
    return RONDO_OK;
}

/* ---- columns ----------------------------------------------------------------------------------------- */

/* By digits of the upper half, from the lowest on: keys of equal rows stay in their order.  Returns where they
 * are then: in key or in other. */
static uint64_t *sort_by_digits(uint64_t *key, uint64_t *other, int64_t count, uint32_t most)
{
    for (int shift = 32; shift < 64 && most >> (shift - 32); shift += RADIX) {
        int64_t start[1 << RADIX] = { 0 }, sum = 0;
        for (int64_t i = 0; i < count; i++)
            start[key[i] >> shift & ((1 << RADIX) - 1)]++;
        for (int d = 0; d < 1 << RADIX; d++) {
            int64_t of = start[d];
            start[d] = sum;
            sum += of;
        }
        for (int64_t i = 0; i < count; i++)
            other[start[key[i] >> shift & ((1 << RADIX) - 1)]++] = key[i];
        uint64_t *swap = key;
        key = other;
        other = swap;
    }
    return key;
}

static uint64_t *sort_few(uint64_t *key, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        uint64_t moved = key[i];
        int64_t at = i;
        for (; at > 0 && key[at - 1] > moved; at--)
            key[at] = key[at - 1];
        key[at] = moved;
    }
    return key;
}

static double time_of(const struct fill *f, uint32_t record)
{
    int64_t low = 0, high = f->pieces;
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        if (f->begin[middle] <= record)
            low = middle;
        else
            high = middle;
    }
    const struct ratings_records *piece = &f->piece[low];
    const int64_t at = record - f->begin[low];
    return piece->second ? (double)piece->second[at] : piece->time[at];
}

/* Is the second rating of a cell, which comes later in the file, the one to keep? */
static bool is_later(const struct fill *f, int64_t first, int64_t second)
{
    return !f->record || time_of(f, f->record[second]) >= time_of(f, f->record[first]);
}

/* room: 2 keys and a value an entry. */
static void settle_column(struct fill *f, int64_t j, uint64_t *room)
{
    int64_t begin = f->colptr[j], count = f->colptr[j + 1] - begin, kept = 0;
    int32_t *row = f->row + begin;
    float *value = f->value + begin, *old = (float *)(room + 2 * count);
    uint64_t *key = room;
    uint32_t most = 0;
    for (int64_t i = 0; i < count; i++) {
        key[i] = (uint64_t)(uint32_t)row[i] << 32 | (uint64_t)i;
        most = (uint32_t)row[i] > most ? (uint32_t)row[i] : most;
    }
    key = count <= FEW ? sort_few(key, count) : sort_by_digits(key, room + count, count, most);
    memcpy(old, value, (size_t)count * sizeof *old);
    for (int64_t i = 0, next; i < count; i = next) {
        int64_t best = (int64_t)(uint32_t)key[i];
        for (next = i + 1; next < count && key[next] >> 32 == key[i] >> 32; next++) {
            int64_t other = (int64_t)(uint32_t)key[next];
            best = is_later(f, begin + best, begin + other) ? other : best;
        }
        row[kept] = (int32_t)(key[i] >> 32);
        value[kept++] = old[best];
    }
    f->kept[j] = kept;
}

static int settle_columns(void *context, int64_t part)
{
    struct fill *f = context;
    int64_t first = part * COLUMNS, last = first + COLUMNS < f->cols ? first + COLUMNS : f->cols, most = 0;
    for (int64_t j = first; j < last; j++) {
        int64_t at = f->colptr[j], end = f->colptr[j + 1];
        spill_said((size_t)(end - at) * (sizeof *f->row + sizeof *f->value));
        f->kept[j] = end - at;
        for (at++; at < end && f->row[at - 1] < f->row[at]; at++)
            continue;
        if (at < end) {
            most = f->kept[j] > most ? f->kept[j] : most;
            f->kept[j] = -1;
        }
    }
    uint64_t *room = most ? mem_alloc((size_t)most * (2 * sizeof *room + sizeof *f->value)) : NULL;
    for (int64_t j = first; room && j < last; j++)
        if (f->kept[j] < 0)
            settle_column(f, j, room);
    mem_free(room);
    return most && !room ? RONDO_ENOMEM : RONDO_OK;
}

/* ---- the matrix ---------------------------------------------------------------------------------------- */

static int widen_columns(void *context, int64_t part)
{
    struct fill *f = context;
    int64_t first = part * COLUMNS, last = first + COLUMNS < f->cols ? first + COLUMNS : f->cols;
    for (int64_t j = first; j < last; j++) {
        const float *from = f->value + f->colptr[j];
        double *to = f->values + f->start[j];
        spill_said((size_t)f->kept[j] * (sizeof *from + sizeof *to));
        for (int64_t i = 0; i < f->kept[j]; i++)
            to[i] = (double)from[i];
    }
    return RONDO_OK;
}

/* What was left out is closed up. */
static void close_rows(struct fill *f)
{
    for (int64_t j = 0; j < f->cols; j++)
        if (f->start[j] < f->colptr[j])
            memmove(f->row + f->start[j], f->row + f->colptr[j], (size_t)f->kept[j] * sizeof *f->row);
}

/* Values become double. */
static int finish(struct fill *f, int32_t threads)
{
    f->start = mem_alloc(((size_t)f->cols + 1) * sizeof *f->start);
    if (!f->start)
        return RONDO_ENOMEM;
    f->start[0] = 0;
    for (int64_t j = 0; j < f->cols; j++)
        f->start[j + 1] = f->start[j] + f->kept[j];
    f->nnz = f->start[f->cols];
    f->values = mem_alloc((size_t)f->nnz * sizeof *f->values);
    if (!f->values)
        return RONDO_ENOMEM;
    close_rows(f);
    return each_part(threads, (f->cols + COLUMNS - 1) / COLUMNS, widen_columns, f);
}

static int begin(struct fill *f)
{
    f->begin = mem_alloc((size_t)(f->pieces + 1) * sizeof *f->begin);
    f->colptr = mem_alloc(((size_t)f->cols + 1) * sizeof *f->colptr);
    f->kept = mem_calloc((size_t)f->cols, sizeof *f->kept);
    if (!f->begin || !f->colptr || !f->kept)
        return RONDO_ENOMEM;
    for (int64_t p = 0; p < f->pieces; p++) {
        f->begin[p] = f->count;
        f->count += f->piece[p].count;
        f->times |= f->piece[p].second || f->piece[p].time;
    }
    return RONDO_OK;
}

static int fill(struct fill *f, int32_t threads)
{
    int code = begin(f);
    if (code)
        return code;
    give_places(f);
    mem_trim();
    f->row = mem_alloc((size_t)f->count * sizeof *f->row);
    if (!f->row || each_part(threads, f->pieces, place_rows, f))
        return RONDO_ENOMEM;
    mem_trim();
    f->value = mem_alloc((size_t)f->count * sizeof *f->value);
    if (!f->value || each_part(threads, f->pieces, place_values, f))
        return RONDO_ENOMEM;
    mem_trim();
    f->record = f->times ? mem_alloc((size_t)f->count * sizeof *f->record) : NULL;
    if ((f->times && !f->record) || each_part(threads, f->pieces, place_records, f))
        return RONDO_ENOMEM;
    return each_part(threads, (f->cols + COLUMNS - 1) / COLUMNS, settle_columns, f);
}

int ratings_fill(struct ratings_records *piece, int64_t pieces, int64_t users, int64_t items, int32_t threads,
                 struct rondo_matrix *x, int64_t *replaced, const char *name, struct rondo_error *err)
{
    struct fill f = { .piece = piece, .pieces = pieces, .cols = items };
    int code = fill(&f, threads);
    mem_free(f.record);
    for (int64_t p = 0; p < pieces; p++)
        ratings_records_fini(&piece[p]);
    mem_trim();
    if (!code)
        code = finish(&f, threads);
    mem_free(f.begin);
    mem_free(f.colptr);
    mem_free(f.kept);
    mem_free(f.value);
    if (code) {
        mem_free(f.start);
        mem_free(f.row);
        mem_free(f.values);
        return rondo_error_set(err, code, name, NULL, "out of memory");
    }
    *replaced = f.count - f.nnz;
    *x = (struct rondo_matrix){ .rows = users, .cols = items, .nnz = f.nnz, .sparse = true, .colptr = f.start,
                                .rowidx = f.row, .values = f.values, .bytes = matrix_sparse_bytes(items, f.nnz) };
    return RONDO_OK;
}
