#include <criterion/criterion.h>
#include <rondo/err.h>

#include <string.h>

Test(err, the_deepest_cause_is_kept)
{
    struct rondo_error err = { 0 };
    cr_assert_eq(rondo_error_set(&err, RONDO_EINPUT, "x.svm:3", "count from 1", "index %d", 0),
                 RONDO_EINPUT);
    cr_assert_eq(rondo_error_set(&err, RONDO_EIO, "elsewhere", NULL, "later"), RONDO_EIO);
    cr_assert_eq(err.code, RONDO_EINPUT);
    cr_assert_str_eq(err.where, "x.svm:3");
    cr_assert_str_eq(err.what, "index 0");
    cr_assert_str_eq(err.hint, "count from 1");
}

Test(err, where_and_hint_may_be_absent)
{
    struct rondo_error err = { 0 };
    cr_assert_eq(rondo_error_set(&err, RONDO_EAPP, NULL, NULL, "no"), RONDO_EAPP);
    cr_assert_str_empty(err.where);
    cr_assert_str_empty(err.hint);
}

Test(err, nobody_need_listen)
{
    cr_assert_eq(rondo_error_set(NULL, RONDO_ENOMEM, "a", "b", "%s", "c"), RONDO_ENOMEM);
}

Test(err, words_too_long_are_cut_and_ended)
{
    struct rondo_error err = { 0 };
    char words[1000];
    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = 0;
    rondo_error_set(&err, RONDO_EINPUT, words, words, "%s", words);
    cr_assert_eq(strlen(err.where), sizeof err.where - 1);
    cr_assert_eq(strlen(err.what), sizeof err.what - 1);
    cr_assert_eq(strlen(err.hint), sizeof err.hint - 1);
}

Test(err, every_code_has_words_of_its_own)
{
    const char *unknown = rondo_strerror(-99);
    for (int code = RONDO_EWORKERS; code <= RONDO_OK; code++) {
        cr_assert_str_neq(rondo_strerror(code), unknown, "code %d", code);
        for (int other = code + 1; other <= RONDO_OK; other++)
            cr_assert_str_neq(rondo_strerror(code), rondo_strerror(other));
    }
}
