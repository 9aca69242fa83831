/* plugin.h - apps from shared objects: what the folders of RONDO_APP_PATH hold.
 *
 * Place:   apps, floor 2, inside: for registry.c and tests.
 * Threads: plugin_load and plugin_unload: one, and nobody else meanwhile; then safe, only read.
 * Memory:  a file that was loaded stays loaded until plugin_unload, as its app's strings do.
 *
 * A file is loaded where its name ends in .so, it is a regular file, and neither it nor the folders
 * in which it stands may be written by everyone.  It has one function,
 *
 *     const struct rondo_app *rondo_app_entry(void)
 *
 * What cannot be used is kept with the reason, in words, and never called.  Names come from these
 * folders alone: nothing that a job's spec says becomes a path here.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <rondo/app.h>

/* Loads every file of these folders, "DIR:DIR:...", in the order of the folders and of the names in
 * each.  An app that `known` finds is refused: a plug-in hides nothing.  Empty words are skipped. */
void plugin_load(const char *folders, const struct rondo_app *(*known)(const char *name));
void plugin_unload(void);

/* A file, or a folder, that was met. */
struct plugin {
    const char *file;            /* absolute, where it could be found */
    const struct rondo_app *app; /* NULL: refused */
    const char *reason;          /* of the refusal: "FILE: WHAT (HINT)" */
    char name[64];               /* the app's own; else what the file's name makes of it, or "" */
};

/* The index-th, or NULL at the end. */
const struct plugin *plugin_at(int index);

#endif
