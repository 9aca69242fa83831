/* phenotype.c - tables of FID, IID and values, as PLINK's --pheno and --covar take them.
 *
 * A first line FID IID NAME ... names the columns; they are told by number too, from 1.  Rows
 * come out in the order of a .fam: who is in the table and not in the .fam is passed over, who is
 * in the .fam must be in the table, with a value. */
#include "core/base/bitset.h"
#include "core/base/mem.h"
#include "core/data/fields.h"
#include "core/data/matrix.h"
#include "core/data/number.h"
#include "core/data/people.h"
#include "core/data/readers.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

enum { NAMES = 2, LIST = 160 }; /* words before the values */

struct table {
    struct stream *s;
    const struct data_options *options;
    struct people people;
    struct fields fields;
    bool header;
    int columns, taken;  /* values in a line; those that are read, */
    int wanted[FIELDS_MOST]; /* [taken] in the matrix's order */
    struct rondo_matrix x;
    double *values;
    uint64_t *seen;      /* bitset of rows */
    int64_t missing, line; /* values, and where the first is */
    char who[2 * STREAM_TOKEN];
};

static bool is_header(const struct field *field)
{
    return (field_is(&field[0], "FID") || field_is(&field[0], "#FID")) && field_is(&field[1], "IID");
}

bool phenotype_is_table(const struct stream *s, const struct data_options *options)
{
    struct field field[NAMES + 1] = { { NULL, 0 } };
    const char *at = s->at;
    if (!options || !options->people)
        return false;
    while (at < s->end && (stream_is_blank(*at) || *at == '\n'))
        at++;
    for (int i = 0; i <= NAMES; i++) {
        while (at < s->end && stream_is_blank(*at))
            at++;
        field[i].at = at;
        while (at < s->end && *at != '\n' && !stream_is_blank(*at))
            at++;
        field[i].size = (size_t)(at - field[i].at);
    }
    return field[NAMES].size > 0 && !memchr(field[1].at, ':', field[1].size);
}

/* ---- which column ----------------------------------------------------------------------------- */

/* "a, b, c" */
static void list_names(const struct table *t, char out[LIST])
{
    char word[STREAM_TOKEN];
    int length = 0;
    out[0] = 0;
    for (int i = 0; i < t->columns && length < LIST - STREAM_TOKEN - 8; i++)
        length += snprintf(out + length, (size_t)(LIST - length), "%s%s", i ? ", " : "",
                           field_word(&t->fields.field[NAMES + i], word));
}

static int no_column(const struct table *t, const char *name, int size, struct rondo_error *err)
{
    char list[LIST] = "";
    if (t->header)
        list_names(t, list);
    else
        snprintf(list, sizeof list, "no names, its columns are 1 to %d", t->columns);
    if (!t->options->column)
        return stream_error(t->s, err, "name one under /data/phenotype",
                            "the table has %d phenotypes: %s", t->columns, list);
    return stream_error(t->s, err, NULL, "no %s is called \"%.*s\"; the table has %s",
                        t->options->vector ? "phenotype" : "covariate", size, name, list);
}

/* The column of that name, else of that number; -1: there is none. */
static int find(const struct table *t, const char *name, size_t size)
{
    char word[STREAM_TOKEN];
    int64_t number;
    snprintf(word, sizeof word, "%.*s", (int)size, name);
    for (int i = 0; t->header && i < t->columns; i++)
        if (field_is(&t->fields.field[NAMES + i], word))
            return i;
    const char *end = size ? number_index(word, &number) : NULL;
    return end && *end == 0 && number >= 1 && number <= t->columns ? (int)number - 1 : -1;
}

/* The first line is in t->fields. */
static int choose(struct table *t, struct rondo_error *err)
{
    const char *name = t->options->column;
    t->header = is_header(t->fields.field);
    t->columns = t->fields.count - NAMES;
    t->taken = 0;
    if (t->columns < 1)
        return stream_error(t->s, err, NULL, "expected FID, IID and values");
    if (!name && t->options->vector && t->columns > 1)
        return no_column(t, NULL, 0, err);
    for (int i = 0; !name && i < t->columns; i++)
        t->wanted[t->taken++] = i;
    while (name) {
        size_t size = t->options->vector ? strlen(name) : strcspn(name, ",");
        int column = find(t, name, size);
        if (column < 0)
            return no_column(t, name, (int)size, err);
        for (int i = 0; i < t->taken; i++)
            if (t->wanted[i] == column)
                return stream_error(t->s, err, NULL, "the covariate \"%.*s\" is asked for twice", (int)size, name);
        t->wanted[t->taken++] = column;
        name = name[size] ? name + size + 1 : NULL;
    }
    return RONDO_OK;
}

/* ---- values ----------------------------------------------------------------------------------- */

static int take_value(struct table *t, int64_t row, int column, double *to, struct rondo_error *err)
{
    char word[STREAM_TOKEN];
    const struct field *field = &t->fields.field[NAMES + column];
    *to = 0;
    if (field_missing(field)) {
        if (t->missing++ == 0) {
            t->line = t->s->line;
            snprintf(t->who, sizeof t->who, "%.*s", (int)sizeof t->who - 1,
                     people_name(&t->people, row));
        }
        return RONDO_OK;
    }
    if (field_real(field, to) && isfinite(*to))
        return RONDO_OK;
    return stream_error(t->s, err, NULL, "expected a number, found \"%s\"",
                        field_word(field, word));
}

