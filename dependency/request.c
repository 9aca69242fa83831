#include "dependency/request.h"

#include "core/base/mem.h"

#include <rondo/err.h>

#include <assert.h>

size_t request_bytes(int64_t pairs, int64_t columns)
{
    return ((size_t)pairs + 2 * (size_t)columns + 1) * sizeof(int64_t);
}

int request_init(struct request *request, int64_t pairs, int64_t columns)
{
    *request = (struct request){ .pairs_max = pairs, .columns_max = columns };
    request->column = mem_alloc((size_t)columns * sizeof *request->column);
    request->ptr = mem_alloc(((size_t)columns + 1) * sizeof *request->ptr);
    request->row = mem_alloc((size_t)pairs * sizeof *request->row);
    if (!request->column || !request->ptr || !request->row) {
        request_fini(request);
        return RONDO_ENOMEM;
    }
    request_open(request);
    return RONDO_OK;
}

void request_fini(struct request *request)
{
    mem_free(request->column);
    mem_free(request->ptr);
    mem_free(request->row);
    *request = (struct request){ 0 };
}

static void forget(struct request *request)
{
    request->columns = 0;
    request->ptr[0] = 0;
}

void request_open(struct request *request)
{
    request->walked = 0;
    forget(request);
}

/* Lists the rows that are missing for one column; false where they might not fit. */
static bool walk_column(struct request *request, const struct cache *cache, int32_t column,
                        const int32_t *rows, int64_t row_count)
{
    assert(row_count <= request->pairs_max);
    int64_t end = request->ptr[request->columns];
    if (request->columns == request->columns_max || row_count > request->pairs_max - end)
        return false;
    const uint64_t *mine = cache->known + (size_t)column * cache->row_words;
    int64_t *row = request->row;
    int64_t at = end;
    for (int64_t i = 0; i < row_count; i++) {
        int32_t slot = rows[i];
        if (!bitset_has(mine, slot) || !cache_knows(cache, column, slot))
            row[at++] = cache->owner[slot];
    }
    if (at > end) {
        request->column[request->columns++] = cache->owner[column];
        request->ptr[request->columns] = at;
    }
    return true;
}

static bool listed(const struct request *request, struct rondo_pairs *need)
{
    if (request->columns == 0)
        return false;
    *need = (struct rondo_pairs){
        .columns = request->columns, .column = request->column, .ptr = request->ptr,
        .row = request->row
    };
    return true;
}

bool request_rectangle(struct request *request, const struct cache *cache, const int32_t *columns,
                       int64_t column_count, const int32_t *rows, int64_t row_count,
                       struct rondo_pairs *need)
{
    forget(request);
    while (request->walked < column_count &&
           walk_column(request, cache, columns[request->walked], rows, row_count))
        request->walked++;
    return listed(request, need);
}

bool request_triangle(struct request *request, const struct cache *cache, const int32_t *slots,
                      int64_t count, struct rondo_pairs *need)
{
    forget(request);
    while (request->walked < count &&
           walk_column(request, cache, slots[request->walked], slots, request->walked))
        request->walked++;
    return listed(request, need);
}

void request_answer(struct request *request, struct cache *cache, int64_t from, int64_t to,
                    const double *values)
{
    assert(from >= 0 && to <= request->columns);
    int64_t base = request->ptr[from];
    for (int64_t c = from; c < to; c++) {
        int32_t column = cache_slot(cache, request->column[c]);
        for (int64_t i = request->ptr[c]; i < request->ptr[c + 1]; i++)
            cache_put(cache, column, cache_slot(cache, request->row[i]), values[i - base]);
    }
}
