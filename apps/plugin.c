#include "apps/plugin.h"

#include "apps/contract.h"
#include "core/base/mem.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENTRY "rondo_app_entry"

enum { PLUGINS_MOST = 256, PATH_ROOM = PATH_MAX + 1, REASON_ROOM = 1024 };

typedef const struct rondo_app *entry_function(void);

struct loaded {
    struct plugin plugin;
    char *file, *reason;
    void *handle;
};

/* What was met, in order; written by plugin_load alone. */
static struct loaded *table;
static int count;

const struct plugin *plugin_at(int index)
{
    return index >= 0 && index < count ? &table[index].plugin : NULL;
}

void plugin_unload(void)
{
    for (int i = 0; i < count; i++) {
        if (table[i].handle)
            dlclose(table[i].handle);
        mem_free(table[i].file);
        mem_free(table[i].reason);
    }
    mem_free(table);
    table = NULL;
    count = 0;
}

/* ---- what is refused ----------------------------------------------------------------------------- */

/* A place in the table, NULL where there is none left. */
static struct loaded *add(const char *file)
{
    if (!table)
        table = mem_calloc(PLUGINS_MOST, sizeof *table);
    char *copy = table && count < PLUGINS_MOST ? mem_strdup(file) : NULL;
    if (!copy)
        return NULL;
    struct loaded *made = &table[count++];
    made->plugin.file = made->file = copy;
    return made;
}

static void refuse(struct loaded *loaded, const struct rondo_error *err)
{
    char text[REASON_ROOM];
    snprintf(text, sizeof text, "%s: %s%s%s%s", loaded->file, err->what, err->hint[0] ? " (" : "",
             err->hint, err->hint[0] ? ")" : "");
    loaded->reason = mem_strdup(text);
    loaded->plugin.reason = loaded->reason ? loaded->reason : "out of memory";
    loaded->plugin.app = NULL;
    if (loaded->handle)
        dlclose(loaded->handle);
    loaded->handle = NULL;
}

/* "/a/libfoo.so" -> "foo": whom a refused file was meant to be, as far as can be known. */
static void name_by_file(struct plugin *plugin)
{
    const char *slash = strrchr(plugin->file, '/'), *stem = slash ? slash + 1 : plugin->file;
    if (strncmp(stem, "lib", 3) == 0 && stem[3] != '.')
        stem += 3;
    snprintf(plugin->name, sizeof plugin->name, "%.*s", (int)strcspn(stem, "."), stem);
}

/* Who may write a file, or into a folder, says what this process does. */
static int check_mode(const char *what, const struct stat *status, struct rondo_error *err)
{
    if (!(status->st_mode & S_IWOTH))
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EAPP, NULL, "chmod o-w", "%s may be written by everyone", what);
}

static int cannot(struct rondo_error *err, const char *what)
{
    return rondo_error_set(err, RONDO_EIO, NULL, NULL, "cannot be %s: %s", what, strerror(errno));
}

/* ---- one file ------------------------------------------------------------------------------------ */

/* The file itself, whatever links lead to it, and the folder in which that one stands. */
static int check_file(const char *path, struct rondo_error *err)
{
    char folder[PATH_ROOM];
    struct stat status;
    if (stat(path, &status))
        return cannot(err, "read");
    if (check_mode("the file", &status, err))
        return RONDO_EAPP;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path) + 1, path);
    return stat(folder, &status) ? cannot(err, "read") : check_mode("its folder", &status, err);
}

/* dlerror's words without the path, which stands before them already. */
static int cannot_load(const char *path, struct rondo_error *err)
{
    const char *why = dlerror();
    size_t length = strlen(path);
    if (why && strncmp(why, path, length) == 0 && why[length] == ':')
        why += length + 1 + strspn(why + length + 1, " ");
    return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "cannot be loaded: %s",
                           why ? why : "no reason is given");
}

