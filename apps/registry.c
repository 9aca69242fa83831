#include "apps/registry.h"

#include <string.h>

extern const struct rondo_app lasso_app;

static const struct rondo_app *const apps[] = { &lasso_app };

enum { APPS = sizeof apps / sizeof apps[0] };

const struct rondo_app *registry_at(int index)
{
    return index >= 0 && index < APPS ? apps[index] : NULL;
}

const struct rondo_app *registry_find(const char *name)
{
    for (int i = 0; i < APPS; i++)
        if (strcmp(apps[i]->name, name) == 0)
            return apps[i];
    return NULL;
}

const struct job_apps registry_apps = { registry_find, registry_at };
