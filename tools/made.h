/* made.h - rondo data generate, and what it shares with the other commands of rondo data.
 *
 * Place:   tools, floor 5; used by cmd_data.c.
 * Threads: the main thread.
 * Memory:  none is kept.
 */
#ifndef MADE_H
#define MADE_H

#include "core/data/data.h"

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

#endif
