/* ratings_line.c - lines of ratings: what is usual quickly, eight bytes at a time, all else with care. */
#include "core/base/mem.h"
#include "core/data/fields.h"
#include "core/data/number.h"
#include "core/data/ratings.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FIELDS = 4, AHEAD = 32 };

struct id {
    const char *text;
    size_t size;
    uint64_t key;
};

struct rating {
    struct id user, item;
    double value, time;
};

/* ---- what was read --------------------------------------------------------------------------------- */

static int number_of(const struct ids *known, struct ids *fresh, const struct id *id, uint32_t *number)
{
    int64_t found = ids_find(known, id->key, id->text, id->size);
    if (found < 0) {
        int64_t old = ids_find(fresh, id->key, id->text, id->size);
        if (old < 0 && ids_add(fresh, id->key, id->text, id->size))
            return RONDO_ENOMEM;
        found = (old < 0 ? fresh->count - 1 : old) | RATINGS_NEW;
    }
    *number = (uint32_t)found;
    return RONDO_OK;
}

/* From now on they are no whole seconds. */
static int widen_times(struct ratings_piece *piece)
{
    struct ratings_records *to = &piece->records;
    to->time = mem_alloc(piece->room * sizeof *to->time);
    if (!to->time)
        return RONDO_ENOMEM;
    for (int64_t i = 0; i < to->count; i++)
        to->time[i] = (double)to->second[i];
    mem_free(to->second);
    to->second = NULL;
    return RONDO_OK;
}

/* The next record's. */
static inline int put_time(struct ratings_piece *piece, double time)
{
    struct ratings_records *to = &piece->records;
    if (to->second) {
        const uint32_t second = time >= 0 && time <= (double)UINT32_MAX ? (uint32_t)time : 0;
        to->second[to->count] = second;
        if ((double)second == time)
            return RONDO_OK;
        if (widen_times(piece))
            return RONDO_ENOMEM;
    }
    if (to->time)
        to->time[to->count] = time;
    return RONDO_OK;
}

static inline int put(struct ratings_piece *piece, const struct rating *rating)
{
    struct ratings_records *to = &piece->records;
    int64_t at = to->count;
    if (number_of(piece->user, &piece->new_user, &rating->user, &to->user[at])
        || number_of(piece->item, &piece->new_item, &rating->item, &to->item[at]) || put_time(piece, rating->time))
        return RONDO_ENOMEM;
    if (to->value)
        to->value[at] = (float)rating->value;
    to->count++;
    return RONDO_OK;
}

static inline void note_negative(struct ratings_piece *piece, const struct rating *rating)
{
    if (rating->value < 0 && !piece->negative)
        piece->negative = piece->lines + 1;
}

/* Ratings whose ids are looked up some lines later, when the slots that were asked for are there: in a file
 * without an order each is a miss of the cache. */
struct waiting {
    int count;
    struct rating rating[AHEAD];
};

static inline int put_all(struct ratings_piece *piece, struct waiting *waiting)
{
    int code = RONDO_OK;
    for (int i = 0; i < waiting->count && !code; i++)
        code = put(piece, &waiting->rating[i]);
    waiting->count = 0;
    return code;
}

/* The next one of those that wait is there. */
static inline int put_later(struct ratings_piece *piece, struct waiting *waiting)
{
    const struct rating *rating = &waiting->rating[waiting->count++];
    ids_expect(piece->user, rating->user.key);
    ids_expect(piece->item, rating->item.key);
    note_negative(piece, rating);
    return waiting->count < AHEAD ? RONDO_OK : put_all(piece, waiting);
}

/* ---- with care ------------------------------------------------------------------------------------ */

struct line {
    int count; /* fields, also beyond those that are kept; < 0: a quote is not as it should be */
    struct field field[FIELDS];
    char text[FIELDS][IDS_TEXT_MOST + 2]; /* of fields with a doubled quote */
};

static const char *pass_blanks(const char *at, const char *end)
{
    while (at < end && stream_is_blank(*at))
        at++;
    return at;
}

static const char *before_blanks(const char *at, const char *end)
{
    while (end > at && stream_is_blank(end[-1]))
        end--;
    return end;
}

static bool is_delimiter(char delimiter, const char *at, const char *end)
{
    if (delimiter == ' ')
        return *at == ' ' || *at == '\t';
    return *at == delimiter && (delimiter != ':' || (at + 1 < end && at[1] == ':'));
}

