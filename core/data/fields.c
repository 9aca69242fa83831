#include "core/data/fields.h"

#include "core/data/number.h"

#include <math.h>
#include <strings.h>

/* The end of the line at s->at, in the window; NULL where the window is too short for it. */
static const char *line_end(const struct stream *s)
{
    const char *end = memchr(s->at, '\n', (size_t)(s->end - s->at));
    return end ? end : s->ended ? s->end : NULL;
}

static int split(struct stream *s, struct fields *fields, const char *end, struct rondo_error *err)
{
    fields->count = 0;
    for (const char *at = s->at;;) {
        while (at < end && stream_is_blank(*at))
            at++;
        if (at == end)
            return 1;
        if (fields->count == FIELDS_MOST)
            return stream_error(s, err, NULL, "the line has more than %d words", FIELDS_MOST);
        struct field *field = &fields->field[fields->count++];
        field->at = at;
        while (at < end && !stream_is_blank(*at))
            at++;
        field->size = (size_t)(at - field->at);
    }
}

int fields_line(struct stream *s, struct fields *fields, struct rondo_error *err)
{
    do {
        if (fields->next) {
            s->line += fields->next > s->at && fields->next[-1] == '\n';
            s->at = fields->next;
        }
        const char *end = line_end(s);
        if (!end) {
            int code = stream_fill(s, err);
            if (code)
                return code;
            end = line_end(s);
        }
        if (!end)
            return stream_error(s, err, NULL, "the line is too long");
        if (s->at == s->end)
            return 0;
        fields->next = end + (end < s->end);
        int code = split(s, fields, end, err);
        if (code < 0)
            return code;
    } while (fields->count == 0);
    return 1;
}

bool field_real(const struct field *field, double *value)
{
    const char *end = number_real(field->at, value);
    return end == field->at + field->size;
}

bool field_missing(const struct field *field)
{
    double value;
    return (field->size == 2 && strncasecmp(field->at, "NA", 2) == 0)
           || (field_real(field, &value) && (isnan(value) || value == -9));
}

const char *field_word(const struct field *field, char *out)
{
    size_t size = 0;
    for (; size < field->size && size < STREAM_TOKEN - 4; size++)
        out[size] = field->at[size] > ' ' && field->at[size] < 127 ? field->at[size] : '?';
    memcpy(out + size, size < field->size ? "..." : "", size < field->size ? 4 : 1);
    return out;
}
