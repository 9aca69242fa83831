/* made.h - rondo data generate, and what it shares with the other commands of rondo data.
 *
 * Place:   tools, floor 5; used by cmd_data.c, made_mf.c.
 * Threads: the main thread.
 * Memory:  none is kept.
 */
#ifndef MADE_H
#define MADE_H

#include "core/data/data.h"
#include "core/data/ratings_made.h"

#include <getopt.h>

/* rondo data generate APP ...; argv[0] is "generate".  Returns the exit status. */
int made_command(int argc, char **argv);

/* The next option as getopt_long numbers it, -1 at the end, -2 after a usage error was printed; -h is
 * MADE_HELP, which `known` has for --help. */
enum { MADE_HELP = 2000 };
int made_option(const char *command, int argc, char **argv, const struct option *known);
/* What rondo help data prints; returns 0. */
int made_help(void);
/* Writes a matrix and says so, or why not; returns the exit status. */
int made_write(const char *path, const struct rondo_matrix *x, const double *labels);
/* DIR/job.json, and says so: data stands in its "data", params in its "params"; epochs 0: the app's.  Returns the
 * exit status. */
int made_spec(const char *dir, const char *app, const char *data, const char *params, int epochs);
/* Says what a recipe is refused for, which is an option; returns the exit status. */
int made_refused(struct rondo_error *err);
/* rondo data generate mf; text: ids are u17 and i4, else 17 and 4.  Returns the exit status. */
int made_mf(const struct ratings_recipe *recipe, const char *dir, bool text);

#endif
