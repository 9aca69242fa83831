#include "core/base/mem.h"
#include "core/job/jsonin.h"
#include "tests/support/brutal.h"

#include <criterion/criterion.h>
#include <string.h>

static struct jsonin *parse(const char *text)
{
    struct jsonin *root = NULL;
    cr_assert_eq(jsonin_parse(text, strlen(text), &root), RONDO_OK, "%s", text);
    return root;
}

static void expect_shown(const char *text, const char *shown)
{
    char out[64];
    struct jsonin *root = parse(text);
    jsonin_show(root, out, sizeof out);
    cr_expect_str_eq(out, shown);
    jsonin_free(root);
}

Test(jsonin, what_is_there_is_found)
{
    struct jsonin *root = parse("{\"a\":\"text\",\"b\":7,\"c\":1.5,\"d\":[1,null,3]}");
    int64_t whole = 0;
    double real = 0;
    cr_expect(jsonin_is_object(root));
    cr_expect_str_eq(jsonin_text(root, "a"), "text");
    cr_expect(jsonin_integer(root, "b", &whole));
    cr_expect_eq(whole, 7);
    cr_expect(jsonin_number(root, "b", &real));
    cr_expect_eq(real, 7.0);
    cr_expect(jsonin_number(root, "c", &real));
    cr_expect_eq(real, 1.5);
    cr_expect(jsonin_is_array(jsonin_get(root, "d")));
    cr_expect_eq(jsonin_count(jsonin_get(root, "d")), 3);
    cr_expect_not_null(jsonin_at(jsonin_get(root, "d"), 2));
    jsonin_free(root);
}

Test(jsonin, what_is_missing_or_of_another_type_is_no_error)
{
    struct jsonin *root = parse("{\"a\":\"7\",\"b\":null,\"c\":1.5,\"d\":[null]}");
    int64_t whole = 42;
    double real = 42;
    cr_expect_null(jsonin_get(root, "none"));
    cr_expect_null(jsonin_get(root, "b"));
    cr_expect_null(jsonin_text(root, "c"));
    cr_expect_not(jsonin_integer(root, "a", &whole));
    cr_expect_not(jsonin_integer(root, "c", &whole));
    cr_expect_not(jsonin_number(root, "a", &real));
    cr_expect(whole == 42 && real == 42);
    cr_expect_null(jsonin_at(jsonin_get(root, "d"), 0));
    cr_expect_null(jsonin_at(jsonin_get(root, "d"), 1));
    cr_expect_null(jsonin_at(jsonin_get(root, "d"), -1));
    cr_expect_null(jsonin_get(NULL, "a"));
    cr_expect_null(jsonin_text(NULL, "a"));
    cr_expect_eq(jsonin_count(NULL), 0);
    cr_expect_eq(jsonin_count(root), 0);
    cr_expect_not(jsonin_is_array(NULL));
    jsonin_free(root);
    jsonin_free(NULL);
}

static bool note(void *context, const char *key, const struct jsonin *value)
{
    cr_expect_not_null(value);
    return strlen(strcat(context, key)) < 3;
}

Test(jsonin, members_come_in_the_order_of_the_text_until_told_to_stop)
{
    char seen[8] = "";
    struct jsonin *root = parse("{\"z\":1,\"a\":2,\"m\":3,\"b\":4}");
    jsonin_each(root, note, seen);
    cr_expect_str_eq(seen, "zam");
    jsonin_each(NULL, note, seen);
    cr_expect_str_eq(seen, "zam");
    jsonin_free(root);
}

Test(jsonin, what_is_not_json_is_refused)
{
    static const char *const texts[] = { "", "  ", "{", "{\"a\":}", "nonsense", "{} {}", "[1,]",
                                         "\"\xff\"", "{\"a\":1,\"a\":2}", "\"\\u0000\"" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct jsonin *root = NULL;
        cr_expect_eq(jsonin_parse(texts[i], strlen(texts[i]), &root), RONDO_EINPUT, "%s", texts[i]);
        cr_expect_null(root);
    }
}

Test(jsonin, values_are_shown_as_people_read_them)
{
    expect_shown("\"plain\"", "plain");
    expect_shown("12345678901234", "12345678901234");
    expect_shown("0.1", "0.1");
    expect_shown("true", "true");
    expect_shown("null", "-");
    expect_shown("{\"a\":1}", "-");
    expect_shown("\"a\\u001b[31mb\\nc\\u009bd\\u007f\"", "a [31mb c d ");
    expect_shown("\"\xc3\xa4\"", "\xc3\xa4");
}

Test(jsonin, a_text_that_is_too_long_is_cut_between_characters)
{
    char out[4];
    struct jsonin *root = parse("\"\xc3\xa4\xc3\xa4\"");
    jsonin_show(root, out, sizeof out);
    cr_expect_str_eq(out, "\xc3\xa4");
    jsonin_free(root);
}

Test(jsonin, every_failed_allocation_is_told_and_leaves_nothing)
{
    const char *text = "{\"a\":\"text\",\"b\":[1,2.5,{\"c\":null}]}";
    int64_t before = mem_live();
    for (uint64_t k = 1;; k++) {
        struct jsonin *root = NULL;
        mem_fail_at(k);
        int code = jsonin_parse(text, strlen(text), &root);
        mem_fail_at(0);
        jsonin_free(root);
        cr_assert_eq(mem_live(), before);
        if (!code)
            break;
        cr_assert_eq(code, RONDO_ENOMEM);
    }
}

static int compact(void *what)
{
    const struct jsonin *root = what;
    char *text = jsonin_compact(jsonin_get(root, "spec"));
    if (!text)
        return RONDO_ENOMEM;
    cr_expect_str_eq(text, "{\"x\":[1,2.5,\"\u00e4\",true,null],\"a\":{}}");
    mem_free(text);
    return RONDO_OK;
}

Test(jsonin, a_part_is_text_again_or_memory_was_short)
{
    struct jsonin *root = parse("{ \"spec\" : {\"x\": [1, 2.5, \"\u00e4\", true, null], \"a\": {}} }");
    brutal_run(compact, root);
    cr_expect_null(jsonin_compact(jsonin_get(root, "none")));
    jsonin_free(root);
}
