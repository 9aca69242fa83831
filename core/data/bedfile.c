#include "core/data/bedfile.h"

#include "core/base/mem.h"
#include "core/data/number.h"
#include "core/data/plink.h"

#include <inttypes.h>
#include <locale.h>
#include <string.h>
#include <strings.h>

/* ---- a variant at a time --------------------------------------------------------------------- */

/* DIR/STEM.ending for path DIR/STEM.bed. */
static int begin_one(struct file_atomic *file, const char *path, const char *ending,
                     struct rondo_error *err)
{
    char dir[4096], name[512];
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    size_t length = strlen(stem);
    if (length <= 4 || length >= sizeof name || (size_t)(stem - path) >= sizeof dir
        || strcasecmp(stem + length - 4, ".bed") != 0)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "the name must end with .bed");
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    snprintf(name, sizeof name, "%.*s%s", (int)(length - 4), stem, ending);
    return file_begin(file, slash == path ? "/" : dir, name, err);
}

static void abandon(struct bedfile *file)
{
    file_abandon(&file->bed);
    file_abandon(&file->bim);
    file_abandon(&file->fam);
}

int bedfile_begin(struct bedfile *file, const char *path, int64_t rows, struct rondo_error *err)
{
    static const char magic[PLINK_HEADER] = { 0x6c, 0x1b, 0x01 };
    memset(file, 0, sizeof *file);
    file->path = path;
    file->rows = rows;
    int code = begin_one(&file->bed, path, ".bed", err);
    if (code)
        return code;
    code = begin_one(&file->bim, path, ".bim", err);
    if (!code) {
        code = begin_one(&file->fam, path, ".fam", err);
        if (code)
            file_abandon(&file->bim);
    }
    if (code)
        file_abandon(&file->bed);
    else
        file->failed = fwrite(magic, 1, sizeof magic, file->bed.stream) != sizeof magic;
    return code;
}

void bedfile_put(struct bedfile *file, const uint8_t *column, int chromosome, int64_t position)
{
    size_t bytes = (size_t)(file->rows + 3) / 4;
    file->cols++;
    file->failed |= fwrite(column, 1, bytes, file->bed.stream) != bytes;
    file->failed |= fprintf(file->bim.stream, "%d\ts%" PRId64 "\t0\t%" PRId64 "\tA\tG\n",
                            chromosome, file->cols, position) < 0;
}

static void put_people(struct bedfile *file, const double *phenotypes)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), kept = uselocale(plain);
    for (int64_t i = 0; i < file->rows; i++) {
        char number[32] = "-9";
        if (phenotypes)
            number_print(number, phenotypes[i]);
        file->failed |= fprintf(file->fam.stream, "i%" PRId64 " i%" PRId64 " 0 0 0 %s\n", i + 1,
                                i + 1, number) < 0;
    }
    uselocale(kept);
    if (plain)
        freelocale(plain);
}

int bedfile_end(struct bedfile *file, const double *phenotypes, int code, struct rondo_error *err)
{
    if (!code)
        put_people(file, phenotypes);
    if (!code && file->failed)
        code = rondo_error_set(err, RONDO_EIO, file->path, NULL, "cannot write: is the disk full?");
    if (!code)
        code = file_commit(&file->bim, err);
    if (!code)
        code = file_commit(&file->fam, err);
    if (!code)
        code = file_commit(&file->bed, err);
    if (code)
        abandon(file);
    return code;
}

/* ---- a matrix --------------------------------------------------------------------------------- */

static int not_a_genotype(const char *path, int64_t i, int64_t j, double value,
                          struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                           "row %" PRId64 ", column %" PRId64 " is %g: a .bed holds 0, 1 and 2",
                           i + 1, j + 1, value);
}

/* Sets row i of a column of homozygous A2. */
static int set_code(uint8_t *column, int64_t i, double value)
{
    int code = value == 2 ? RONDO_HOM_A1 : value == 1 ? RONDO_HET : value == 0 ? RONDO_HOM_A2 : -1;
    if (code >= 0)
        column[i / 4] = (uint8_t)(column[i / 4] ^ (RONDO_HOM_A2 ^ code) << i % 4 * 2);
    return code;
}

static int pack(const struct rondo_matrix *x, int64_t j, uint8_t *column, const char *path,
                struct rondo_error *err)
{
    int64_t bytes = (x->rows + 3) / 4;
    memset(column, 0xff, (size_t)bytes);
    column[bytes - 1] = plink_last_bits(x->rows);
    int64_t first = x->sparse ? x->colptr[j] : 0, last = x->sparse ? x->colptr[j + 1] : x->rows;
    for (int64_t at = first; at < last; at++) {
        int64_t i = x->sparse ? x->rowidx[at] : at;
        double value = x->sparse ? x->values[at] : x->dense[at + j * x->ld];
        if (set_code(column, i, value) < 0)
            return not_a_genotype(path, i, j, value, err);
    }
    return RONDO_OK;
}

int bedfile_write(const char *path, const struct rondo_matrix *x, const double *labels,
                  struct rondo_error *err)
{
    struct bedfile *file = mem_alloc(sizeof *file);
    uint8_t *column = mem_alloc((size_t)(x->rows + 3) / 4);
    int code = !file || !column ? rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory")
               : x->packed ? rondo_error_set(err, RONDO_EINPUT, path, "copy the three files",
                                             "the genotypes are in a .bed already")
                           : bedfile_begin(file, path, x->rows, err);
    if (!code) {
        for (int64_t j = 0; j < x->cols && !code; j++) {
            code = pack(x, j, column, path, err);
            if (!code)
                bedfile_put(file, column, 1, j + 1);
        }
        code = bedfile_end(file, labels, code, err);
    }
    mem_free(column);
    mem_free(file);
    return code;
}

/* ---- genotypes made numbers ------------------------------------------------------------------- */

double bedfile_mean(const struct rondo_matrix *x, int64_t j)
{
    const uint8_t *column = x->packed + j * x->stride;
    int64_t count[4] = { 0 };
    for (int64_t i = 0; i < x->rows; i++)
        count[rondo_genotype_at(column, i)]++;
    int64_t known = x->rows - count[RONDO_MISSING];
    return known ? (double)(2 * count[RONDO_HOM_A1] + count[RONDO_HET]) / (double)known : 0;
}

void bedfile_expand(const struct rondo_matrix *x, int64_t j, double *out)
{
    const double table[4] = { [RONDO_HOM_A1] = 2, [RONDO_MISSING] = bedfile_mean(x, j),
                              [RONDO_HET] = 1 };
    for (int64_t i = 0; i < x->rows; i++)
        out[i] = table[rondo_genotype_at(x->packed + j * x->stride, i)];
}
