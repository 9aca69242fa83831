/* words.h - the options of a process that serves, from the command line and from a file.
 *
 * Place:   tools, floor 5; used by cmd_coordinator.c and cmd_worker.c.
 * Threads: the main thread.
 * Memory:  words are borrowed from argv, or from the file's tree, which lives until words_fini.
 *
 * The file is one JSON object; "--data-root" is its key "data_root".  What stands on the command line
 * goes before what stands in the file.
 */
#ifndef WORDS_H
#define WORDS_H

#include "core/job/jsonin.h"

enum { WORDS_LIST = 64 };

struct words_list {
    const char *item[WORDS_LIST + 1]; /* NULL-ended */
    int count;
};

/* One of text, list, flag and number is set. */
struct words_option {
    const char *name; /* "--data-root"; NULL ends the table */
    const char **text;
    struct words_list *list;
    bool *flag;
    double *number;
    double least, most; /* of a number */
};

struct words {
    const char *command;
    const struct words_option *options;
    struct jsonin *file;
    char *file_text;
};

/* 0, or 2 when something was said.  Takes no words beside options. */
int words_parse(struct words *words, int argc, char **argv);
/* Fills in what the command line left out; RONDO_EINPUT at the file. */
int words_file(struct words *words, const char *path, struct rondo_error *err) RONDO_MUST_CHECK;
void words_fini(struct words *words);

#endif
