#include "tools/larder.h"

#include "core/base/log.h"
#include "core/base/tidy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* false: there is none, or it is no absolute path, as the XDG specification wants it. */
static bool usual_place(char dir[LARDER_PATH])
{
    static const struct { const char *variable, *folder; } places[] = {
        { "XDG_CACHE_HOME", "rondo" }, { "HOME", ".cache/rondo" },
    };
    for (int i = 0; i < 2; i++) {
        const char *base = getenv(places[i].variable);
        if (base && base[0] == '/') {
            int length = snprintf(dir, LARDER_PATH, "%s/%s", base, places[i].folder);
            return length > 0 && length < LARDER_PATH - 16;
        }
    }
    return false;
}

/* DIR itself may be somebody else's, as a volume of Kubernetes is; what counts is in the two. */
static int make(const char *dir, struct larder *larder, struct rondo_error *err)
{
    struct rondo_error ignored = { 0 };
    snprintf(larder->files, sizeof larder->files, "%.4000s/files", dir);
    snprintf(larder->matrices, sizeof larder->matrices, "%.4000s/matrices", dir);
    if (tidy_open(dir, &ignored))
        log_line(LOG_DEBUG, "%s: %s", ignored.where, ignored.what);
    int code = tidy_open(larder->files, err);
    return code ? code : tidy_open(larder->matrices, err);
}

int larder_open(const char *word, struct larder *larder, struct rondo_error *err)
{
    char usual[LARDER_PATH];
    struct rondo_error why = { 0 };
    *larder = (struct larder){ .files = "" };
    if (word ? strcmp(word, "none") == 0 : !usual_place(usual))
        return RONDO_OK;
    if (word && (!*word || strlen(word) >= LARDER_PATH - 96))
        return rondo_error_set(err, RONDO_EINPUT, "--cache", NULL, "no folder's name");
    int code = make(word ? word : usual, larder, word ? err : &why);
    if (!code)
        return RONDO_OK;
    *larder = (struct larder){ .files = "" };
    if (word)
        return err->code = RONDO_EINPUT; /* nothing has begun: it is usage */
    log_line(LOG_INFO, "no cache: %s: %s; --cache DIR says where else", why.where, why.what);
    return RONDO_OK;
}
