/* rising.h - rising factorials, a (a + 1) ... (a + n - 1) = Gamma(a + n) / Gamma(a): logarithm and derivative.
 *
 * Place:   apps/lda, private to it.
 * Threads: pure functions.
 * Memory:  none.
 *
 * Sums are term by term where they are short, else differences of Stirling's series (Abramowitz, Stegun,
 * Handbook of mathematical functions, 1964, 6.1.41 and 6.3.18).  Logarithms are long double: those of
 * double differ from machine to machine in the last bit, as the library chooses them by the processor.
 */
#ifndef LDA_RISING_H
#define LDA_RISING_H

#include <rondo/types.h>

/* log Gamma(a + to) - log Gamma(a + from), 0 <= from <= to, a > 0.  Within 1e-15 of the larger of it
 * and to - from. */
long double rising_log(long double a, uint64_t from, uint64_t to);

/* psi(a + to) - psi(a + from), the sum of 1 / (a + i) over from <= i < to.  Relative error 1e-13. */
double rising_psi(double a, uint64_t from, uint64_t to);

/* The same, summed over the tallies of a group: sum number x rising(a, 0, n). */
long double rising_log_sum(long double a, struct rondo_bytes group);
double rising_psi_sum(double a, struct rondo_bytes group);

#endif