/* [at, end) begins with a quote: the field without its quotes, and behind it, or NULL. */
static const char *unquote(const char *at, const char *end, struct field *field, char *text)
{
    const char *from = ++at;
    size_t size = 0;
    bool doubled = false;
    for (; at < end && (*at != '"' || (at + 1 < end && at[1] == '"')); at++) {
        doubled |= *at == '"';
        at += *at == '"';
        if (size <= IDS_TEXT_MOST)
            text[size++] = *at;
    }
    if (at == end)
        return NULL;
    text[size] = 0;
    *field = (struct field){ doubled ? text : from, doubled ? size : (size_t)(at - from) };
    return at + 1;
}

static const char *plain_field(char delimiter, const char *at, const char *end, struct field *field)
{
    const char *from = at;
    while (at < end && !is_delimiter(delimiter, at, end))
        at++;
    *field = (struct field){ from, (size_t)(before_blanks(from, at) - from) };
    return at;
}

static void split(char delimiter, const char *at, const char *end, struct line *line)
{
    bool quotes = delimiter == ',' || delimiter == ';';
    struct field beyond;
    char unused[IDS_TEXT_MOST + 2];
    at = delimiter == '\t' ? at : pass_blanks(at, end);
    for (line->count = 0;;) {
        bool kept = line->count < FIELDS;
        struct field *field = kept ? &line->field[line->count] : &beyond;
        while (at < end && (*at == ' ' || (delimiter != '\t' && *at == '\t')))
            at++;
        if (quotes && at < end && *at == '"')
            at = unquote(at, end, field, kept ? line->text[line->count] : unused);
        else
            at = plain_field(delimiter, at, end, field);
        at = at && delimiter != '\t' ? pass_blanks(at, end) : at;
        line->count++;
        if (at == end)
            return;
        if (!at || (delimiter != ' ' && !is_delimiter(delimiter, at, end))) {
            line->count = -1;
            return;
        }
        at += delimiter == ' ' ? 0 : delimiter == ':' ? 2 : 1;
    }
}

static const char *layout_of(int fields)
{
    return fields == 2 ? "user and item" : fields == 4 ? "user, item, rating and time" : "user, item and rating";
}

static void wrong_count(char wrong[256], int fields, const struct line *line)
{
    if (line->count < 0)
        snprintf(wrong, 256, "a quote that is not closed, or words behind one that is");
    else
        snprintf(wrong, 256, "expected %s, found %d field%s", layout_of(fields), line->count,
                 line->count == 1 ? "" : "s");
}

static int take_id(struct ratings_piece *piece, const struct field *field, const char *what, struct id *id)
{
    char found[STREAM_TOKEN];
    if (field->size == 0 || field->size > IDS_TEXT_MOST) {
        snprintf(piece->wrong, sizeof piece->wrong, field->size ? "the %s has more than %d bytes" : "the %s is empty",
                 what, IDS_TEXT_MOST);
        return RONDO_EINPUT;
    }
    for (size_t i = 0; i < field->size; i++)
        if ((unsigned char)field->at[i] < ' ' || field->at[i] == 127) {
            snprintf(piece->wrong, sizeof piece->wrong, "the %s \"%s\" has a control character", what,
                     field_word(field, found));
            return RONDO_EINPUT;
        }
    *id = (struct id){ field->at, field->size, ids_key(field->at, field->size) };
    return RONDO_OK;
}

/* Finite, and within `most`. */
static int take_number(struct ratings_piece *piece, const struct field *field, const char *what, double most,
                       double *value)
{
    char found[STREAM_TOKEN];
    bool number = field_real(field, value);
    if (number && fabs(*value) <= most)
        return RONDO_OK;
    snprintf(piece->wrong, sizeof piece->wrong, number ? "the %s \"%s\" is not finite%s" : "the %s \"%s\" is no number%s",
             what, field->size ? field_word(field, found) : "", number && most < DBL_MAX ? " as a float" : "");
    return RONDO_EINPUT;
}

