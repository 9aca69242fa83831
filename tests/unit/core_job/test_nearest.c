/* The word that was meant. */
#include "core/job/nearest.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *meant(const char *word, const char *const *known)
{
    static struct nearest nearest;
    nearest_begin(&nearest, word);
    for (; *known; known++)
        nearest_offer(&nearest, *known, *known);
    return nearest_found(&nearest) ? nearest.best : "";
}

Test(nearest, finds_a_letter_lost_added_changed_or_swapped)
{
    static const char *const known[] = { "lambda", "lambda_ratio", "loss", "seed", NULL };
    cr_expect_str_eq(meant("lamda", known), "lambda");
    cr_expect_str_eq(meant("lambdaa", known), "lambda");
    cr_expect_str_eq(meant("lombda", known), "lambda");
    cr_expect_str_eq(meant("lamdba", known), "lambda");
    cr_expect_str_eq(meant("LAMBDA-RATIO", known), "lambda_ratio");
    cr_expect_str_eq(meant("sede", known), "seed");
}

Test(nearest, is_silent_where_nothing_is_near)
{
    static const char *const known[] = { "x", "y", "threshold", NULL };
    char absurd[200];
    memset(absurd, 'x', sizeof absurd);
    absurd[199] = 0;
    cr_expect_str_eq(meant("z", known), "");
    cr_expect_str_eq(meant("", known), "");
    cr_expect_str_eq(meant("something", known), "");
    cr_expect_str_eq(meant(absurd, known), "");
}

Test(nearest, the_first_of_equals_wins)
{
    static const char *const known[] = { "abcd1", "abcd2", NULL };
    cr_expect_str_eq(meant("abcd3", known), "abcd1");
}
