/* states.c - the states that Rondo moves: totals and priors, a shard's topics, a block's counts. */
#include "states.h"

#include <rondo/flat.h>

#include <string.h>

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for topic counts");
}

/* ---- counts ------------------------------------------------------------------------------------------ */

/* Of owners whose lists are wide, and whose rows are half as long as they are said to be where narrow. */
struct form {
    int32_t owners;
    int64_t row;     /* cells of a row; no list has so many */
    bool wide;       /* slots of two cells */
    int32_t topics;
};

static struct form form_of_words(const struct problem *p, int32_t block)
{
    int64_t words = p->block_first[block + 1] - p->block_first[block];
    return (struct form){ (int32_t)words, p->row, p->wide_words, p->topics };
}

static struct form form_of_documents(const struct problem *p, const struct tile *tile)
{
    return (struct form){ tile->documents, !p->rows ? INT64_MAX : tile->wide ? p->row : p->row / 2, tile->wide,
                          p->topics };
}

static int counts_create(const struct rondo_host *host, const struct form *form, const int64_t *at,
                         struct counts *counts)
{
    size_t owners = (size_t)form->owners;
    *counts = (struct counts){ .at = at,
                               .length = host->zalloc(owners ? owners : 1, sizeof *counts->length),
                               .cells = host->zalloc((size_t)at[owners] + 16, sizeof *counts->cells) };
    return counts->length && counts->cells ? RONDO_OK : RONDO_ENOMEM;
}

static void counts_destroy(const struct rondo_host *host, struct counts *counts)
{
    host->free(counts->length);
    host->free(counts->cells);
}

/* A row as it lies, a list's slots in their order: what is drawn next depends on it. */
static int counts_pack(const struct rondo_host *host, const struct form *form, const struct counts *counts,
                       struct rondo_buf *out)
{
    int code = rondo_append(host, out, counts->length, (size_t)form->owners * sizeof *counts->length);
    for (int32_t i = 0; i < form->owners && !code; i++) {
        int64_t room = counts->at[i + 1] - counts->at[i];
        int64_t cells = room >= form->row ? form->row : (int64_t)counts->length[i] * (form->wide ? 2 : 1);
        code = rondo_append(host, out, counts->cells + counts->at[i], (size_t)cells * sizeof *counts->cells);
    }
    return code;
}

/* Topics that are there, no count 0, and no more tokens than can be counted. */
static bool list_fits(const struct form *form, const uint32_t *cells, int32_t length)
{
    uint64_t tokens = 0;
    for (int32_t i = 0; i < length; i++) {
        uint32_t topic, count;
        slot_get(cells, i, form->wide, &topic, &count);
        tokens += count;
        if (topic >= (uint32_t)form->topics || !count)
            return false;
    }
    return tokens <= (form->wide ? INT32_MAX : LDA_NARROW_MOST);
}

static int counts_unpack(const struct form *form, struct counts *counts, struct rondo_bytes *in)
{
    int code = rondo_take(in, counts->length, (size_t)form->owners * sizeof *counts->length);
    for (int32_t i = 0; i < form->owners && !code; i++) {
        int64_t room = counts->at[i + 1] - counts->at[i];
        int64_t cells = room >= form->row ? form->row : (int64_t)counts->length[i] * (form->wide ? 2 : 1);
        if (counts->length[i] < 0 || cells > room)
            return RONDO_ESTATE;
        code = rondo_take(in, counts->cells + counts->at[i], (size_t)cells * sizeof *counts->cells);
        if (!code && room < form->row && !list_fits(form, counts->cells + counts->at[i], counts->length[i]))
            code = RONDO_ESTATE;
    }
    return code;
}

/* ---- a block ------------------------------------------------------------------------------------------ */

void lda_block_destroy(const void *problem, void *state)
{
    const struct rondo_host *host = ((const struct problem *)problem)->host;
    counts_destroy(host, &((struct block *)state)->counts);
    host->free(state);
}

