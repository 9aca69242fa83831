/* The table of host keys, and the pages that must say what it says. */
#include "fixture.h"

#include "apps/registry.h"
#include "core/base/file.h"
#include "core/job/keys.h"

#include <stdio.h>
#include <stdlib.h>

static char *page(const char *path)
{
    char whole[4096], *text;
    size_t size;
    struct rondo_error err = { 0 };
    const char *source = getenv("RONDO_SOURCE");
    if (!source)
        cr_skip("RONDO_SOURCE names no source tree");
    snprintf(whole, sizeof whole, "%s/%s", source, path);
    cr_assert_eq(file_read(whole, 1 << 20, &text, &size, &err), 0, "%s", err.what);
    return text;
}

/* Does the entry between `begin` and `end` have the key's range, default and help? */
static void says(const char *text, const char *begin, const char *end, const char *fallback,
                 const struct rondo_param *rule)
{
    char range[160], entry[2048];
    const char *at = strstr(text, begin);
    cr_assert_not_null(at, "%s is missing", rule->key);
    at += strlen(begin);
    const char *stop = strstr(at, end);
    snprintf(entry, sizeof entry, "%.*s", (int)(stop ? stop - at : 1000), at);
    keys_range(rule, range, sizeof range);
    if (rule->type != RONDO_TEXT)
        cr_expect_not_null(strstr(entry, range), "%s: range %s", rule->key, range);
    if (rule->fallback)
        cr_expect_not_null(strstr(entry, fallback), "%s: %s", rule->key, fallback);
    cr_expect_not_null(strstr(entry, rule->help + 1), "%s: %s", rule->key, rule->help);
}

Test(keys, the_man_page_has_every_key_with_range_default_and_help)
{
    char *text = page("docs/man/rondo-job.5");
    for (const struct rondo_param *rule = job_keys(); rule->key; rule++) {
        char begin[128], fallback[64];
        snprintf(begin, sizeof begin, "\n.It Li %s\n", rule->key);
        snprintf(fallback, sizeof fallback, "default %s.\n", rule->fallback ? rule->fallback : "");
        says(text, begin, "\n.It ", fallback, rule);
    }
    mem_free(text);
}

Test(keys, the_format_page_has_every_key_with_range_default_and_help)
{
    char *text = page("docs/formats/job.md");
    for (const struct rondo_param *rule = job_keys(); rule->key; rule++) {
        char begin[128], fallback[64];
        snprintf(begin, sizeof begin, "\n| `%s` |", rule->key);
        snprintf(fallback, sizeof fallback, "| `%s` |", rule->fallback ? rule->fallback : "");
        says(text, begin, "\n", fallback, rule);
    }
    mem_free(text);
}

Test(keys, ranges_read_as_words)
{
    static const struct {
        struct rondo_param rule;
        const char *words;
    } cases[] = {
        { { .type = RONDO_INTEGER, .least = 1, .most = 65536 }, "1 to 65536" },
        { { .type = RONDO_INTEGER, .least = 1, .most = 1 }, "1" },
        { { .type = RONDO_REAL, .least = 0, .most = NAN, .above_least = true }, "above 0" },
        { { .type = RONDO_REAL, .least = 0, .most = NAN }, "at least 0" },
        { { .type = RONDO_REAL, .least = 0, .most = 1, .above_least = true }, "above 0, at most 1" },
        { { .type = RONDO_REAL, .least = NAN, .most = 0.1 }, "at most 0.1" },
        { { .type = RONDO_REAL, .least = NAN, .most = NAN }, "any" },
        { { .type = RONDO_CHOICE, .choices = "a" }, "a" },
        { { .type = RONDO_CHOICE, .choices = "a|b" }, "a or b" },
        { { .type = RONDO_CHOICE, .choices = "a|b|c" }, "a, b or c" },
        { { .type = RONDO_BOOL }, "true or false" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char range[160];
        keys_range(&cases[i].rule, range, sizeof range);
        cr_expect_str_eq(range, cases[i].words);
    }
}

Test(keys, an_apps_key_finds_its_place)
{
    static const char *const places[][2] = {
        { "lambda", "params.lambda" }, { "path.count", "params.path.count" },
        { "stop.gap", "stop.gap" }, { "params.x", "params.x" }, { "sto.x", "params.sto.x" },
    };
    char key[64];
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        cr_expect(keys_of_app(places[i][0], key, sizeof key));
        cr_expect_str_eq(key, places[i][1]);
    }
    cr_expect(keys_of_role("x", key, sizeof key));
    cr_expect_str_eq(key, "data.x");
    cr_expect_not(keys_of_app("a_key_that_does_not_fit", key, 20));
}

Test(keys, every_table_of_this_build_makes_a_job)
{
    const struct job_apps apps = { registry_find, registry_at, NULL };
    for (int i = 0; registry_at(i); i++) {
        char text[4096];
        const struct rondo_app *app = registry_at(i);
        size_t used = (size_t)snprintf(text, sizeof text,
                                       "{\"version\":1,\"app\":\"%s\",\"data\":{\"index_base\":1",
                                       app->name);
        for (const struct rondo_role *role = app->roles; role && role->key; role++)
            if (role->required && strncmp(role->key, "params.", 7) != 0)
                used += (size_t)snprintf(text + used, sizeof text - used, ",\"%s\":\"f\"", role->key);
        snprintf(text + used, sizeof text - used, "}}");
        struct rondo_job *job;
        struct rondo_error err = { 0 };
        int code = job_parse(text, strlen(text), app->name, "/", NULL, 0, &apps, &job, &err);
        cr_expect_eq(code, 0, "%s: %s", err.where, err.what);
        job_free(job);
    }
}
