/* plink.c - PLINK 1 binary genotypes: NAME.bed, mapped as it lies, with NAME.bim and NAME.fam.
 *
 * The .bed has no shape of its own: its variants are the lines of the .bim, its individuals those of
 * the .fam, and its length must be what they make.  The .fam's sixth column is y. */
#include "core/base/mem.h"
#include "core/data/fields.h"
#include "core/data/mapping.h"
#include "core/data/matrix.h"
#include "core/data/plink.h"
#include "core/data/readers.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

enum { MAGIC = PLINK_HEADER, WORDS = 6, CHROMOSOME = 0, NAME = 1, POSITION = 3, ALLELE = 4, PHENOTYPE = 5 };
enum { CHROMOSOME_BITS = 22 }; /* of its name's hash */

static const unsigned char magic[MAGIC] = { 0x6c, 0x1b, 0x01 };

static const char table_hint[] = "name a table of phenotypes under /data/y";

bool data_is_bed(const char *path)
{
    unsigned char first[2] = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is = fd >= 0 && read(fd, first, sizeof first) == (ssize_t)sizeof first
              && memcmp(first, magic, sizeof first) == 0;
    if (fd >= 0)
        close(fd);
    return is;
}

bool data_companion(const char *path, int index, char *out, size_t size)
{
    static const char *const endings[] = { ".bim", ".fam" };
    size_t length = strlen(path);
    if (index > 1 || length <= 4 || strcasecmp(path + length - 4, ".bed") != 0
        || length >= size || !data_is_bed(path))
        return false;
    snprintf(out, size, "%.*s%s", (int)(length - 4), path, endings[index]);
    return true;
}

/* ---- .bim and .fam --------------------------------------------------------------------------- */

struct labels {
    int64_t *position; /* [room] of variants; NULL: not wanted */
    double *value;    /* [room]; NULL: they are not wanted, or not yet */
    int64_t room;
    int64_t missing;  /* how many */
    int64_t line;     /* of the first */
    char who[2 * STREAM_TOKEN];
};

struct reading {
    struct stream s;
    struct fields fields;
    char path[4096];
};

/* A number in this column? */
static int check_number(struct reading *r, int column, const char *what, double *value,
                        struct rondo_error *err)
{
    char word[STREAM_TOKEN];
    if (field_real(&r->fields.field[column], value) && isfinite(*value))
        return RONDO_OK;
    return stream_error(&r->s, err, NULL, "expected %s, found \"%s\"", what,
                        field_word(&r->fields.field[column], word));
}

/* FNV-1a, folded. */
static int64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    hash ^= hash >> CHROMOSOME_BITS ^ hash >> 2 * CHROMOSOME_BITS;
    return (int64_t)(hash & ((UINT64_C(1) << CHROMOSOME_BITS) - 1));
}

/* A negative position is PLINK's word for a variant that is left out; it is far from all on its chromosome. */
static int take_variant(struct reading *r, int64_t row, struct labels *labels, struct rondo_error *err)
{
    char name[STREAM_TOKEN];
    double value, most = (double)(RONDO_CHROMOSOME - 1);
    int code = check_number(r, POSITION, "a position", &value, err);
    if (code || !labels->position)
        return code;
    if (row >= labels->room)
        return matrix_changed(r->path, err);
    int64_t within = (int64_t)(value < 0 || value > most ? most : value);
    labels->position[row] = hash_of(field_word(&r->fields.field[CHROMOSOME], name)) * RONDO_CHROMOSOME + within;
    return RONDO_OK;
}

static int take_person(struct reading *r, int64_t row, struct labels *labels,
                       struct rondo_error *err)
{
    char family[STREAM_TOKEN], name[STREAM_TOKEN];
    double value = 0;
    const struct field *field = r->fields.field;
    bool missing = field_missing(&field[PHENOTYPE]);
    int code = missing ? RONDO_OK : check_number(r, PHENOTYPE, "a phenotype", &value, err);
    if (missing && labels->missing++ == 0) {
        labels->line = r->s.line;
        snprintf(labels->who, sizeof labels->who, "%s %s", field_word(&field[0], family),
                 field_word(&field[1], name));
    }
    if (!code && labels->value && row >= labels->room)
        code = matrix_changed(r->path, err);
    if (!code && labels->value)
        labels->value[row] = value;
    return code;
}

