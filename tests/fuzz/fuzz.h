/* fuzz.h - what every fuzz target asserts: nothing leaked, little memory taken, errors that say something.
 *
 * Place:   tests/fuzz; a target is one fuzz_STEM.c with LLVMFuzzerTestOneInput, linked with fuzz.c
 *          and with libFuzzer, or with replay.c to go through kept files once.
 * Threads: one.
 * Memory:  what a target takes between fuzz_begin and fuzz_end it gives back.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <rondo/err.h>
#include <rondo/types.h>

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's side of the bargain; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program with a message where a target's condition does not hold. */
#define fuzz_check(condition, ...)                                                                 \
    ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition, __VA_ARGS__))
_Noreturn void fuzz_fail(const char *file, int line, const char *condition, const char *what, ...)
    RONDO_PRINTF(4, 5);

/* From here on, more than `most` bytes at once of malloc and calloc end the program there and then. */
void fuzz_begin(size_t most);
/* Sets the bound anew: `most` bytes beyond what is taken already. */
void fuzz_limit(size_t most);
/* Everything that was taken since fuzz_begin has come back. */
void fuzz_end(void);

/* A code of enum rondo_code, and words to go with it. */
void fuzz_says(int code, const struct rondo_error *err);

/* A copy in a block of exactly that size, so that one byte too far is seen; fuzz_drop frees it.
 * data NULL: what it holds is not set.  It does not count as taken by the target. */
uint8_t *fuzz_copy(const uint8_t *data, size_t size);
/* The same with a NUL behind it. */
char *fuzz_text(const uint8_t *data, size_t size);
void fuzz_drop(void *copy);

/* Reads `in` and writes what it read into `out`; RONDO_ESTATE where it cannot be read. */
typedef int fuzz_reader(struct rondo_bytes in, struct rondo_buf *out);
/* A whole trial, fuzz_begin(most) to fuzz_end: what is read must be written back as the same bytes. */
void fuzz_same(fuzz_reader *reader, const uint8_t *data, size_t size, size_t most);

/* The path of a file in memory that holds these bytes, until the next call for the same slot. */
enum { FUZZ_SLOTS = 2 };
const char *fuzz_file(int slot, const void *data, size_t size);

#endif
