#include "core/data/slab.h"

#include "core/base/mem.h"
#include "core/data/digest.h"
#include "core/data/mapping.h"
#include "core/data/matrix.h"
#include "core/data/readers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGNED = 64, HEADER = 256, ARRAYS = 3 };
static const int64_t most_entries = INT64_C(1) << 48;
static const size_t at_once = (size_t)1 << 30;

struct part {
    int64_t rows, cols, nnz, ld; /* ld: 0 where sparse */
    uint64_t sparse;
    uint64_t offset[ARRAYS]; /* sparse: colptr, rowidx, values; dense: the values alone */
};

struct header {
    char magic[8];
    uint32_t version, order; /* order: of bytes, as this machine has it */
    uint64_t bytes, digest;  /* of the file; of the matrices and the last two numbers */
    uint32_t format, coding; /* of the file that was parsed */
    char key[SLAB_KEY];
    struct part x, labels;
    int64_t unsorted, summed; /* struct data_info */
};
_Static_assert(sizeof(struct header) == 248 && sizeof(struct header) <= HEADER, "as documented");

struct array {
    const void *at;
    uint64_t bytes;
};

/* ---- where what lies --------------------------------------------------------------------------- */

/* The arrays of a part, their lengths told by its shape. */
static int arrays_of(const struct part *part, const struct rondo_matrix *m, struct array *array)
{
    uint64_t cols = (uint64_t)part->cols, nnz = (uint64_t)part->nnz;
    if (!part->sparse) {
        array[0] = (struct array){ m->dense, (uint64_t)part->ld * cols * sizeof(double) };
        return part->rows > 0;
    }
    array[0] = (struct array){ m->colptr, (cols + 1) * sizeof(int64_t) };
    array[1] = (struct array){ m->rowidx, nnz * sizeof(int32_t) };
    array[2] = (struct array){ m->values, nnz * sizeof(double) };
    return ARRAYS;
}

static bool is_possible(const struct part *p)
{
    if (p->rows < 0 || p->rows > MATRIX_ROWS_MAX || p->cols < 0 || p->cols > MATRIX_COLS_MAX
        || p->nnz < 0 || p->nnz > most_entries || p->sparse > 1)
        return false;
    if (p->sparse)
        return p->ld == 0;
    return p->nnz == p->rows * p->cols && p->ld >= p->rows && p->ld < p->rows + ALIGNED
           && matrix_dense_bytes(p->rows, p->cols)
                  == (uint64_t)p->ld * (uint64_t)p->cols * sizeof(double);
}

