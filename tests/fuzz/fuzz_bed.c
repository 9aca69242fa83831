/* PLINK 1 files and a table of phenotypes, cut from one input: a byte of options, a byte that is the
 * length of the .bed, the .bed, then .bim, .fam and table, each but the last ended by a byte 1e.
 * Bits of the options: 0: phenotypes may be missing; 1: the table as a matrix; 2: its column "2". */
#include "core/data/data.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USUAL_BYTES = 16 << 20, BYTES_PER_BYTE = 1024, SEPARATOR = 0x1e, FILES = 4 };

static char dir[64];
static const char *const names[FILES] = { "x.bed", "x.bim", "x.fam", "p.txt" };

static const char *path_of(int file)
{
    static char path[FILES][128];
    snprintf(path[file], sizeof path[file], "%s/%s", dir, names[file]);
    return path[file];
}

static void leave(void)
{
    for (int i = 0; i < FILES; i++)
        unlink(path_of(i));
    rmdir(dir);
}

/* A folder in memory where the system has such a place. */
static void enter(void)
{
    snprintf(dir, sizeof dir, "/dev/shm/rondo-fuzz-XXXXXX");
    if (!mkdtemp(dir)) {
        snprintf(dir, sizeof dir, "/tmp/rondo-fuzz-XXXXXX");
        fuzz_check(mkdtemp(dir), "no folder");
    }
    atexit(leave);
}

static void put(int file, const uint8_t *data, size_t size)
{
    FILE *stream = fopen(path_of(file), "wb");
    fuzz_check(stream && fwrite(data, 1, size, stream) == size, "a short write");
    fclose(stream);
}

static void check_genotypes(const struct data_set *set)
{
    int64_t counts[4] = { 0 };
    const struct rondo_matrix *x = &set->x;
    fuzz_check(x->packed && x->rows > 0 && x->cols > 0 && x->stride == (x->rows + 3) / 4, "shape");
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t i = 0; i < x->rows; i++)
            counts[rondo_genotype_at(x->packed + j * x->stride, i)]++;
    fuzz_check(counts[0] + counts[1] + counts[2] + counts[3] == x->nnz, "entries");
    fuzz_check(set->labels.rows == (set->info.labels ? x->rows : 0), "labels");
    for (int64_t i = 0; i < set->labels.rows; i++)
        fuzz_check(isfinite(set->labels.dense[i]), "a phenotype is not finite");
}

static void check_table(const struct data_set *set, const struct data_options *options)
{
    const struct rondo_matrix *x = &set->x;
    fuzz_check(!options->vector || x->cols == 1, "not a vector");
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t i = 0; i < x->rows; i++)
            fuzz_check(isfinite(x->dense[i + j * x->ld]), "a value is not finite");
}

/* Inspects and loads, which must agree.  A file whose content is of another format has a target of
 * its own; what an inspection of it promises is less. */
static struct data_set *load(const char *path, const struct data_options *options,
                             enum data_format format)
{
    struct data_info info = { 0 };
    struct data_set *set = NULL;
    struct rondo_error err = { 0 }, said = { 0 };
    int look = data_inspect(path, options, &info, &said);
    fuzz_says(look, &said);
    if (!look && info.format != format)
        return NULL;
    int code = data_load(path, options, &set, &err);
    fuzz_says(code, &err);
    fuzz_check(look == code && !code == !!set, "inspect %d, load %d", look, code);
    fuzz_check(!set || (info.rows == set->x.rows && info.cols == set->x.cols
                        && info.bytes == set->x.bytes && info.labels == set->info.labels),
               "another shape than inspect told");
    return set;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 1 << 16)
        return 0;
    if (!dir[0])
        enter();
    size_t bed = data[1] < size - 2 ? data[1] : size - 2;
    const uint8_t *at = data + 2 + bed, *end = data + size;
    put(0, data + 2, bed);
    for (int file = 1; file < FILES; file++) {
        const uint8_t *stop = file < FILES - 1 ? memchr(at, SEPARATOR, (size_t)(end - at)) : NULL;
        stop = stop ? stop : end;
        put(file, at, (size_t)(stop - at));
        at = stop < end ? stop + 1 : end;
    }
    fuzz_begin(USUAL_BYTES + BYTES_PER_BYTE * size);
    const struct data_options takes = { .index_base = 1, .packed = true,
                                        .labels = data[0] & 1 ? DATA_LABELS_IF_WHOLE
                                                              : DATA_LABELS_WANTED };
    struct data_set *set = load(path_of(0), &takes, DATA_BED);
    if (set)
        check_genotypes(set);
    data_free(set);
    const struct data_options table = { .index_base = 1, .vector = !(data[0] & 2),
                                        .people = path_of(0), .column = data[0] & 4 ? "2" : NULL };
    struct data_info info;
    struct rondo_error err = { 0 };
    if (!data_inspect(path_of(3), &table, &info, &err) && info.format == DATA_TABLE) {
        set = load(path_of(3), &table, DATA_TABLE);
        check_table(set, &table);
        data_free(set);
    }
    fuzz_end();
    return 0;
}
