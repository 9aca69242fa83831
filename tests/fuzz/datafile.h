/* datafile.h - one input as a data file: inspected, loaded, looked through, and loaded again compressed.
 *
 * Place:   tests/fuzz; fuzz_svmlight.c, fuzz_mtx.c, fuzz_npy.c and fuzz_docword.c call it.
 * Threads: one.
 * Memory:  all is freed on return.
 *
 * The first byte says how the rest is read: bit 0: indices from 0; bit 1: a vector is wanted; bits 2
 * and 3: 2 also as gzip, 3 also as zstd, which must come to the same; bit 6: counts are wanted.  '0' is the usual way.
 */
#ifndef DATAFILE_H
#define DATAFILE_H

#include <stddef.h>
#include <stdint.h>

void datafile_try(const uint8_t *data, size_t size);

#endif