/* All lines of a file of six columns; *lines: how many. */
static int read_lines(struct reading *r, struct labels *labels,
                      int (*take)(struct reading *, int64_t, struct labels *, struct rondo_error *),
                      int64_t *lines, struct rondo_error *err)
{
    int found, code = stream_open(&r->s, r->path, err);
    if (code)
        return code;
    *lines = 0;
    r->fields.next = NULL;
    while ((found = fields_line(&r->s, &r->fields, err)) > 0 && !code) {
        if (r->fields.count != WORDS)
            code = stream_error(&r->s, err, NULL, "expected 6 columns, found %d", r->fields.count);
        else
            code = take(r, (*lines)++, labels, err);
    }
    stream_close(&r->s);
    return code ? code : found;
}

int data_names(const char *path, void (*each)(void *context, int64_t column, const char *name), void *context,
               struct rondo_error *err)
{
    char id[STREAM_TOKEN], allele[STREAM_TOKEN], name[2 * STREAM_TOKEN];
    if (!data_is_bed(path))
        return phenotype_names(path, each, context, err);
    struct reading *r = mem_calloc(1, sizeof *r);
    if (!r)
        return rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory");
    int found = 0, code = data_companion(path, 0, r->path, sizeof r->path)
                              ? stream_open(&r->s, r->path, err)
                              : rondo_error_set(err, RONDO_EINPUT, path, NULL, "its name tells no .bim");
    bool open = !code;
    for (int64_t column = 0; !code && (found = fields_line(&r->s, &r->fields, err)) > 0; column++) {
        const struct field *field = r->fields.field;
        if (r->fields.count != WORDS) {
            code = stream_error(&r->s, err, NULL, "expected 6 columns, found %d", r->fields.count);
            break;
        }
        snprintf(name, sizeof name, "%s_%s", field_word(&field[NAME], id), field_word(&field[ALLELE], allele));
        each(context, column, name);
    }
    if (open)
        stream_close(&r->s);
    mem_free(r);
    return code ? code : found;
}

/* ---- .bed ------------------------------------------------------------------------------------- */

static int refuse(const struct stream *s, struct rondo_error *err, const char *hint,
                  const char *what)
{
    return rondo_error_set(err, RONDO_EINPUT, s->path, hint, "%s", what);
}

static int check_head(struct stream *s, const struct data_options *options, struct rondo_error *err)
{
    size_t length = strlen(s->path);
    if (s->end - s->at < 2 || memcmp(s->at, magic, 2) != 0)
        return refuse(s, err, NULL, "is not a PLINK 1 .bed: it does not begin with 6c 1b");
    if (s->coding != STREAM_PLAIN)
        return refuse(s, err, "decompress it", "a .bed is mapped as it lies and must not be "
                                               "compressed");
    if (s->end - s->at < MAGIC || s->at[2] == 0)
        return refuse(s, err, "plink --bfile OLD --make-bed --out NEW writes it by variants",
                      "its third byte is not 01: genotypes by individuals are not read");
    if ((unsigned char)s->at[2] != magic[2])
        return refuse(s, err, NULL, "is not a PLINK 1 .bed: its third byte is not 01");
    if (options->vector)
        return refuse(s, err, NULL, "a vector is wanted, the file holds genotypes");
    if (!options->packed)
        return refuse(s, err, "rondo data convert makes a .npy of it",
                      "packed genotypes are not taken by this app");
    if (length <= 4 || strcasecmp(s->path + length - 4, ".bed") != 0)
        return refuse(s, err, NULL, "its name must end with .bed, which tells the names of .bim and "
                                    ".fam");
    return RONDO_OK;
}

/* Reads the .bim, or the .fam, beside the .bed. */
static int read_beside(const struct stream *s, int which, struct labels *labels, int64_t *lines,
                       struct rondo_error *err)
{
    struct reading *r = mem_calloc(1, sizeof *r);
    if (!r)
        return rondo_error_set(err, RONDO_ENOMEM, s->path, NULL, "out of memory");
    int code = data_companion(s->path, which, r->path, sizeof r->path)
                   ? read_lines(r, labels, which ? take_person : take_variant, lines, err)
                   : rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "its name is too long");
    mem_free(r);
    return code;
}

