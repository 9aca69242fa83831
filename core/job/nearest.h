/* nearest.h - the known word that is nearest to a mistyped one.
 *
 * Place:   core/job, floor 1; used by core/job and by tools (unknown commands).
 * Threads: a struct nearest belongs to one thread.
 * Memory:  words are borrowed; the best one is copied.
 *
 * Nearness is the optimal string alignment distance: insert, remove, replace, swap neighbours; the
 * case of letters does not count.
 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stdbool.h>
#include <stddef.h>

enum { NEAREST_WORD_MAX = 64 };

struct nearest {
    const char *word;
    int distance; /* of the best; above the limit: none is near */
    char best[128];
};

void nearest_begin(struct nearest *nearest, const char *word);
/* Offers a candidate; `shown` is what best will hold, where it wins. */
void nearest_offer(struct nearest *nearest, const char *candidate, const char *shown);
/* Is there a word near enough to be what was meant? */
bool nearest_found(const struct nearest *nearest);

#endif
