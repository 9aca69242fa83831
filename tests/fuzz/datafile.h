/* datafile.h - one input as a data file: inspected, loaded, looked through, and loaded again compressed.
 *
 * Place:   tests/fuzz; fuzz_svmlight.c, fuzz_mtx.c, fuzz_npy.c and fuzz_docword.c call it, fuzz_ratings.c
 *          what is below it.
 * Threads: one.
 * Memory:  all is freed on return.
 *
 * The first byte says how the rest is read: bit 0: indices from 0; bit 1: a vector is wanted; bits 2
 * and 3: 2 also as gzip, 3 also as zstd, which must come to the same; bit 6: counts are wanted.  '0' is the usual way.
 */
#ifndef DATAFILE_H
#define DATAFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void datafile_try(const uint8_t *data, size_t size);

/* As gzip or zstd begins. */
bool datafile_compressed(const uint8_t *data, size_t size);
/* How many bytes the file decodes to, as far as it can be decoded: what is compressed may hold 32768 times as
 * many as it has.  More than `most` are DATAFILE_MUCH.  head: the first of them, NULs where there are fewer. */
#define DATAFILE_MUCH SIZE_MAX
enum { DATAFILE_HEAD = 8 };
size_t datafile_text(const char *path, size_t most, char head[DATAFILE_HEAD + 1]);

#endif