static int take_line(struct table *t, struct rondo_error *err)
{
    if (t->fields.count != t->columns + NAMES)
        return stream_error(t->s, err, NULL, "expected %d columns, found %d", t->columns + NAMES,
                            t->fields.count);
    int64_t row = people_find(&t->people, &t->fields.field[0], &t->fields.field[1]);
    if (row < 0)
        return RONDO_OK;
    if (bitset_has(t->seen, row))
        return stream_error(t->s, err, NULL, "the individual %.80s stands twice",
                            people_name(&t->people, row));
    bitset_add(t->seen, row);
    int code = RONDO_OK;
    for (int j = 0; j < t->taken && !code; j++)
        code = take_value(t, row, t->wanted[j], &t->values[row + j * t->x.ld], err);
    return code;
}

static int read_lines(struct table *t, struct rondo_error *err)
{
    int found = 1, code = t->header ? RONDO_OK : take_line(t, err);
    while (!code && (found = fields_line(t->s, &t->fields, err)) > 0)
        code = take_line(t, err);
    return code ? code : found;
}

/* Is there a value for everybody? */
static int check_whole(const struct table *t, struct rondo_error *err)
{
    char others[96] = "";
    int64_t absent = 0, first = 0;
    for (int64_t row = t->people.count; row-- > 0;)
        if (!bitset_has(t->seen, row)) {
            absent++;
            first = row;
        }
    if (absent > 1)
        snprintf(others, sizeof others, ", the first of %lld of the .fam's %lld individuals", (long long)absent,
                 (long long)t->people.count);
    if (absent)
        return rondo_error_set(err, RONDO_EINPUT, t->s->path,
                               absent == t->people.count ? "a line begins with FID and IID, as in the .fam" : NULL,
                               "%.80s is not in it%s", people_name(&t->people, first), others);
    if (!t->missing)
        return RONDO_OK;
    if (t->missing > 1)
        snprintf(others, sizeof others, ", the first of %lld", (long long)t->missing);
    t->s->line = t->line;
    return stream_error(t->s, err, NULL, "the value of %.80s is missing%s", t->who, others);
}

static int begin(struct table *t, struct rondo_error *err)
{
    char fam[4096];
    if (!data_companion(t->options->people, 1, fam, sizeof fam))
        return rondo_error_set(err, RONDO_EINPUT, t->options->people, NULL, "it has no .fam");
    int code = people_read(&t->people, fam, err);
    if (!code)
        code = data_check_shape(fam, t->options, t->people.count, 1, err);
    int found = code ? 0 : fields_line(t->s, &t->fields, err);
    if (code || found < 0)
        return code ? code : found;
    code = choose(t, err);
    if (!code)
        code = matrix_dense(&t->x, t->people.count, t->taken, &t->values, t->s->path, err);
    if (!code && !(t->seen = mem_calloc(bitset_words(t->people.count), sizeof *t->seen)))
        code = rondo_error_set(err, RONDO_ENOMEM, t->s->path, NULL, "out of memory");
    return code;
}

int phenotype_load(struct stream *s, const struct data_options *options, struct data_set *set,
                   struct rondo_error *err)
{
    struct table *t = mem_calloc(1, sizeof *t);
    if (!t)
        return rondo_error_set(err, RONDO_ENOMEM, s->path, NULL, "out of memory");
    t->s = s;
    t->options = options;
    int code = begin(t, err);
    if (!code)
        code = read_lines(t, err);
    if (!code)
        code = check_whole(t, err);
    if (!code) {
        set->x = t->x;
        t->x = (struct rondo_matrix){ 0 };
    }
    matrix_free(&t->x);
    mem_free(t->seen);
    people_fini(&t->people);
    mem_free(t);
    return code;
}

int phenotype_names(const char *path, void (*each)(void *context, int64_t column, const char *name),
                    void *context, struct rondo_error *err)
{
    char word[STREAM_TOKEN];
    struct stream s;
    struct fields *fields = mem_calloc(1, sizeof *fields);
    int code = fields ? stream_open(&s, path, err)
                      : rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory");
    if (code) {
        mem_free(fields);
        return code;
    }
    int found = fields_line(&s, fields, err);
    bool named = found > 0 && fields->count > NAMES && is_header(fields->field);
    for (int i = NAMES; named && i < fields->count; i++)
        each(context, i - NAMES, field_word(&fields->field[i], word));
    if (found >= 0 && !named)
        found = stream_error(&s, err, NULL, "expected the names of columns: FID IID NAME ...");
    stream_close(&s);
    mem_free(fields);
    return found < 0 ? found : RONDO_OK;
}

int phenotype_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                      struct rondo_error *err)
{
    struct data_set set = { 0 };
    int code = phenotype_load(s, options, &set, err);
    info->rows = set.x.rows;
    info->cols = set.x.cols;
    info->nnz = set.x.nnz;
    info->bytes = set.x.bytes;
    matrix_free(&set.x);
    return code;
}
