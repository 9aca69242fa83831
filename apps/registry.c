#include "apps/registry.h"

#include "apps/plugin.h"
#include "core/base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct rondo_app lasso_app, lda_app, mf_app;

static const struct rondo_app *const built_in[] = { &lasso_app, &lda_app, &mf_app };

enum { BUILT_IN = sizeof built_in / sizeof built_in[0], APPS_MOST = BUILT_IN + 256 };

/* In the order of names; written once, by load. */
static const struct rondo_app *apps[APPS_MOST];
static int count;

static const struct rondo_app *find_built_in(const char *name)
{
    for (int i = 0; i < BUILT_IN; i++)
        if (strcmp(built_in[i]->name, name) == 0)
            return built_in[i];
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct rondo_app *const *)a)->name,
                  (*(const struct rondo_app *const *)b)->name);
}

static void load(void)
{
    const char *folders = getenv("RONDO_APP_PATH");
    bool ours = getuid() == geteuid() && getgid() == getegid();
    if (folders && ours)
        plugin_load(folders, find_built_in);
    for (int i = 0; i < BUILT_IN; i++)
        apps[count++] = built_in[i];
    const struct plugin *plugin;
    for (int i = 0; (plugin = plugin_at(i)) && count < APPS_MOST; i++)
        if (plugin->app)
            apps[count++] = plugin->app;
    qsort(apps, (size_t)count, sizeof *apps, by_name);
}

void registry_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
}

const struct rondo_app *registry_at(int index)
{
    registry_load();
    return index >= 0 && index < count ? apps[index] : NULL;
}

const struct rondo_app *registry_find(const char *name)
{
    registry_load();
    for (int i = 0; i < count; i++)
        if (strcmp(apps[i]->name, name) == 0)
            return apps[i];
    return NULL;
}

/* ---- where from, and why not ------------------------------------------------------------------- */

const char *registry_file(const struct rondo_app *app)
{
    const struct plugin *plugin;
    registry_load();
    for (int i = 0; (plugin = plugin_at(i)); i++)
        if (plugin->app == app)
            return plugin->file;
    return NULL;
}

static bool is_refused(const struct plugin *plugin, const char *name)
{
    return plugin->reason && name && plugin->name[0] && strcmp(plugin->name, name) == 0;
}

const char *registry_refused(const char *name)
{
    const struct plugin *plugin;
    if (registry_find(name))
        return NULL;
    for (int i = 0; (plugin = plugin_at(i)); i++)
        if (is_refused(plugin, name))
            return plugin->reason;
    return NULL;
}

void registry_warn(const char *asked)
{
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    const struct plugin *plugin;
    registry_load();
    if (atomic_flag_test_and_set(&warned))
        return;
    bool offered = asked && registry_find(asked);
    for (int i = 0; (plugin = plugin_at(i)); i++)
        if (plugin->reason && (offered || !is_refused(plugin, asked)))
            log_line(LOG_WARNING, "%s", plugin->reason);
}

static const struct rondo_app *find_for_job(const char *name)
{
    registry_warn(name);
    return registry_find(name);
}

const struct job_apps registry_apps = { find_for_job, registry_at, registry_refused };
