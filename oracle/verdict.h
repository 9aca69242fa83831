/* verdict.h - what a check found, what it proved, and what it could not.
 *
 * Place:   oracle, floor 3; filled by the checks, read by tools/trace_check.c and tests.
 * Threads: one.
 * Memory:  owned texts, freed by verdict_fini; of findings the first VERDICT_FINDINGS are kept, all are
 *          counted.
 *
 * What runs out of memory is dropped and remembered in `failed`: a verdict that failed is no verdict.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <rondo/err.h>

enum { VERDICT_FINDINGS = 20, VERDICT_LINES = 32, VERDICT_WORDS = 320 };

/* Something that a trace of a sound run cannot say. */
struct finding {
    const char *kind;            /* "coupled", "conflict", "objective", ...: a constant string */
    int64_t round;               /* -1: of no round */
    int64_t first, second;       /* variables, rows, tasks: -1 where there is none */
    int64_t first_block, second_block, other_round; /* -1 where there is none */
    double value, bound;         /* what was recomputed, and what it is held against; NAN: none */
    char words[VERDICT_WORDS];   /* the whole of it, for people */
};

/* Lines, each a text. */
struct lines {
    char *line[VERDICT_LINES];
    int count;
};

struct verdict {
    struct finding finding[VERDICT_FINDINGS];
    int64_t found;           /* in all */
    struct lines proved;     /* what holds, and over how much */
    struct lines not_proved; /* what this check says nothing about, and why */
    struct lines lacks;      /* why the trace is incomplete; none: it is complete */
    bool failed;             /* memory */
};

/* A finding without numbers, to be filled in. */
struct finding finding_of(const char *kind, int64_t round);
/* Its words are made of the format. */
void verdict_find(struct verdict *verdict, struct finding finding, const char *format, ...) RONDO_PRINTF(3, 4);
void verdict_say(struct verdict *verdict, struct lines *to, const char *format, ...) RONDO_PRINTF(3, 4);
void verdict_fini(struct verdict *verdict);

#endif
