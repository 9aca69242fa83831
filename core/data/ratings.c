/* ratings.c - lines of user, item, rating and perhaps time: read once, by all threads.
 *
 * While a batch is read by its pieces (ratings_line.c), one thread fetches or decodes the next. */
#include "core/data/ratings.h"

#include "core/base/each.h"
#include "core/base/mem.h"
#include "core/data/matrix.h"

#include <stddef.h>
#include <string.h>

static const char mark[] = "\xef\xbb\xbf"; /* with which some begin a text in UTF-8 */
enum { BATCH = 4 << 20, PIECE_LEAST = 16 << 10, PIECES = 2 }; /* the last: for each thread, to even them out */

struct batch {
    char *text; /* [room + RATINGS_PAD] */
    size_t size;
};

struct reading {
    struct stream *s;
    const struct data_options *options;
    int32_t threads;
    size_t room;                    /* of a batch */
    struct batch now, next;
    bool ended;                     /* nothing comes behind the batch that was fetched last */
    int fetched;                    /* how fetching it went */
    struct rondo_error *err;        /* fetching alone writes it while pieces are read */
    int64_t line;                   /* lines before the present batch, or what of it was passed */
    struct ratings_form form;
    bool header;
    struct ids user, item;
    struct ratings_piece *piece;    /* [PIECES * threads] */
    struct ratings_records *records; /* [pieces] */
    int64_t pieces, pieces_room, count, negative_line;
};

static int no_memory(const struct reading *r)
{
    return rondo_error_set(r->err, RONDO_ENOMEM, r->s->path, NULL, "out of memory");
}

/* ---- batches ----------------------------------------------------------------------------------------- */

/* Behind the `size` bytes that are left of the one before. */
static int fetch(struct reading *r, size_t size)
{
    size_t got = 0, wanted = r->room - size;
    int code = stream_read(r->s, r->next.text + size, wanted, &got, r->err);
    r->next.size = size + got;
    r->ended = got < wanted;
    memset(r->next.text + r->next.size, 0, RATINGS_PAD);
    return code;
}

/* The whole lines of the batch: all of the last one. */
static size_t whole_lines(const struct batch *batch, bool last)
{
    size_t size = batch->size;
    while (!last && size > 0 && batch->text[size - 1] != '\n')
        size--;
    return size;
}

static int begin(struct reading *r, size_t batch)
{
    int64_t limit = stream_limit(r->s);
    r->room = (uint64_t)limit < batch ? (size_t)limit + 1 : batch; /* 1: its end is found at once */
    r->now.text = mem_alloc(r->room + RATINGS_PAD);
    r->next.text = mem_alloc(r->room + RATINGS_PAD);
    r->piece = mem_calloc(PIECES * (size_t)r->threads, sizeof *r->piece);
    return r->now.text && r->next.text && r->piece ? RONDO_OK : no_memory(r);
}

/* ---- the first lines ------------------------------------------------------------------------------------ */

/* Passes what comes before the first rating, all of it perhaps, and tells from it how lines are written. */
static int tell(struct reading *r, const char **at, const char *end)
{
    char wrong[256];
    if (r->line == 0 && end - *at >= 3 && memcmp(*at, mark, 3) == 0)
        *at += 3;
    for (const char *stop; *at < end; r->line++, *at = stop + (stop < end)) {
        stop = memchr(*at, '\n', (size_t)(end - *at));
        stop = stop ? stop : end;
        if (ratings_is_mute(*at, stop))
            continue;
        if (!r->form.delimiter && ratings_tell(&r->form, *at, stop)) {
            r->header = true;
            continue;
        }
        if (ratings_tell_fields(&r->form, *at, stop, wrong))
            return RONDO_OK;
        r->s->line = r->line + 1;
        return stream_error(r->s, r->err, "a line is user, item, rating and perhaps time, by blanks, a tab, a comma, "
                                          "a semicolon or ::", "%s", wrong);
    }
    return RONDO_OK;
}

/* ---- pieces ------------------------------------------------------------------------------------------ */

/* Cuts [at, end) at ends of lines; returns how many pieces. */
static int32_t cut(struct reading *r, const char *at, const char *end)
{
    int64_t size = end - at, most = size / PIECE_LEAST + 1, pieces = PIECES * r->threads;
    int32_t count = 0;
    pieces = most < pieces ? most : pieces;
    for (int64_t p = 1; p <= pieces && at < end; p++) {
        const char *from = end - size * (pieces - p) / pieces;
        const char *stop = from > at ? from : at;
        stop = p < pieces ? memchr(stop, '\n', (size_t)(end - stop)) : NULL;
        stop = stop ? stop + 1 : end;
        r->piece[count++] = (struct ratings_piece){ .at = at, .end = stop, .form = &r->form, .user = &r->user,
                                                    .item = &r->item };
        at = stop;
    }
    return count;
}

