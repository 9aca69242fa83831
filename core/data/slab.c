#include "core/data/slab.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/data/fingerprint.h"
#include "core/data/mapping.h"
#include "core/data/matrix.h"
#include "core/data/readers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGNED = 64, HEADER = 384, ARRAYS = 3 };
enum { NAME_MOST = 4096 }; /* bytes of an id */
static const uint32_t byte_order = 0x01020304;
static const int64_t most_entries = INT64_C(1) << 48;
static const size_t at_once = (size_t)1 << 30;

enum { SAID = 9 };

struct part {
    int64_t rows, cols, nnz, ld; /* ld: 0 where sparse */
    uint64_t sparse;
    uint64_t offset[ARRAYS]; /* sparse: colptr, rowidx, values; dense: the values alone */
};

/* Who the rows, or the columns, of ratings are: each with its NUL, one behind the other. */
struct names {
    int64_t count;
    uint64_t bytes, offset;
};

struct header {
    char magic[8];
    uint32_t version, order; /* order: of bytes, as this machine has it */
    uint64_t bytes, digest;  /* of the file; of matrices, ids, and then `said` */
    uint32_t format, coding; /* of the file that was parsed */
    char key[SLAB_KEY];
    struct part x, labels;
    struct names user, item;
    int64_t said[SAID];
};
_Static_assert(sizeof(struct header) == 352 && sizeof(struct header) <= HEADER, "as documented");

/* What struct data_info and struct rondo_ids say beside shapes, in the order of the file. */
static void list(const struct data_set *set, int64_t said[SAID])
{
    const struct data_info *info = &set->info;
    const struct rondo_ids *ids = set->ids;
    said[0] = info->unsorted;
    said[1] = info->summed;
    said[2] = info->lines;
    said[3] = info->replaced;
    said[4] = info->header;
    said[5] = info->times;
    said[6] = ids ? ids->known_users : 0;
    said[7] = ids ? ids->known_items : 0;
    said[8] = ids ? ids->negative_line : 0;
}

static void unlist(const int64_t said[SAID], struct data_info *info)
{
    info->unsorted = said[0];
    info->summed = said[1];
    info->lines = said[2];
    info->replaced = said[3];
    info->header = said[4] != 0;
    info->times = said[5] != 0;
}

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