int lda_block_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *p = context;
    struct form form = form_of_words(p, index);
    struct block *block = p->host->zalloc(1, sizeof *block);
    if (!block)
        return no_memory(err);
    block->index = index;
    if (counts_create(p->host, &form, p->block_at[index], &block->counts)) {
        lda_block_destroy(p, block);
        return no_memory(err);
    }
    *state = block;
    return RONDO_OK;
}

int lda_block_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *p = context;
    const struct block *block = state;
    struct form form = form_of_words(p, block->index);
    return counts_pack(p->host, &form, &block->counts, out);
}

int lda_block_unpack(const void *context, void *state, struct rondo_bytes in)
{
    const struct problem *p = context;
    struct block *block = state;
    struct form form = form_of_words(p, block->index);
    int code = counts_unpack(&form, &block->counts, &in);
    return code || !in.size ? code : RONDO_ESTATE;
}

/* ---- a shard ------------------------------------------------------------------------------------------ */

static int32_t tiles_of(const struct problem *p, int32_t shard)
{
    return p->tile_first[shard + 1] - p->tile_first[shard];
}

static size_t tokens_of(const struct tile *tile)
{
    return tile->token[tile->words];
}

static size_t bytes_of(const struct tile *tile)
{
    return tokens_of(tile) * (tile->wide ? sizeof(uint32_t) : sizeof(uint16_t));
}

void lda_shard_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct shard *shard = state;
    host->free(shard->memory);
    host->free(shard->z);
    host->free(shard->counts);
    host->free(shard);
}

/* The next `bytes` of memory, and 64 that may be read behind them; its place is a multiple of 64. */
static size_t take_room(size_t *size, size_t bytes)
{
    size_t at = *size;
    *size += (bytes + 64 + 63) / 64 * 64;
    return at;
}

/* A tile's z, cells and lengths, one behind the other from `size` on, which comes to stand behind them; written
 * down where there is memory. */
static void place_tile(const struct tile *tile, size_t *size, unsigned char *memory, void **z, struct counts *counts)
{
    size_t documents = (size_t)tile->documents, at = take_room(size, bytes_of(tile));
    size_t cells = take_room(size, (size_t)tile->at[documents] * sizeof *counts->cells);
    size_t length = take_room(size, documents * sizeof *counts->length);
    if (!memory)
        return;
    *z = memory + at;
    *counts = (struct counts){ .at = tile->at, .cells = (uint32_t *)(void *)(memory + cells),
                               .length = (int32_t *)(void *)(memory + length) };
}

/* What a task visits of a tile's, or packing does. */
static void touch_tile(const struct problem *p, const struct tile *tile)
{
    lda_touch(p, (int64_t)bytes_of(tile) + tile->at[tile->documents] * 4 + tile->documents * 4);
}

int lda_shard_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *p = context;
    const struct tile *tile = p->tiles + p->tile_first[index];
    size_t tiles = (size_t)tiles_of(p, index), size = 0;
    struct shard *shard = p->host->zalloc(1, sizeof *shard);
    if (!shard)
        return no_memory(err);
    for (size_t t = 0; t < tiles; t++)
        place_tile(&tile[t], &size, NULL, NULL, NULL);
    shard->index = index;
    shard->z = p->host->zalloc(tiles ? tiles : 1, sizeof *shard->z);
    shard->counts = p->host->zalloc(tiles ? tiles : 1, sizeof *shard->counts);
    shard->memory = p->host->zalloc(size ? size : 1, 1);
    if (!shard->z || !shard->counts || !shard->memory) {
        lda_shard_destroy(p, shard);
        return no_memory(err);
    }
    size = 0;
    for (size_t t = 0; t < tiles; t++) {
        place_tile(&tile[t], &size, shard->memory, &shard->z[t], &shard->counts[t]);
        lda_touch(p, (int64_t)bytes_of(&tile[t]));
        memset(shard->z[t], 0xff, bytes_of(&tile[t]) + 64); /* no topic yet */
    }
    *state = shard;
    return RONDO_OK;
}

