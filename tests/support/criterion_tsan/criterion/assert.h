/* assert.h - see criterion.h beside it.
 *
 * Place: tests/support.   Threads, memory: as there.
 */
#ifndef CRITERION_TSAN_ASSERT_H
#define CRITERION_TSAN_ASSERT_H

#include <criterion/criterion.h>

#endif
