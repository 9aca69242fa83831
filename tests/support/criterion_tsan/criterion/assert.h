/* assert.h - see criterion.h beside it.
 *
 * Place: tests/support.   Threads, memory: as there.
 */
#ifndef TSAN_ASSERT_H
#define TSAN_ASSERT_H

#include <criterion/criterion.h>

#endif