int lda_shard_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *p = context;
    const struct shard *shard = state;
    const struct tile *tile = p->tiles + p->tile_first[shard->index];
    int code = RONDO_OK;
    for (int32_t t = 0; t < tiles_of(p, shard->index) && !code; t++) {
        struct form form = form_of_documents(p, &tile[t]);
        touch_tile(p, &tile[t]);
        code = rondo_append(p->host, out, shard->z[t], bytes_of(&tile[t]));
        if (!code)
            code = counts_pack(p->host, &form, &shard->counts[t], out);
    }
    return code;
}

int lda_shard_unpack(const void *context, void *state, struct rondo_bytes in)
{
    const struct problem *p = context;
    struct shard *shard = state;
    const struct tile *tile = p->tiles + p->tile_first[shard->index];
    int code = RONDO_OK;
    for (int32_t t = 0; t < tiles_of(p, shard->index) && !code; t++) {
        struct form form = form_of_documents(p, &tile[t]);
        touch_tile(p, &tile[t]);
        code = rondo_take(&in, shard->z[t], bytes_of(&tile[t]));
        if (!code)
            code = counts_unpack(&form, &shard->counts[t], &in);
    }
    return code || !in.size ? code : RONDO_ESTATE;
}

/* ---- the common state ---------------------------------------------------------------------------------- */

static size_t heavy_cells(const struct problem *p)
{
    return (size_t)p->heavy * (size_t)p->row;
}

void lda_common_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct common *common = state;
    host->free(common->alpha);
    host->free(common->total);
    host->free(common->heavy);
    host->free(common);
}

int lda_common_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *p = context;
    struct common *common = p->host->zalloc(1, sizeof *common);
    (void)index;
    if (!common)
        return no_memory(err);
    common->alpha = p->host->alloc((size_t)p->topics * sizeof *common->alpha);
    common->total = p->host->zalloc((size_t)p->row, sizeof *common->total);
    common->heavy = p->host->zalloc(heavy_cells(p) + 16, sizeof *common->heavy);
    if (!common->alpha || !common->total || !common->heavy) {
        lda_common_destroy(p, common);
        return no_memory(err);
    }
    memcpy(common->alpha, p->alpha, (size_t)p->topics * sizeof *common->alpha);
    common->beta = p->beta;
    *state = common;
    return RONDO_OK;
}

int lda_common_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *p = context;
    const struct common *common = state;
    int code = rondo_append(p->host, out, common->alpha, (size_t)p->topics * sizeof *common->alpha);
    code = code ? code : rondo_append(p->host, out, &common->beta, sizeof common->beta);
    code = code ? code : rondo_append(p->host, out, common->total, (size_t)p->row * sizeof *common->total);
    return code ? code : rondo_append(p->host, out, common->heavy, heavy_cells(p) * sizeof *common->heavy);
}

int lda_common_unpack(const void *context, void *state, struct rondo_bytes in)
{
    const struct problem *p = context;
    struct common *common = state;
    int code = rondo_take(&in, common->alpha, (size_t)p->topics * sizeof *common->alpha);
    code = code ? code : rondo_take(&in, &common->beta, sizeof common->beta);
    code = code ? code : rondo_take(&in, common->total, (size_t)p->row * sizeof *common->total);
    code = code ? code : rondo_take(&in, common->heavy, heavy_cells(p) * sizeof *common->heavy);
    for (int32_t k = 0; k < p->topics && !code; k++)
        if (!(common->alpha[k] > 0) || common->total[k] < 0)
            return RONDO_ESTATE;
    return code || (!in.size && common->beta > 0) ? code : RONDO_ESTATE;
}

/* ---- the whole model ------------------------------------------------------------------------------------ */

static int32_t row16(const uint16_t *row, int32_t topics, int32_t *topic, int32_t *count)
{
    int32_t found = 0;
    for (int32_t k = 0; k < topics; k++)
        if (row[k]) {
            topic[found] = k;
            count[found++] = row[k];
        }
    return found;
}

static int32_t row32(const uint32_t *row, int32_t topics, int32_t *topic, int32_t *count)
{
    int32_t found = 0;
    for (int32_t k = 0; k < topics; k++)
        if (row[k]) {
            topic[found] = k;
            count[found++] = (int32_t)row[k];
        }
    return found;
}