static int read_carefully(struct ratings_piece *piece, const char *at, const char *end)
{
    int fields = piece->form->fields;
    struct line line;
    struct rating rating = { .value = 0 };
    split(piece->form->delimiter, at, end, &line);
    if (line.count != fields) {
        wrong_count(piece->wrong, fields, &line);
        return RONDO_EINPUT;
    }
    int code = take_id(piece, &line.field[0], "user", &rating.user);
    if (!code)
        code = take_id(piece, &line.field[1], "item", &rating.item);
    if (!code && fields > 2)
        code = take_number(piece, &line.field[2], "rating", (double)FLT_MAX, &rating.value);
    if (!code && fields > 3)
        code = take_number(piece, &line.field[3], "time", DBL_MAX, &rating.time);
    if (!code)
        note_negative(piece, &rating);
    return code ? code : put(piece, &rating);
}

bool ratings_is_mute(const char *at, const char *end)
{
    return at < end ? *at == '#' || pass_blanks(at, end) == end : true;
}

/* ---- quickly --------------------------------------------------------------------------------------- */

#define EACH UINT64_C(0x0101010101010101)

/* The top bit of each byte up to the first, at the least, that is a blank, a control character or the
 * delimiter; above it others may be set. */
static inline uint64_t stops(uint64_t word, uint64_t delimiter)
{
    uint64_t same = word ^ delimiter, gone = word ^ EACH * 127;
    return (((word - EACH * 33) & ~word) | ((same - EACH) & ~same) | ((gone - EACH) & ~gone)) & EACH << 7;
}

/* Eight bytes at once, as a little-endian number has them. */
static inline uint64_t word_at(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Behind the delimiter that ends a field at `at`, or NULL. */
static inline const char *pass_delimiter(const char *at, char delimiter)
{
    if (delimiter == ' ')
        return (*at == ' ' || *at == '\t') && (unsigned char)at[1] > ' ' ? at + 1 : NULL;
    if (*at != delimiter)
        return NULL;
    return delimiter != ':' ? at + 1 : at[1] == ':' ? at + 2 : NULL;
}

/* Behind an id and its delimiter; NULL: look with care. */
static inline const char *quick_id(const char *at, char delimiter, struct id *id)
{
    uint64_t word = word_at(at), stop = stops(word, EACH * (unsigned char)delimiter);
    id->text = at;
    if (stop) {
        int bits = __builtin_ctzll(stop) - 7;
        id->size = (size_t)bits / 8;
        id->key = word & ((UINT64_C(1) << bits) - 1);
        if (bits == 0)
            return NULL;
    } else {
        size_t size = 8;
        while (!(stop = stops(word_at(at + size), EACH * (unsigned char)delimiter)) && size < IDS_TEXT_MOST)
            size += 8;
        if (!stop)
            return NULL;
        id->size = size + (size_t)__builtin_ctzll(stop) / 8;
        if (id->size > IDS_TEXT_MOST)
            return NULL;
        id->key = ids_key(at, id->size);
    }
    return *at == '"' || *at == '#' ? NULL : pass_delimiter(at + id->size, delimiter);
}

/* A digit by itself, as most are, or another number. */
static inline const char *quick_number(const char *at, double *value)
{
    unsigned digit = (unsigned)(unsigned char)*at - '0';
    if (digit > 9 || (unsigned char)at[1] > ',')
        return number_real(at, value);
    *value = digit;
    return at + 1;
}

/* Behind the line's end; NULL: look with care. */
static inline const char *quick_line(const struct ratings_form *form, const char *at, struct rating *rating)
{
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || form->fields < 3)
        return NULL;
    at = quick_id(at, form->delimiter, &rating->user);
    at = at ? quick_id(at, form->delimiter, &rating->item) : NULL;
    at = at ? quick_number(at, &rating->value) : NULL;
    if (at && form->fields > 3) {
        at = pass_delimiter(at, form->delimiter);
        at = at ? number_real(at, &rating->time) : NULL;
    }
    if (!at || !(fabs(rating->value) <= (double)FLT_MAX) || !(fabs(rating->time) <= DBL_MAX))
        return NULL;
    at += *at == '\r';
    return *at == '\n' ? at + 1 : NULL;
}

/* ---- a piece --------------------------------------------------------------------------------------- */

static int64_t count_lines(const char *at, const char *end)
{
    int64_t lines = 0;
    for (; at < end; at++)
        lines += *at == '\n';
    return lines;
}

