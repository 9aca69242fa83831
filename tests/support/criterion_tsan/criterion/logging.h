/* logging.h - see criterion.h beside it.
 *
 * Place: tests/support.   Threads, memory: as there.
 */
#ifndef TSAN_LOGGING_H
#define TSAN_LOGGING_H

#include <criterion/criterion.h>

#endif
