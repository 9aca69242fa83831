/* brutal.h - what happens when the k-th allocation fails, for every k.
 *
 * Place:   tests/support, header only.
 * Threads: the trial's allocations are made by one thread.
 * Memory:  the trial frees all that it made, on success and on failure.
 *
 *     static int trial(void *what) { ... returns 0 or RONDO_ENOMEM ... }
 *     brutal_run(trial, &fixture);
 */
#ifndef BRUTAL_H
#define BRUTAL_H

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <rondo/err.h>

enum { BRUTAL_MOST = 100000 };

/* Runs the trial with the 1st, 2nd, ... allocation failing until none is left to fail; each failed
 * run must say RONDO_ENOMEM and leave no block behind.  Returns the allocations of a good run. */
static inline int brutal_run(int (*trial)(void *), void *what)
{
    for (int k = 1; k < BRUTAL_MOST; k++) {
        int64_t before = mem_live();
        uint64_t asked = mem_count();
        mem_fail_at((uint64_t)k);
        int code = trial(what);
        mem_fail_at(0);
        cr_assert_eq(mem_live(), before, "blocks leaked when allocation %d failed", k);
        if (mem_count() - asked < (uint64_t)k) {
            cr_assert_eq(code, RONDO_OK, "the good run failed: %s", rondo_strerror(code));
            return k - 1;
        }
        cr_assert_eq(code, RONDO_ENOMEM, "allocation %d failed, and the answer was: %s", k,
                     rondo_strerror(code));
    }
    cr_assert(false, "more than %d allocations", BRUTAL_MOST);
    return -1;
}

#endif
