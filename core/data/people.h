/* people.h - the individuals of a .fam file, found by family and name.
 *
 * Place:   core/data, floor 1; used by phenotype.c.
 * Threads: one while it is read; then safe.
 * Memory:  owned, freed by people_fini: the names and 16 bytes for each.
 */
#ifndef PEOPLE_H
#define PEOPLE_H

#include "core/data/fields.h"

struct people {
    int64_t count;
    char *names;   /* "FID IID" each, NUL behind it */
    size_t size, room;
    size_t *at;    /* [count]: where the i-th begins */
    int64_t *slot; /* [slots]: open addressing; -1: nobody */
    size_t slots;  /* a power of two */
};

/* RONDO_EINPUT: two of the same name, or no .fam. */
int people_read(struct people *people, const char *fam, struct rondo_error *err) RONDO_MUST_CHECK;
void people_fini(struct people *people); /* harmless where nothing was read */
/* The row of an individual, -1: there is none. */
int64_t people_find(const struct people *people, const struct field *family,
                    const struct field *name);
/* "FID IID" of a row. */
static inline const char *people_name(const struct people *people, int64_t row)
{
    return people->names + people->at[row];
}

#endif