static uint64_t place_names(struct names *names, uint64_t at)
{
    names->offset = names->count ? at : 0;
    return at + (names->bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
}

/* All that follows from the shapes and the version. */
static void lay_out(struct header *header)
{
    memcpy(header->magic, SLAB_MAGIC, sizeof header->magic);
    header->version = SLAB_VERSION;
    header->order = byte_order;
    header->bytes = place(&header->labels, place(&header->x, HEADER));
    header->bytes = place_names(&header->item, place_names(&header->user, header->bytes));
}

static struct names names_of(const struct rondo_words *words)
{
    struct names names = { .count = words->count };
    for (int64_t i = 0; i < words->count; i++)
        names.bytes += strlen(words->word[i]) + 1;
    return names;
}

static struct part part_of(const struct rondo_matrix *m)
{
    return (struct part){ .rows = m->rows, .cols = m->cols, .nnz = m->nnz,
                          .ld = m->sparse ? 0 : m->ld, .sparse = m->sparse };
}

static struct header header_of(const struct data_set *set)
{
    struct header header = { .format = (uint32_t)set->info.format, .x = part_of(&set->x),
                             .labels = part_of(&set->labels) };
    if (set->ids) {
        header.user = names_of(&set->ids->user);
        header.item = names_of(&set->ids->item);
    }
    list(set, header.said);
    while (header.coding < STREAM_DEFLATE
           && strcmp(stream_coding_name((enum stream_coding)header.coding), set->info.compression))
        header.coding++;
    lay_out(&header);
    return header;
}

/* FNV-1a over 64-bit words, as the matrices' own digest. */
static uint64_t seal(uint64_t digest, const int64_t said[SAID])
{
    for (int i = 0; i < SAID; i++)
        digest = (digest ^ (uint64_t)said[i]) * UINT64_C(0x100000001b3);
    return digest;
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

/* In pieces of many names each. */
static int put_names(int fd, const struct names *names, const struct rondo_words *words)
{
    enum { PIECE = 1 << 18 };
    char *piece = mem_alloc(PIECE + NAME_MOST + 1);
    uint64_t offset = names->offset;
    size_t size = 0;
    int code = piece ? RONDO_OK : RONDO_EIO;
    for (int64_t i = 0; i < words->count && !code; i++) {
        size_t length = strlen(words->word[i]) + 1;
        if (length > NAME_MOST + 1)
            code = RONDO_EIO;
        else
            memcpy(piece + size, words->word[i], length);
        size += length;
        if (!code && (size >= PIECE || i + 1 == words->count)) {
            code = put(fd, piece, size, offset);
            offset += size;
            size = 0;
        }
    }
    mem_free(piece);
    return code;
}

int slab_write(int fd, const char key[SLAB_KEY + 1], const struct data_set *set)
{
    struct header header = header_of(set);
    header.digest = seal(fingerprint_set(FINGERPRINT_BEGIN, set), header.said);
    memcpy(header.key, key, sizeof header.key);
    int code = ftruncate(fd, (off_t)header.bytes) ? RONDO_EIO : RONDO_OK;
    if (!code)
        code = put(fd, &header, sizeof header, 0);
    if (!code)
        code = put_part(fd, &header.x, &set->x);
    if (!code)
        code = put_part(fd, &header.labels, &set->labels);
    if (!code && set->ids)
        code = put_names(fd, &header.user, &set->ids->user);
    return code || !set->ids ? code : put_names(fd, &header.item, &set->ids->item);
}

/* ---- mapping --------------------------------------------------------------------------------------- */

/* All rows have a name, or none has. */
static bool are_possible(const struct names *names, int64_t count)
{
    if (!names->count)
        return names->bytes == 0;
    return names->count == count && names->bytes / 2 >= (uint64_t)count
           && names->bytes / (NAME_MOST + 1) <= (uint64_t)count;
}

/* None, or one for each row. */
static bool are_labels(const struct part *labels, const struct part *x)
{
    if (labels->sparse)
        return false;
    return labels->rows ? labels->rows == x->rows && labels->cols == 1 : labels->cols == 0 && labels->ld == 0;
}

/* Does the header say what it must, for a file of this many bytes? */
static bool is_sound(const struct header *header, const char *key, uint64_t bytes)
{
    struct header want = *header;
    if (!is_possible(&header->x) || !is_possible(&header->labels)
        || !are_possible(&header->user, header->x.rows) || !are_possible(&header->item, header->x.cols)
        || !header->user.count != !header->item.count || header->x.rows < 1 || header->x.cols < 1
        || !are_labels(&header->labels, &header->x) || header->said[6] > header->user.count
        || header->said[7] > header->item.count || header->format < DATA_SVMLIGHT
        || header->format > DATA_RDM || header->coding > STREAM_DEFLATE)
        return false;
    for (int i = 0; i < SAID; i++)
        if (header->said[i] < 0)
            return false;
    if (header->user.count && (header->labels.rows || !header->x.sparse)) /* ratings have no labels */
        return false;
    memcpy(want.key, key, sizeof want.key);
    lay_out(&want);
    return memcmp(&want, header, sizeof want) == 0 && want.bytes == bytes;
}

/* Its shape alone. */
static struct rondo_matrix matrix_of(const struct part *part)
{
    return (struct rondo_matrix){ .rows = part->rows, .cols = part->cols, .nnz = part->nnz,
                                  .sparse = part->sparse, .ld = part->ld,
                                  .bytes = part->sparse ? matrix_sparse_bytes(part->cols, part->nnz)
                                           : part->rows ? matrix_dense_bytes(part->rows, part->cols) : 0 };
}

static struct rondo_matrix matrix_at(const char *map, const struct part *part)
{
    struct rondo_matrix m = matrix_of(part);
    const void *array[ARRAYS];
    for (int i = 0; i < ARRAYS; i++)
        array[i] = map + part->offset[i];
    if (m.sparse) {
        m.colptr = array[0];
        m.rowidx = array[1];
        m.values = array[2];
    } else if (m.rows > 0) {
        m.dense = array[0];
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

/* As many names as there must be, none empty, each with its NUL, and nothing behind. */
static bool find_words(const char *map, const struct names *names, const char **word, struct rondo_words *words)
{
    const char *at = map + names->offset, *end = at + names->bytes;
    for (int64_t i = 0; i < names->count; i++) {
        const char *nul = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
        if (!nul || nul == at)
            return false;
        word[i] = at;
        at = nul + 1;
    }
    *words = (struct rondo_words){ names->count, word };
    return at == end;
}

/* One block, which points into the map. */
static int ids_at(const char *map, const struct header *header, struct rondo_ids **ids)
{
    struct block {
        struct rondo_ids ids;
        const char *word[];
    };
    size_t count = (size_t)(header->user.count + header->item.count);
    struct block *block = mem_alloc(sizeof *block + count * sizeof *block->word);
    if (!block)
        return RONDO_ENOMEM;
    *ids = &block->ids;
    block->ids = (struct rondo_ids){ .known_users = header->said[6], .known_items = header->said[7],
                                     .negative_line = header->said[8] };
    bool good = find_words(map, &header->user, block->word, &block->ids.user)
                && find_words(map, &header->item, block->word + header->user.count, &block->ids.item);
    return good ? RONDO_OK : RONDO_ESTATE;
}

/* RONDO_ESTATE: it is not what was written. */
static int set_at(struct mapping *map, const struct header *header, struct data_set **out)
{
    struct data_set *set = mem_calloc(1, sizeof *set);
    if (!set)
        return RONDO_ENOMEM;
    *set = (struct data_set){ .x = matrix_at(mapping_at(map), &header->x),
                              .labels = matrix_at(mapping_at(map), &header->labels), .map = map };
    set->info.format = (enum data_format)header->format;
    set->info.compression = stream_coding_name((enum stream_coding)header->coding);
    unlist(header->said, &set->info);
    data_describe(set);
    int code = header->user.count ? ids_at(mapping_at(map), header, &set->ids) : RONDO_OK;
    if (!code) {
        set->digest = fingerprint_set(FINGERPRINT_BEGIN, set);
        if (seal(set->digest, header->said) != header->digest || !pads_with_zeros(&set->x)
            || !pads_with_zeros(&set->labels))
            code = RONDO_ESTATE;
    }
    if (!code) {
        *out = set;
        return RONDO_OK;
    }
    mem_free(set->ids);
    mem_free(set);
    return code;
}

static int map_at(int fd, const char *path, const struct header *header, struct data_set **set,
                  struct rondo_error *err)
{
    struct mapping *map;
    int code = mapping_create(fd, header->bytes, 0, path, &map, err);
    if (code)
        return code;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    code = set_at(map, header, set);
    if (code)
        mapping_destroy(map);
    return code;
}

static bool map_file(int fd, const char *key, struct data_set **set)
{
    struct stat info;
    struct header header;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid()
           && !(info.st_mode & (S_IWGRP | S_IWOTH))
           && pread(fd, &header, sizeof header, 0) == (ssize_t)sizeof header
           && is_sound(&header, key, (uint64_t)info.st_size) && map_at(fd, "", &header, set, NULL) == RONDO_OK;
}

bool slab_map(const char *path, const char key[SLAB_KEY + 1], struct data_set **set)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool mapped = map_file(fd, key, set);
    close(fd);
    return mapped;
}

/* ---- as data -------------------------------------------------------------------------------------- */

static int refuse(const char *path, const char *what, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, path, "rondo data convert makes it anew", "the .rdm %s", what);
}

static int read_header(int fd, const char *path, struct header *header, struct rondo_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || pread(fd, header, sizeof *header, 0) != (ssize_t)sizeof *header)
        return refuse(path, "is cut short", err);
    if (header->order != byte_order)
        return refuse(path, "was written on a machine of another byte order", err);
    if (header->version != SLAB_VERSION)
        return rondo_error_set(err, RONDO_EINPUT, path, "rondo data convert makes it anew",
                               "the .rdm is of version %" PRIu32 ", and this build reads %d", header->version,
                               SLAB_VERSION);
    if (header->bytes > (uint64_t)info.st_size)
        return refuse(path, "is cut short", err);
    return is_sound(header, header->key, (uint64_t)info.st_size) ? RONDO_OK : refuse(path, "is damaged", err);
}

int slab_look(int fd, const char *path, struct data_info *info, bool *ids, struct rondo_error *err)
{
    struct header header;
    int code = read_header(fd, path, &header, err);
    if (code)
        return code;
    struct data_set set = { .x = matrix_of(&header.x), .labels = matrix_of(&header.labels) };
    unlist(header.said, &set.info);
    data_describe(&set);
    *info = set.info;
    *ids = header.user.count > 0;
    return RONDO_OK;
}

int slab_open(int fd, const char *path, struct data_set **set, struct rondo_error *err)
{
    struct header header;
    int code = read_header(fd, path, &header, err);
    if (!code)
        code = map_at(fd, path, &header, set, err);
    if (code == RONDO_ESTATE)
        return refuse(path, "is damaged: its digest is another", err);
    return code ? rondo_error_set(err, code, path, NULL, "%s", rondo_strerror(code)) : RONDO_OK;
}

int data_save(const char *path, const struct data_set *set, struct rondo_error *err)
{
    char key[SLAB_KEY + 1];
    struct file_atomic file;
    memset(key, '0', SLAB_KEY);
    key[SLAB_KEY] = 0;
    if (set->x.packed)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "genotypes are kept as .bed, not as .rdm");
    int code = file_begin_at(&file, path, err);
    if (code)
        return code;
    errno = 0;
    code = slab_write(fileno(file.stream), key, set);
    if (!code)
        return file_commit(&file, err);
    file_abandon(&file);
    return rondo_error_set(err, code, path, NULL, "cannot write: %s", errno ? strerror(errno) : "an id is too long");
}
