/* The published JSON Schema. */
#include "fixture.h"

#include "apps/registry.h"
#include "core/base/file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const json_t *walk(const json_t *at, const char *path)
{
    char name[64];
    while (*path) {
        size_t length = strcspn(path, "/");
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(name)) : json_object_get(at, name);
        cr_assert_not_null(at, "%s", name);
        path += length + (path[length] == '/');
    }
    return at;
}

Test(schema, has_every_host_key_with_its_range_and_default)
{
    char *text = job_schema_text(&fixture_apps);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(root);
    for (const struct rondo_param *rule = job_keys(); rule->key; rule++) {
        char path[256] = "";
        size_t used = 0;
        for (const char *at = rule->key; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
            used += (size_t)snprintf(path + used, sizeof path - used, "%sproperties/%.*s",
                                     used ? "/" : "", (int)strcspn(at, "."), at);
        cr_expect_str_eq(json_string_value(json_object_get(
                             walk(root, path), "description")) ? "" : rule->key, "");
    }
    cr_expect_eq(json_integer_value(walk(root, "properties/schedule/properties/blocks/maximum")),
                 65536);
    cr_expect_eq(json_integer_value(walk(root, "properties/schedule/properties/blocks/default")), 8);
    cr_expect_eq(json_array_size(walk(root, "required")), 3);
    json_decref(root);
    mem_free(text);
}

Test(schema, closes_the_groups_of_each_app)
{
    char *text = job_schema_text(&fixture_apps);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(root);
    cr_expect_null(json_object_get(walk(root, "properties/stop"), "additionalProperties"));
    cr_expect(json_is_false(walk(root, "properties/schedule/additionalProperties")));
    static const char *const closed[] = {
        "allOf/0/then/properties/params/additionalProperties",
        "allOf/0/then/properties/params/properties/path/additionalProperties",
        "allOf/0/then/properties/stop/additionalProperties",
        "allOf/0/then/properties/data/additionalProperties",
        "allOf/1/then/properties/params/additionalProperties",
        "allOf/1/then/properties/stop/additionalProperties",
    };
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
        cr_expect(json_is_false(walk(root, closed[i])), "%s", closed[i]);
    cr_expect_str_eq(json_string_value(walk(root, "allOf/0/if/properties/app/const")), "lasso");
    cr_expect_eq(json_array_size(walk(root, "allOf/0/then/properties/data/required")), 1);
    cr_expect_not_null(walk(root, "allOf/0/then/properties/stop/properties/gap"));
    json_decref(root);
    mem_free(text);
}

Test(schema, a_failed_allocation_gives_null_and_leaks_nothing)
{
    int64_t live = mem_live();
    char *text = NULL;
    for (uint64_t k = 1; !text && k < 10000; k++) {
        mem_fail_at(k);
        text = job_schema_text(&fixture_apps);
        mem_fail_at(0);
        cr_assert_eq(mem_live(), live + (text != NULL));
    }
    cr_expect_not_null(text);
    mem_free(text);
}

/* Where it fails: rondo help schema > config/schema/job.schema.json */
Test(schema, the_published_one_is_the_one_of_this_build)
{
    const struct job_apps apps = { registry_find, registry_at, NULL };
    const char *source = getenv("RONDO_SOURCE");
    if (!source)
        cr_skip("RONDO_SOURCE names no source tree");
    char path[4096], *text, *file;
    size_t size;
    struct rondo_error err = { 0 };
    snprintf(path, sizeof path, "%s/config/schema/job.schema.json", source);
    cr_assert_eq(file_read(path, 1 << 20, &file, &size, &err), 0, "%s", err.what);
    text = job_schema_text(&apps);
    cr_assert_not_null(text);
    cr_expect(strcmp(text, file) == 0, "rondo help schema > config/schema/job.schema.json");
    mem_free(text);
    mem_free(file);
}
