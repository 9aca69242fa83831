/* logging.h - see criterion.h beside it.
 *
 * Place: tests/support.   Threads, memory: as there.
 */
#ifndef CRITERION_TSAN_LOGGING_H
#define CRITERION_TSAN_LOGGING_H

#include <criterion/criterion.h>

#endif
