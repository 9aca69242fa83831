/* number.h - numbers in text, read exactly and fast.
 *
 * Place:   core/data, floor 1; used by the text readers.
 * Threads: pure functions.
 * Memory:  none.  The text must end with a byte that is no part of a number (a NUL will do).
 *
 * The result is always the double nearest to the decimal, ties to even, whatever the locale.  Up to
 * 19 digits with |exponent| <= 27 take one multiplication or division (Clinger, "How to read
 * floating point numbers accurately", PLDI 1990, and the same in 128-bit integers); the rest goes
 * to strtod.
 */
#ifndef NUMBER_H
#define NUMBER_H

#include <rondo/types.h>

/* [+-] digits [. digits] [e [+-] digits], or nan, inf, infinity in any case.  Returns where the
 * number ends, NULL where there is none. */
const char *number_real(const char *text, double *value);

/* Digits alone; what is too large for an int64_t becomes INT64_MAX.  NULL where there is none. */
const char *number_index(const char *text, int64_t *value);

/* The shortest of 15 to 17 digits that reads back as the same double; out is [32].  Returns the
 * length.  The caller sets a locale with a decimal point. */
int number_print(char *out, double value);

#endif
