/* What is embedded is what lies in assets/ and where the build found dygraphs. */
#include "assets/assets.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void is_the_file(const struct asset *asset, const char *path)
{
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s", path);
    unsigned char *bytes = malloc(asset->size + 1);
    cr_expect_eq(fread(bytes, 1, asset->size + 1, file), asset->size, "%s", path);
    cr_expect_eq(memcmp(bytes, asset->bytes, asset->size), 0, "%s", path);
    cr_expect_eq(asset->bytes[asset->size], 0);
    fclose(file);
    free(bytes);
}

Test(assets, are_the_files_of_the_folder)
{
    const struct asset *asset;
    size_t count = 0;
    for (; (asset = asset_at(count)); count++) {
        char path[1024];
        cr_expect_eq(asset_find(asset->name), asset);
        snprintf(path, sizeof path, "%s/../assets/%s", RONDO_TESTS_DIR, asset->name);
        if (strncmp(asset->name, "dygraph.", 8) != 0)
            is_the_file(asset, path);
    }
    cr_expect_geq(count, 5);
}

Test(assets, have_the_library_and_its_licence)
{
    const struct asset *script = asset_find("dygraph.js"), *licence = asset_find("dygraph.txt");
    cr_assert(script && licence && asset_find("dygraph.css"));
    cr_expect(strstr((const char *)script->bytes, "Dygraph"));
    cr_expect(strstr((const char *)licence->bytes, "Permission is hereby granted"));
}

Test(assets, have_types)
{
    cr_expect_str_eq(asset_find("plots.js")->type, "text/javascript; charset=utf-8");
    cr_expect_str_eq(asset_find("plots.css")->type, "text/css; charset=utf-8");
    cr_expect_null(asset_find("plots"));
    cr_expect_null(asset_find("../plots.js"));
    cr_expect_null(asset_find(""));
}