static int check_known(const struct rondo_app *app,
                       const struct rondo_app *(*known)(const char *name), struct rondo_error *err)
{
    if (known(app->name))
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the app \"%s\" is built in already",
                               app->name);
    for (int i = 0; i < count; i++)
        if (table[i].plugin.app && strcmp(table[i].plugin.app->name, app->name) == 0)
            return rondo_error_set(err, RONDO_EAPP, NULL, NULL,
                                   "the app \"%s\" is there already, from %.200s", app->name,
                                   table[i].file);
    return RONDO_OK;
}

static int open_app(struct loaded *loaded, const struct rondo_app *(*known)(const char *name),
                    struct rondo_error *err)
{
    int code = check_file(loaded->file, err);
    if (code)
        return code;
    loaded->handle = dlopen(loaded->file, RTLD_NOW | RTLD_LOCAL);
    if (!loaded->handle)
        return cannot_load(loaded->file, err);
    void *symbol = dlsym(loaded->handle, ENTRY);
    if (!symbol)
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "it has no function " ENTRY);
    entry_function *entry;
    memcpy(&entry, &symbol, sizeof entry); /* POSIX has it so; C has no cast for it */
    const struct rondo_app *app = entry();
    if (!app)
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, ENTRY " gives no app");
    code = contract_check(app, NULL, err);
    if (!code)
        code = check_known(app, known, err);
    if (code)
        return code;
    loaded->plugin.app = app;
    snprintf(loaded->plugin.name, sizeof loaded->plugin.name, "%s", app->name);
    return RONDO_OK;
}

static bool met(const char *path)
{
    for (int i = 0; i < count; i++)
        if (strcmp(table[i].file, path) == 0)
            return true;
    return false;
}

static void load_file(const char *folder, const char *name,
                      const struct rondo_app *(*known)(const char *name))
{
    char path[PATH_ROOM + NAME_MAX + 1], real[PATH_ROOM];
    struct rondo_error err = { 0 };
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    bool found = realpath(path, real) != NULL;
    if (found && (stat(real, &status) || !S_ISREG(status.st_mode) || met(real)))
        return;
    struct loaded *loaded = add(found ? real : path);
    if (!loaded)
        return;
    name_by_file(&loaded->plugin);
    int code = found ? open_app(loaded, known, &err) : cannot(&err, "found");
    if (code)
        refuse(loaded, &err);
}

/* ---- a folder ------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_shared_object(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '.' && length > 3 && strcmp(name + length - 3, ".so") == 0;
}

/* The names of the shared objects, sorted, at most PLUGINS_MOST. */
static int list(DIR *dir, char **names)
{
    int found = 0;
    const struct dirent *entry;
    while (found < PLUGINS_MOST && (entry = readdir(dir)) != NULL)
        if (is_shared_object(entry->d_name) && (names[found] = mem_strdup(entry->d_name)) != NULL)
            found++;
    qsort(names, (size_t)found, sizeof *names, by_name);
    return found;
}

static void load_folder(const char *folder, const struct rondo_app *(*known)(const char *name))
{
    char real[PATH_ROOM];
    struct rondo_error err = { 0 };
    struct stat status;
    bool found = realpath(folder, real) != NULL;
    int code = found && stat(real, &status) == 0 ? check_mode("the folder", &status, &err)
                                                 : cannot(&err, "read");
    DIR *dir = code ? NULL : opendir(real);
    if (!code && !dir)
        code = cannot(&err, "read");
    if (code) {
        struct loaded *loaded = met(found ? real : folder) ? NULL : add(found ? real : folder);
        if (loaded)
            refuse(loaded, &err);
        return;
    }
    char **names = mem_calloc(PLUGINS_MOST, sizeof *names);
    int files = names ? list(dir, names) : 0;
    closedir(dir);
    for (int i = 0; i < files; i++) {
        load_file(real, names[i], known);
        mem_free(names[i]);
    }
    mem_free(names);
}

void plugin_load(const char *folders, const struct rondo_app *(*known)(const char *name))
{
    char folder[PATH_ROOM];
    while (*folders) {
        size_t length = strcspn(folders, ":");
        if (length > 0 && length < sizeof folder) {
            snprintf(folder, sizeof folder, "%.*s", (int)length, folders);
            load_folder(folder, known);
        }
        folders += length + (folders[length] == ':');
    }
}
