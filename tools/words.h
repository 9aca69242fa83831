/* words.h - the options of a command as a table: from the command line, and from a file.
 *
 * Place:   tools, floor 5; reach.c takes those of the clients, cmd_coordinator.c and cmd_worker.c theirs.
 * Threads: the main thread.
 * Memory:  words are borrowed from argv, or from the file's tree, which lives until words_fini.
 *
 * The file is one JSON object; "--data-root" is its key "data_root".  What stands on the command line
 * goes before what stands in the file.
 */
#ifndef WORDS_H
#define WORDS_H

#include "core/job/jsonin.h"

enum { WORDS_LIST = 256 };

/* Values of an option that may stand more than once. */
struct words_list {
    const char *item[WORDS_LIST + 1]; /* NULL-ended */
    int count;
};

/* One of text, list, flag and number is set.  A NULL name ends a table. */
struct words_option {
    const char *name; /* "--data-root" */
    const char **text;
    struct words_list *list;
    bool *flag;
    double *number;
    double least, most; /* of a number; most: of a list's items too, up to WORDS_LIST */
};

struct words {
    const char *command;
    const struct words_option *options;
    struct jsonin *file;
    char *file_text;
};

/* Is argv[*at] an option of the table?  1: yes, it is kept and *at stands on its last word; 0: another
 * word; -1: yes, but its value is missing or wrong, said. */
int words_take(const char *command, const struct words_option *options, int argc, char **argv,
               int *at);
/* 0, or 2 when something was said.  Takes no words beside options. */
int words_parse(struct words *words, int argc, char **argv);
/* Fills in what the command line left out; RONDO_EINPUT at the file. */
int words_file(struct words *words, const char *path, struct rondo_error *err) RONDO_MUST_CHECK;
void words_fini(struct words *words);

#endif