struct round {
    struct reading *r;
    size_t left; /* bytes for the next batch that are there */
};

/* The first fetches the next batch; how that went is looked at when the pieces were. */
static int part(void *context, int64_t index)
{
    struct round *round = context;
    struct reading *r = round->r;
    if (index > 0)
        return ratings_read_piece(&r->piece[index - 1]);
    r->fetched = r->ended ? RONDO_OK : fetch(r, round->left);
    return RONDO_OK;
}

/* Numbers for ids that are new in a piece, in the order in which they came; then its records have them. */
static int number_new(struct ids *all, const struct ids *new, uint32_t *record, int64_t count)
{
    if (new->count == 0)
        return RONDO_OK;
    uint32_t *number = mem_alloc((size_t)new->count * sizeof *number);
    int code = number ? RONDO_OK : RONDO_ENOMEM;
    for (int64_t i = 0; i < new->count && !code; i++) {
        size_t size = strlen(new->word[i]);
        uint64_t key = ids_key(new->word[i], size);
        int64_t found = ids_find(all, key, new->word[i], size);
        if (found < 0)
            code = ids_add(all, key, new->word[i], size);
        number[i] = (uint32_t)(found < 0 ? all->count - 1 : found);
    }
    for (int64_t i = 0; i < count && !code; i++)
        if (record[i] & RATINGS_NEW)
            record[i] = number[record[i] & ~RATINGS_NEW];
    mem_free(number);
    return code;
}

static int check_numbers(const struct reading *r)
{
    const char *what = r->user.count > IDS_MOST ? "users" : r->item.count > IDS_MOST ? "items" : NULL;
    if (what)
        return rondo_error_set(r->err, RONDO_EINPUT, r->s->path, NULL, "more than %lld %s", (long long)IDS_MOST, what);
    if (r->count > (int64_t)UINT32_MAX)
        return rondo_error_set(r->err, RONDO_EINPUT, r->s->path, NULL, "more than %lld ratings",
                               (long long)UINT32_MAX);
    return RONDO_OK;
}

/* What a piece has read becomes the reading's. */
static int absorb(struct reading *r, struct ratings_piece *piece)
{
    struct ratings_records *records = &piece->records;
    if (number_new(&r->user, &piece->new_user, records->user, records->count)
        || number_new(&r->item, &piece->new_item, records->item, records->count))
        return no_memory(r);
    if (r->pieces == r->pieces_room) {
        int64_t room = r->pieces_room ? 2 * r->pieces_room : 16;
        struct ratings_records *all = mem_regrow(r->records, (size_t)r->pieces_room * sizeof *all,
                                                 (size_t)room * sizeof *all);
        if (!all)
            return no_memory(r);
        r->records = all;
        r->pieces_room = room;
    }
    if (piece->negative && !r->negative_line)
        r->negative_line = r->line + piece->negative;
    r->line += piece->lines;
    r->count += records->count;
    r->records[r->pieces++] = *records;
    *records = (struct ratings_records){ 0 };
    return check_numbers(r);
}

static int wrong_line(struct reading *r, const struct ratings_piece *piece)
{
    r->s->line = r->line + piece->lines + 1;
    return stream_error(r->s, r->err, NULL, "%s", piece->wrong);
}

static void piece_fini(struct ratings_piece *piece)
{
    ratings_records_fini(&piece->records);
    ids_fini(&piece->new_user);
    ids_fini(&piece->new_item);
}

/* The lines [at, end) of the present batch, while the next comes behind what is left of it. */
static int read_lines(struct reading *r, const char *at, const char *end, size_t left)
{
    struct round round = { r, left };
    int32_t pieces = cut(r, at, end);
    int failed = each_part(r->threads, pieces + 1, part, &round), code = RONDO_OK;
    for (int32_t p = 0; p < pieces; p++) {
        if (!code && r->piece[p].wrong[0])
            code = wrong_line(r, &r->piece[p]);
        if (!code)
            code = failed == RONDO_ENOMEM ? no_memory(r) : absorb(r, &r->piece[p]);
        piece_fini(&r->piece[p]);
    }
    return code ? code : r->fetched;
}

static int read_all(struct reading *r)
{
    if (r->form.pairs)
        ratings_tell_pairs(&r->form, r->s->at, r->s->end, r->s->ended); /* the window, whatever the batches */
    int code = fetch(r, 0);
    for (bool last = false; !code && !last;) {
        struct batch swap = r->now;
        r->now = r->next;
        r->next = swap;
        last = r->ended;
        size_t whole = whole_lines(&r->now, last), left = r->now.size - whole;
        const char *at = r->now.text, *end = at + whole;
        if (whole == 0 && !last) {
            r->s->line = r->line + 1;
            return stream_error(r->s, r->err, NULL, "the line is longer than %zu bytes", r->room);
        }
        memcpy(r->next.text, end, left);
        if (!r->form.fields)
            code = tell(r, &at, end);
        if (!code)
            code = read_lines(r, at, end, left);
    }
    if (!code && r->count == 0)
        code = rondo_error_set(r->err, RONDO_EINPUT, r->s->path, NULL, "no line of it is a rating");
    return code;
}