static int check_length(const struct stream *s, const struct data_info *info,
                        struct rondo_error *err)
{
    int64_t stride = (info->rows + 3) / 4, want = MAGIC + stride * info->cols;
    if (s->size == want)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, s->path, "do .bim and .fam belong to it?",
                           "%lld bytes, but %lld variants (.bim) of %lld individuals (.fam) take "
                           "%lld",
                           (long long)s->size, (long long)info->cols, (long long)info->rows,
                           (long long)want);
}

/* Missing phenotypes, where they are wanted. */
static int check_labels(const struct stream *s, const struct data_options *options,
                        const struct labels *labels, struct data_info *info,
                        struct rondo_error *err)
{
    char path[4096], where[sizeof path + 32];
    info->labels = options->labels != DATA_LABELS_UNUSED && !labels->missing;
    if (options->labels != DATA_LABELS_WANTED || !labels->missing)
        return RONDO_OK;
    if (!data_companion(s->path, 1, path, sizeof path))
        return matrix_changed(s->path, err);
    snprintf(where, sizeof where, "%s:%lld", path, (long long)labels->line);
    return rondo_error_set(err, RONDO_EINPUT, where, table_hint,
                           "the phenotype of %s is missing, the first of %lld of %lld", labels->who,
                           (long long)labels->missing, (long long)info->rows);
}

static int look(struct stream *s, const struct data_options *options, struct data_info *info,
                struct rondo_error *err)
{
    struct labels labels = { 0 };
    int code = check_head(s, options, err);
    if (!code)
        code = read_beside(s, 0, &labels, &info->cols, err);
    if (!code)
        code = read_beside(s, 1, &labels, &info->rows, err);
    if (!code)
        code = data_check_shape(s->path, options, info->rows, info->cols, err);
    if (!code)
        code = check_length(s, info, err);
    if (!code)
        code = check_labels(s, options, &labels, info, err);
    info->nnz = info->rows * info->cols;
    info->packed = info->mapped = true;
    info->bytes = (size_t)(s->size - MAGIC);
    return code;
}

int bed_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                struct rondo_error *err)
{
    return look(s, options, info, err);
}

static int load_labels(const struct stream *s, struct data_set *set, struct rondo_error *err)
{
    struct labels labels = { .room = set->info.rows };
    int64_t rows = 0;
    int code = matrix_dense(&set->labels, set->info.rows, 1, &labels.value, s->path, err);
    if (!code)
        code = read_beside(s, 1, &labels, &rows, err);
    if (!code && (rows != set->info.rows || labels.missing))
        code = matrix_changed(s->path, err);
    return code;
}

static int load_positions(const struct stream *s, struct data_set *set, struct rondo_error *err)
{
    struct labels labels = { .room = set->info.cols };
    int64_t cols = 0;
    labels.position = mem_calloc((size_t)labels.room, sizeof *labels.position);
    set->x.position = labels.position; /* matrix_free has it */
    if (!labels.position)
        return rondo_error_set(err, RONDO_ENOMEM, s->path, NULL, "out of memory");
    int code = read_beside(s, 0, &labels, &cols, err);
    return !code && cols != set->info.cols ? matrix_changed(s->path, err) : code;
}

int bed_load(struct stream *s, const struct data_options *options, struct data_set *set,
             struct rondo_error *err)
{
    struct data_info *info = &set->info;
    int code = look(s, options, info, err);
    if (!code && info->labels)
        code = load_labels(s, set, err);
    if (!code)
        code = load_positions(s, set, err);
    if (code)
        return code;
    code = mapping_create(s->fd, (size_t)s->size, options->resident, s->path, &set->map, err);
    if (code)
        return code;
    set->x = (struct rondo_matrix){ .rows = info->rows, .cols = info->cols, .nnz = info->nnz,
                                    .packed = (const uint8_t *)mapping_at(set->map) + MAGIC,
                                    .stride = (info->rows + 3) / 4, .bytes = info->bytes,
                                    .position = set->x.position };
    return RONDO_OK;
}
