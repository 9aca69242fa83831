#include "assets/assets.h"

#include <string.h>

/* The table, made when Rondo is built: by name, and one of zeros at the end. */
extern const struct asset asset_table[];

const struct asset *asset_find(const char *name)
{
    for (const struct asset *asset = asset_table; asset->name; asset++)
        if (strcmp(asset->name, name) == 0)
            return asset;
    return NULL;
}

const struct asset *asset_at(size_t index)
{
    for (const struct asset *asset = asset_table; asset->name; asset++)
        if (index-- == 0)
            return asset;
    return NULL;
}