/* ---- the doors ----------------------------------------------------------------------------------------- */

static int know(struct ids *ids, const struct rondo_words *words)
{
    int code = RONDO_OK;
    for (int64_t i = 0; i < words->count && !code; i++) {
        size_t size = strlen(words->word[i]);
        code = ids_add(ids, ids_key(words->word[i], size), words->word[i], size);
    }
    return code;
}

/* One column of the records, which are gone piece by piece; `at` is where a record has it. */
static void *join_column(struct reading *r, size_t at, size_t size)
{
    mem_trim();
    unsigned char *out = mem_alloc((size_t)r->count * size), *to = out;
    for (int64_t p = 0; p < r->pieces && out; p++) {
        void **from = (void **)(void *)((char *)&r->records[p] + at);
        const size_t bytes = (size_t)r->records[p].count * size;
        memcpy(to, *from, bytes);
        to += bytes;
        mem_free(*from);
        *from = NULL;
    }
    return out;
}

/* Line by line, in the file's order. */
static int fill_pairs(struct reading *r, struct data_set *set)
{
    const bool rated = r->form.fields > 2;
    struct rondo_lines *lines = &set->lines;
    lines->count = r->count;
    lines->user = join_column(r, offsetof(struct ratings_records, user), sizeof *lines->user);
    lines->item = join_column(r, offsetof(struct ratings_records, item), sizeof *lines->item);
    lines->rating = rated ? join_column(r, offsetof(struct ratings_records, value), sizeof *lines->rating) : NULL;
    return lines->user && lines->item && (lines->rating || !rated) ? RONDO_OK : no_memory(r);
}

static int say(struct reading *r, struct data_set *set)
{
    const struct rondo_ids *known = r->options->known;
    set->ids = ids_join(&r->user, &r->item);
    if (!set->ids)
        return no_memory(r);
    set->ids->known_users = known ? known->user.count : 0;
    set->ids->known_items = known ? known->item.count : 0;
    set->ids->negative_line = r->negative_line;
    set->info.lines = r->count;
    set->info.header = r->header;
    set->info.times = r->form.fields > 3;
    return RONDO_OK;
}

/* All but the records. */
static void let_go(struct reading *r)
{
    mem_free(r->now.text);
    mem_free(r->next.text);
    mem_free(r->piece);
    r->now.text = r->next.text = NULL;
    r->piece = NULL;
    ids_fini(&r->user);
    ids_fini(&r->item);
}

static int fill(struct reading *r, struct data_set *set)
{
    int64_t users = r->user.count, items = r->item.count;
    let_go(r);
    return r->options->pairs ? fill_pairs(r, set)
                             : ratings_fill(r->records, r->pieces, users, items, r->threads, &set->x,
                                            &set->info.replaced, r->s->path, r->err);
}

int ratings_load_by(struct stream *s, const struct data_options *options, int32_t threads, size_t batch,
                    struct data_set *set, struct rondo_error *err)
{
    struct reading r = { .s = s, .options = options, .threads = threads, .err = err,
                         .form = { .pairs = options->pairs } };
    const struct rondo_ids *known = options->known;
    int code = begin(&r, batch);
    if (!code && known && (know(&r.user, &known->user) || know(&r.item, &known->item)))
        code = no_memory(&r);
    if (!code)
        code = read_all(&r);
    if (!code)
        code = say(&r, set);
    if (!code)
        code = fill(&r, set);
    let_go(&r);
    for (int64_t p = 0; p < r.pieces; p++)
        ratings_records_fini(&r.records[p]);
    mem_free(r.records);
    return code;
}

int ratings_load(struct stream *s, const struct data_options *options, struct data_set *set, struct rondo_error *err)
{
    return ratings_load_by(s, options, each_threads(), BATCH, set, err);
}

int ratings_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                    struct rondo_error *err)
{
    return data_inspect_whole(ratings_load, s, options, info, err);
}

bool ratings_is(const struct stream *s)
{
    struct ratings_form form = { .fields = 0 };
    for (const char *at = s->at, *end; at < s->end; at = end + 1) {
        end = memchr(at, '\n', (size_t)(s->end - at));
        end = end ? end : s->end;
        at += at == s->at && end - at >= 3 && memcmp(at, mark, 3) == 0 ? 3 : 0;
        if (!ratings_is_mute(at, end) && (form.delimiter || !ratings_tell(&form, at, end)))
            return ratings_look_like(&form, at, end);
    }
    return false;
}