static uint64_t place(struct part *part, uint64_t at)
{
    static const struct rondo_matrix nowhere;
    struct array array[ARRAYS];
    int count = arrays_of(part, &nowhere, array);
    memset(part->offset, 0, sizeof part->offset);
    for (int i = 0; i < count; i++) {
        part->offset[i] = at;
        at += (array[i].bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
    }
    return at;
}

/* All that follows from the shapes and the version. */
static void lay_out(struct header *header)
{
    memcpy(header->magic, "RONDOMTX", sizeof header->magic);
    header->version = SLAB_VERSION;
    header->order = 0x01020304;
    header->bytes = place(&header->labels, place(&header->x, HEADER));
}

static struct part part_of(const struct rondo_matrix *m)
{
    return (struct part){ .rows = m->rows, .cols = m->cols, .nnz = m->nnz,
                          .ld = m->sparse ? 0 : m->ld, .sparse = m->sparse };
}

static struct header header_of(const struct data_set *set)
{
    struct header header = { .format = (uint32_t)set->info.format, .x = part_of(&set->x),
                             .labels = part_of(&set->labels), .unsorted = set->info.unsorted,
                             .summed = set->info.summed };
    while (header.coding < STREAM_DEFLATE
           && strcmp(stream_coding_name((enum stream_coding)header.coding), set->info.compression))
        header.coding++;
    lay_out(&header);
    return header;
}

/* FNV-1a over 64-bit words, as the matrices' own digest. */
static uint64_t seal(uint64_t digest, const struct data_info *info)
{
    digest = (digest ^ (uint64_t)info->unsorted) * UINT64_C(0x100000001b3);
    return (digest ^ (uint64_t)info->summed) * UINT64_C(0x100000001b3);
}

uint64_t slab_bytes(const struct data_set *set)
{
    return header_of(set).bytes;
}

/* ---- writing -------------------------------------------------------------------------------------- */

static int put(int fd, const void *bytes, uint64_t size, uint64_t offset)
{
    for (const char *at = bytes; size > 0;) {
        ssize_t wrote = pwrite(fd, at, size < at_once ? size : at_once, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return RONDO_EIO;
        at += wrote;
        size -= (uint64_t)wrote;
        offset += (uint64_t)wrote;
    }
    return RONDO_OK;
}

static int put_part(int fd, const struct part *part, const struct rondo_matrix *m)
{
    struct array array[ARRAYS];
    int count = arrays_of(part, m, array), code = RONDO_OK;
    for (int i = 0; i < count && !code; i++)
        code = put(fd, array[i].at, array[i].bytes, part->offset[i]);
    return code;
}

int slab_write(int fd, const char key[SLAB_KEY + 1], const struct data_set *set)
{
    struct header header = header_of(set);
    header.digest = seal(digest_set(DIGEST_BEGIN, set), &set->info);
    memcpy(header.key, key, sizeof header.key);
    int code = ftruncate(fd, (off_t)header.bytes) ? RONDO_EIO : RONDO_OK;
    if (!code)
        code = put(fd, &header, sizeof header, 0);
    if (!code)
        code = put_part(fd, &header.x, &set->x);
    return code ? code : put_part(fd, &header.labels, &set->labels);
}

/* ---- mapping --------------------------------------------------------------------------------------- */

/* Does the header say what it must, for a file of this many bytes? */
static bool is_sound(const struct header *header, const char *key, uint64_t bytes)
{
    struct header want = *header;
    if (!is_possible(&header->x) || !is_possible(&header->labels)
        || header->format < DATA_SVMLIGHT || header->format > DATA_DOCWORD || header->unsorted < 0
        || header->summed < 0 || header->coding > STREAM_DEFLATE)
        return false;
    memcpy(want.key, key, sizeof want.key);
    lay_out(&want);
    return memcmp(&want, header, sizeof want) == 0 && want.bytes == bytes;
}

static struct rondo_matrix matrix_at(const char *map, const struct part *part)
{
    struct rondo_matrix m = { .rows = part->rows, .cols = part->cols, .nnz = part->nnz,
                              .sparse = part->sparse, .ld = part->ld };
    const void *array[ARRAYS];
    for (int i = 0; i < ARRAYS; i++)
        array[i] = map + part->offset[i];
    if (m.sparse) {
        m.colptr = array[0];
        m.rowidx = array[1];
        m.values = array[2];
        m.bytes = matrix_sparse_bytes(m.cols, m.nnz);
    } else if (m.rows > 0) {
        m.dense = array[0];
        m.bytes = matrix_dense_bytes(m.rows, m.cols);
    }
    return m;
}

/* The digest does not see padding; the kernels do. */
static bool pads_with_zeros(const struct rondo_matrix *m)
{
    for (int64_t j = 0; m->dense && m->ld > m->rows && j < m->cols; j++)
        for (int64_t i = m->rows; i < m->ld; i++)
            if (memcmp(&m->dense[j * m->ld + i], &(double){ 0 }, sizeof(double)) != 0)
                return false;
    return true;
}

static struct data_set *set_at(struct mapping *map, const struct header *header)
{
    struct data_set *set = mem_calloc(1, sizeof *set);
    if (!set)
        return NULL;
    *set = (struct data_set){ .x = matrix_at(mapping_at(map), &header->x),
                              .labels = matrix_at(mapping_at(map), &header->labels), .map = map };
    set->info.format = (enum data_format)header->format;
    set->info.compression = stream_coding_name((enum stream_coding)header->coding);
    set->info.unsorted = header->unsorted;
    set->info.summed = header->summed;
    data_describe(set);
    uint64_t digest = digest_set(DIGEST_BEGIN, set);
    set->digest = digest;
    if (seal(digest, &set->info) == header->digest && pads_with_zeros(&set->x) && pads_with_zeros(&set->labels))
        return set;
    mem_free(set);
    return NULL;
}

static struct data_set *map_file(int fd, const char *key)
{
    struct stat info;
    struct header header;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid()
        || (info.st_mode & (S_IWGRP | S_IWOTH))
        || pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header
        || !is_sound(&header, key, (uint64_t)info.st_size))
        return NULL;
    struct mapping *map;
    if (mapping_create(fd, header.bytes, 0, "", &map, NULL))
        return NULL;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    struct data_set *set = set_at(map, &header);
    if (!set)
        mapping_destroy(map);
    return set;
}

bool slab_map(const char *path, const char key[SLAB_KEY + 1], struct data_set **set)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    struct data_set *mapped = map_file(fd, key);
    close(fd);
    if (mapped)
        *set = mapped;
    return mapped != NULL;
}
