/* Lines and columns of members in JSON text. */
#include "core/job/locate.h"

#include <criterion/criterion.h>
#include <string.h>

static void stands(const char *text, const char *const *names, int depth, bool key, int line,
                   int column)
{
    struct locate_point point = { 0, 0 };
    cr_expect(locate_member(text, strlen(text), names, depth, key, &point), "%s", text);
    cr_expect_eq(point.line, line, "%s: line %d", text, point.line);
    cr_expect_eq(point.column, column, "%s: column %d", text, point.column);
}

Test(locate, finds_values_and_keys)
{
    const char *text = "\n{ \"a\" : [1, {\"b\": 2}],\n \"b\": { \"c\\\"d\" :\n\t\"x}\" } }";
    stands(text, (const char *const[]){ "a" }, 1, false, 2, 9);
    stands(text, (const char *const[]){ "b" }, 1, false, 3, 7);
    stands(text, (const char *const[]){ "b" }, 1, true, 3, 2);
    stands(text, (const char *const[]){ "b", "c\"d" }, 2, false, 4, 2);
    stands(text, (const char *const[]){ "b", "c\"d" }, 2, true, 3, 9);
    stands(text, NULL, 0, false, 2, 1);
}

Test(locate, knows_escaped_names_and_counts_characters)
{
    stands("{\"\\u00e9\\t\\ud83d\\ude00\": 1}", (const char *const[]){ "\xc3\xa9\t\xf0\x9f\x98\x80" }, 1,
           false, 1, 26);
    stands("{\"\xc3\xa9\": 1}", (const char *const[]){ "\xc3\xa9" }, 1, false, 1, 7);
    stands("{\"\\/\\b\": 1}", (const char *const[]){ "/\b" }, 1, false, 1, 10);
}

Test(locate, says_no_where_there_is_none)
{
    static const char *const texts[] = { "{}", "[]", "", "{\"b\": 1}", "{\"aa\": 1}", "{\"a", "{\"a\"",
                                         "{\"b\":", "{\"b\\" };
    struct locate_point point;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_not(locate_member(texts[i], strlen(texts[i]), (const char *const[]){ "a", "z" }, 2,
                                    false, &point), "%s", texts[i]);
}