/* Shell's sort: most lists are short. */
static void sort_topics(int32_t *topic, int32_t *count, int32_t length)
{
    int32_t gap = 1;
    while (gap < length / 3)
        gap = 3 * gap + 1;
    for (; gap > 0; gap /= 3)
        for (int32_t i = gap; i < length; i++) {
            int32_t k = topic[i], n = count[i], at = i;
            for (; at >= gap && topic[at - gap] > k; at -= gap) {
                topic[at] = topic[at - gap];
                count[at] = count[at - gap];
            }
            topic[at] = k;
            count[at] = n;
        }
}

static int32_t list(const uint32_t *cells, int32_t length, bool wide, int32_t *topic, int32_t *count)
{
    for (int32_t i = 0; i < length; i++) {
        uint32_t k, n;
        slot_get(cells, i, wide, &k, &n);
        topic[i] = (int32_t)k;
        count[i] = (int32_t)n;
    }
    sort_topics(topic, count, length);
    return length;
}

int32_t view_word(const struct view *view, int64_t word, int32_t *topic, int32_t *count)
{
    const struct problem *p = view->problem;
    int32_t place = p->place[word], block = 0;
    if (place < 0)
        return row32(view->heavy + (size_t)~place * (size_t)p->row, p->topics, topic, count);
    for (int32_t last = p->parts; last - block > 1;) {
        int32_t middle = block + (last - block) / 2;
        *(place < p->block_first[middle] ? &last : &block) = middle;
    }
    const struct counts *counts = &view->block[block]->counts;
    int64_t i = place - p->block_first[block];
    return counts->at[i + 1] - counts->at[i] >= p->row
               ? row32(counts->cells + counts->at[i], p->topics, topic, count)
               : list(counts->cells + counts->at[i], counts->length[i], p->wide_words, topic, count);
}

/* Of tiles [first, last), whose documents ascend, that which has the document; NULL: none. */
static const struct tile *find_document(const struct problem *p, int32_t first, int32_t last, int64_t document,
                                        int32_t *seat)
{
    while (last - first > 1) {
        int32_t middle = first + (last - first) / 2;
        *(document < p->tiles[middle].document[0] ? &last : &first) = middle;
    }
    const struct tile *tile = &p->tiles[first];
    int32_t low = 0, high = first < last ? tile->documents : 0;
    while (high - low > 0) {
        int32_t middle = low + (high - low) / 2;
        *(tile->document[middle] < document ? &low : &high) = tile->document[middle] < document ? middle + 1 : middle;
    }
    *seat = low;
    return first < last && low < tile->documents && tile->document[low] == document ? tile : NULL;
}

int32_t view_document(const struct view *view, int64_t document, int32_t *topic, int32_t *count)
{
    const struct problem *p = view->problem;
    int32_t shard = 0, seat = 0;
    for (int32_t last = p->parts; last - shard > 1;) {
        int32_t middle = shard + (last - shard) / 2;
        *(document < p->shard_first[middle] ? &last : &shard) = middle;
    }
    int32_t first = p->tile_first[shard], last = p->tile_first[shard + 1], wide = first;
    for (int32_t end = last; wide < end;) { /* a shard's wide tiles stand behind the others */
        int32_t middle = wide + (end - wide) / 2;
        *(p->tiles[middle].wide ? &end : &wide) = p->tiles[middle].wide ? middle : middle + 1;
    }
    const struct tile *tile = find_document(p, first, wide, document, &seat);
    tile = tile ? tile : find_document(p, wide, last, document, &seat);
    if (!tile)
        return 0;
    const struct counts *counts = &view->shard[shard]->counts[tile - p->tiles - p->tile_first[shard]];
    const uint32_t *cells = counts->cells + counts->at[seat];
    lda_touch(p, (counts->at[seat + 1] - counts->at[seat]) * (int64_t)sizeof *cells);
    if (!p->rows)
        return list(cells, counts->length[seat], tile->wide, topic, count);
    return tile->wide ? row32(cells, p->topics, topic, count)
                      : row16((const uint16_t *)(const void *)cells, p->topics, topic, count);
}
