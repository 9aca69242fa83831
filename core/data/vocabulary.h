/* vocabulary.h - a text of one word a line, as columns of a matrix are called.
 *
 * Place:   core/data, floor 1; used by apps/host.c, tools/cmd_validate.c and tools/generate.c.
 * Threads: loading is one thread's; what was loaded is immutable and shared.
 * Memory:  one block, the text and a pointer a word; it is read twice, and never held beside that.
 *
 * Plain, gzip or zstd.  A word is all that stands in its line, its bytes as they are (UTF-8 or not), of
 * which none is a control character; CR LF ends a line too.
 */
#ifndef VOCABULARY_H
#define VOCABULARY_H

#include <rondo/err.h>
#include <rondo/matrix.h>

enum { VOCABULARY_WORD_MOST = 4096 }; /* bytes */

/* RONDO_EINPUT at "file:line" where a line is empty, too long, or has a control character. */
int vocabulary_load(const char *path, struct rondo_words **words, struct rondo_error *err) RONDO_MUST_CHECK;
void vocabulary_free(struct rondo_words *words); /* NULL allowed */

/* A number that tells one list of words from another, from `hash` on. */
uint64_t vocabulary_digest(uint64_t hash, const struct rondo_words *words);

#endif
