/* scale.h - how often a property test tries: fewer times under a sanitizer.
 *
 * Place:   tests/support, header only.
 * Threads: safe.
 * Memory:  none.
 */
#ifndef SCALE_H
#define SCALE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* runs times RONDO_PROP_SCALE where that is set (tools/test sets it for asan and tsan), at least 1. */
static inline int64_t scale_runs(int64_t runs)
{
    const char *text = getenv("RONDO_PROP_SCALE");
    double scale = text ? strtod(text, NULL) : 1.0;
    int64_t scaled = (int64_t)((double)runs * (scale > 0 ? scale : 1.0));
    return scaled > 0 ? scaled : 1;
}

/* Are there as many tries as were asked for?  Else what they come to is too rough to be judged. */
static inline bool scale_whole(void)
{
    return scale_runs(1000) >= 1000;
}

#endif
