#include "core/base/mem.h"
#include "core/job/option.h"
#include "tests/support/brutal.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const struct rondo_param table[] = {
    { "ratio", RONDO_REAL, "0.5", 0, 1, true, NULL, "", "a share" },
    { "top", RONDO_INTEGER, NULL, 1, NAN, false, NULL, "", "so many" },
    { "type", RONDO_CHOICE, "\"link\"", NAN, NAN, false, "link|class", "", "which" },
    { "words", RONDO_TEXT, NULL, NAN, NAN, false, NULL, "", "anything" },
    { "fast", RONDO_BOOL, "false", NAN, NAN, false, NULL, "", "or not" },
    { .key = NULL },
};

Test(option, a_default_is_given_and_the_rest_is_not)
{
    struct rondo_error err = { 0 };
    static const bool given[] = { true, false, true, false, true };
    for (int i = 0; i < 5; i++) {
        struct rondo_value value;
        cr_assert_eq(option_init(&value, &table[i], &err), RONDO_OK, "%s", err.what);
        cr_expect_eq(value.given, given[i], "%s", table[i].key);
        cr_expect_str_eq(value.text, i == 2 ? "link" : "");
        cr_expect_eq(value.real, i == 0 ? 0.5 : 0);
        option_fini(&value, &table[i]);
        cr_expect_not(value.given);
    }
    cr_expect_eq(mem_live(), 0);
}

Test(option, words_become_what_the_row_says)
{
    struct rondo_value value[5];
    static const char *const words[] = { "0.25", "17", "class", "0.25", "true" };
    for (int i = 0; i < 5; i++) {
        struct rondo_error err = { 0 };
        cr_assert_eq(option_init(&value[i], &table[i], &err), RONDO_OK);
        cr_assert_eq(option_read(&value[i], &table[i], "nothing of this", NULL) != 0, i != 3);
        cr_assert_eq(option_read(&value[i], &table[i], words[i], &err), RONDO_OK, "%s", err.what);
        cr_expect(value[i].given);
    }
    cr_expect_eq(value[0].real, 0.25);
    cr_expect_eq(value[1].integer, 17);
    cr_expect_str_eq(value[2].text, "class");
    cr_expect_str_eq(value[3].text, "0.25"); /* a text stays one, whatever it looks like */
    cr_expect_eq(value[4].integer, 1);
    for (int i = 0; i < 5; i++)
        option_fini(&value[i], &table[i]);
    cr_expect_eq(mem_live(), 0);
}

Test(option, what_the_row_does_not_have_is_refused_at_the_option)
{
    static const struct { int row; const char *words, *what; } bad[] = {
        { 0, "0", "out of range" }, { 0, "two", "expected a number" }, { 1, "1.5", "whole number" },
        { 1, "0", "out of range" }, { 2, "clas", "is unknown" }, { 3, "\xff", "not UTF-8" },
        { 4, "yes", "true or false" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct rondo_param *rule = &table[bad[i].row];
        struct rondo_error err = { 0 };
        struct rondo_value value;
        cr_assert_eq(option_init(&value, rule, &err), RONDO_OK);
        cr_expect_eq(option_read(&value, rule, bad[i].words, &err), RONDO_EINPUT, "%s", bad[i].words);
        cr_expect(strncmp(err.where, "--", 2) == 0 && strcmp(err.where + 2, rule->key) == 0);
        cr_expect(strstr(err.what, bad[i].what), "%s", err.what);
        option_fini(&value, rule);
    }
    cr_expect_eq(mem_live(), 0);
}

static int trial(void *what RONDO_UNUSED)
{
    struct rondo_value value;
    int code = option_init(&value, &table[2], NULL);
    if (!code)
        code = option_read(&value, &table[2], "class", NULL);
    option_fini(&value, &table[2]);
    return code;
}

Test(option, every_allocation_may_fail)
{
    cr_expect_geq(brutal_run(trial, NULL), 2);
}
