/* cli.h - what the subcommands of rondo share: their table, their errors, their options.
 *
 * Place:   tools, floor 4; used by tools/cmd_*.c alone.
 * Threads: the main thread.
 * Memory:  none is kept.
 *
 * A command gets its own name as argv[0] and returns the exit status of INTERFACE: 0 done, 1 the
 * job failed, 2 usage, bad spec or bad data, 3 no coordinator, or it refused, 4 cancelled, and those below.
 * Data goes to stdout, the rest to stderr; main() turns a stdout that could not be written into exit 1.
 */
#ifndef CLI_H
#define CLI_H

#include "core/job/job.h"
#include "core/job/jsonout.h"

/* Stopped with a checkpoint, run it again; interrupted. */
enum { EXIT_AGAIN = 75, EXIT_INTERRUPTED = 130 };

struct cli_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* one line, for rondo help */
    const char *usage;   /* synopsis, options, example; ends with a newline */
};

/* Ends with a NULL name.  In main.c. */
extern const struct cli_command cli_commands[];

int cmd_apps(int argc, char **argv);
int cmd_cancel(int argc, char **argv);
int cmd_coef(int argc, char **argv);
int cmd_coordinator(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_fetch(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_predict(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_submit(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_validate(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_worker(int argc, char **argv);
int cmd_workers(int argc, char **argv);

/* The command of that name, or NULL. */
const struct cli_command *cli_find(const char *name);
/* Says on stderr why there is no such command (later version, or the nearest one); returns 2. */
int cli_unknown(const char *name);

/* Prints `rondo: WHERE: WHAT (HINT)`, without the parts that are empty, and returns the exit
 * status that the error's code asks for. */
int cli_fail(const struct rondo_error *err);
/* Flushes stdout.  RONDO_EIO: it cannot be written, or could not. */
int cli_flush(struct rondo_error *err);
/* Prints the JSON that was written, a line, frees its buffer and returns 0, or what no memory for it is. */
int cli_print_json(struct jsonout *out);
/* Prints `rondo: COMMAND: WHAT (rondo help COMMAND says more)` and returns 2. */
int cli_usage(const char *command, const char *format, ...) RONDO_PRINTF(2, 3);

/* Is argv[*at] the option `name`, which needs a value ("--set V" or "--set=V")?  1: yes, *value is
 * set and *at stands on the option's last word; 0: another word; -1: its value is missing, said. */
int cli_option(const char *command, const char *name, int argc, char **argv, int *at,
               const char **value);

/* A service's log: logfmt from now on, at that level; level NULL: info, or warning where quiet.  What ends the
 * process stays cli_fail's line.  0, or 2 when it was said that there is no such level. */
int cli_log(const char *command, const char *level, bool quiet);

/* From here on SIGINT and SIGTERM take what this command was writing with them: 130, one line. */
void cli_writes(void);
/* A process that serves begins: plug-ins are loaded, while there is one thread; SIGINT and SIGTERM are handled, a
 * connection that is gone is no signal, and freed memory goes back to the system. */
void cli_serve(void (*on_signal)(int number));

/* Prints a blank and a word on stderr, quoted so that a shell reads it back. */
void cli_put_word(const char *word);

/* The apps of this build, for core/job. */
const struct job_apps *cli_apps(void);

#endif