static int make_records(struct ratings_piece *piece)
{
    const size_t most = (size_t)count_lines(piece->at, piece->end) + 1; /* the last may lack its end */
    const bool times = piece->form->fields > 3 && !piece->form->pairs;
    struct ratings_records *to = &piece->records;
    piece->room = most;
    to->user = mem_alloc(most * sizeof *to->user);
    to->item = mem_alloc(most * sizeof *to->item);
    to->value = piece->form->fields > 2 ? mem_alloc(most * sizeof *to->value) : NULL;
    to->second = times ? mem_alloc(most * sizeof *to->second) : NULL;
    return to->user && to->item && (to->value || piece->form->fields < 3) && (to->second || !times) ? RONDO_OK
                                                                                                    : RONDO_ENOMEM;
}

int ratings_read_piece(struct ratings_piece *piece)
{
    const struct ratings_form form = *piece->form;
    struct waiting waiting = { 0 };
    int code = make_records(piece);
    for (; !code && piece->at < piece->end; piece->lines += !code) {
        const char *next = quick_line(&form, piece->at, &waiting.rating[waiting.count]);
        if (next && next <= piece->end) {
            code = put_later(piece, &waiting);
            piece->at = next;
            continue;
        }
        const char *end = memchr(piece->at, '\n', (size_t)(piece->end - piece->at));
        end = end ? end : piece->end;
        code = put_all(piece, &waiting);
        if (!code && !ratings_is_mute(piece->at, end))
            code = read_carefully(piece, piece->at, end);
        piece->at = end + (end < piece->end);
    }
    return code ? code : put_all(piece, &waiting);
}

/* ---- how lines are written --------------------------------------------------------------------------- */

static bool is_whole(const struct line *line, int fields)
{
    if (line->count < fields)
        return false;
    for (int i = 0; i < fields; i++)
        if (line->field[i].size == 0)
            return false;
    return true;
}

static bool has_number(const struct line *line)
{
    double value;
    for (int i = 0; i < line->count && i < FIELDS; i++)
        if (field_real(&line->field[i], &value))
            return true;
    return false;
}

/* Of two words none need be a number: there a header begins with "user". */
static bool is_header(const struct line *line)
{
    return !has_number(line) && (line->count > 2 || strncasecmp(line->field[0].at, "user", 4) == 0);
}

static const char delimiters[] = ":\t,; "; /* in the order in which they are tried */

/* Does it make two fields of each line that says something, and is there one? */
static bool divides(char delimiter, const char *at, const char *end, bool ended)
{
    struct line line = { .count = 0 };
    for (const char *stop; at < end; at = stop + (stop < end)) {
        stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop && !ended)
            break;
        stop = stop ? stop : end;
        if (ratings_is_mute(at, stop))
            continue;
        split(delimiter, at, stop, &line);
        if (line.count != 2)
            return false;
    }
    return line.count == 2;
}

void ratings_tell_pairs(struct ratings_form *form, const char *at, const char *end, bool ended)
{
    for (int i = 0; !form->divides && delimiters[i] != ' '; i++)
        if (divides(delimiters[i], at, end, ended))
            form->divides = delimiters[i];
}

bool ratings_tell(struct ratings_form *form, const char *at, const char *end)
{
    struct line line;
    form->delimiter = 0;
    for (int fields = 3; !form->delimiter && fields >= 2; fields--)
        for (int i = 0; !form->delimiter && delimiters[i]; i++) {
            split(delimiters[i], at, end, &line);
            if (is_whole(&line, fields))
                form->delimiter = delimiters[i];
        }
    if (form->delimiter == ' ' && form->divides)
        form->delimiter = form->divides;
    if (!form->delimiter) {
        form->delimiter = ' ';
        return false;
    }
    split(form->delimiter, at, end, &line);
    return (form->pairs || line.count > 2) && is_header(&line);
}

bool ratings_tell_fields(struct ratings_form *form, const char *at, const char *end, char wrong[256])
{
    struct line line;
    split(form->delimiter, at, end, &line);
    if (line.count < (form->pairs ? 2 : 3) || line.count > FIELDS) {
        wrong_count(wrong, line.count > FIELDS ? FIELDS : form->pairs ? 2 : 3, &line);
        return false;
    }
    form->fields = line.count;
    return true;
}

bool ratings_look_like(const struct ratings_form *form, const char *at, const char *end)
{
    struct line line;
    double value;
    split(form->delimiter, at, end, &line);
    return (line.count == 3 || line.count == 4) && is_whole(&line, line.count) && field_real(&line.field[2], &value)
           && (line.count == 3 || field_real(&line.field[3], &value));
}
