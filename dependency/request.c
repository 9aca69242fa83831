#include "dependency/request.h"

#include "core/base/mem.h"

#include <rondo/err.h>

#include <assert.h>

enum { PARTS_MOST = 32, PART_PAIRS = 1 << 16 }; /* pairs of a part: about 0.1 ms */

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

/* Lists the rows that are missing for one column, of those gathered; false where they might not fit. */
static bool walk_column(struct request *request, const struct cache *cache, int32_t column,
                        int64_t row_count)
{
    assert(row_count <= request->pairs_max);
    int64_t end = request->ptr[request->columns];
    if (request->columns == request->columns_max || row_count > request->pairs_max - end)
        return false;
    int64_t missing = cache_missing(cache, column, request->row + end);
    if (missing) {
        request->column[request->columns++] = cache->owner[column];
        request->ptr[request->columns] = end + missing;
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

bool request_rectangle(struct request *request, struct cache *cache, const int32_t *columns,
                       int64_t column_count, const int32_t *rows, int64_t row_count,
                       struct rondo_pairs *need)
{
    forget(request);
    request->triangle = false;
    cache_gather(cache, rows, row_count);
    while (request->walked < column_count &&
           walk_column(request, cache, columns[request->walked], row_count))
        request->walked++;
    return listed(request, need);
}

static bool ascending(const int32_t *slots, int64_t count)
{
    for (int64_t i = 1; i < count; i++)
        if (slots[i] <= slots[i - 1])
            return false;
    return true;
}

bool request_triangle(struct request *request, struct cache *cache, const int32_t *slots,
                      int64_t count, struct rondo_pairs *need)
{
    forget(request);
    request->triangle = ascending(slots, count);
    cache_gather(cache, slots, request->walked);
    for (; request->walked < count &&
           walk_column(request, cache, slots[request->walked], request->walked); request->walked++)
        cache_gather_one(cache, slots[request->walked]);
    return listed(request, need);
}

/* Columns that are shared.  Of a triangle of ascending slots, two parts whose columns stand in
 * different words of bits write no word in common: (row, column) is the column's word, and (column, row) is
 * in a word of an earlier column's or its own. */
struct answer {
    const struct request *request;
    struct cache *cache;
    const double *values; /* of the first column of the first part */
    int64_t parts, from[PARTS_MOST + 1];
};

static int put_part(void *context, int64_t part)
{
    const struct answer *answer = context;
    const struct request *request = answer->request;
    int64_t base = request->ptr[answer->from[0]];
    for (int64_t c = answer->from[part]; c < answer->from[part + 1]; c++) {
        int32_t column = cache_slot(answer->cache, request->column[c]);
        for (int64_t i = request->ptr[c]; i < request->ptr[c + 1]; i++)
            cache_put(answer->cache, column, cache_slot(answer->cache, request->row[i]),
                      answer->values[i - base]);
    }
    return RONDO_OK;
}

/* Parts of some size; one, where the columns are not such as can be shared. */
static void cut_answer(struct answer *answer, int64_t from, int64_t to)
{
    const struct request *request = answer->request;
    int64_t pairs = request->ptr[to] - request->ptr[from], size = pairs / PARTS_MOST + PART_PAIRS;
    int32_t before = -1;
    answer->parts = 1;
    answer->from[0] = from;
    for (int64_t c = from; c < to; c++) {
        int32_t slot = cache_slot(answer->cache, request->column[c]);
        bool enough = request->ptr[c] - request->ptr[answer->from[answer->parts - 1]] >= size;
        if (slot <= before || !request->triangle) {
            answer->parts = 1;
            break;
        }
        if (enough && slot >> 6 != before >> 6)
            answer->from[answer->parts++] = c;
        before = slot;
    }
    answer->from[answer->parts] = to;
}

void request_answer(struct request *request, struct cache *cache, int64_t from, int64_t to,
                    const double *values, struct team *team)
{
    assert(from >= 0 && to <= request->columns);
    struct answer answer = { .request = request, .cache = cache, .values = values };
    cut_answer(&answer, from, to);
    int code = team_each(team, answer.parts, put_part, &answer);
    assert(!code);
    (void)code;
}
