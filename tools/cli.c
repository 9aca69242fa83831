#include "tools/cli.h"

#include "apps/registry.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/job/nearest.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Commands of a later version. */
static const char *const later[] = { "simulate" };

const struct cli_command *cli_find(const char *name)
{
    for (const struct cli_command *command = cli_commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

/* One line whatever is in it: a person's words may hold newlines and terminal controls. */
static void put_line(char *line)
{
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = ' ';
    fprintf(stderr, "%s\n", line);
}

int cli_unknown(const char *name)
{
    struct nearest nearest;
    char line[512];
    nearest_begin(&nearest, name);
    for (const struct cli_command *command = cli_commands; command->name; command++)
        nearest_offer(&nearest, command->name, command->name);
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        if (strcmp(later[i], name) == 0) {
            fprintf(stderr, "rondo: %s: not in this version\n", name);
            return 2;
        }
    if (nearest_found(&nearest))
        snprintf(line, sizeof line, "rondo: %.100s: unknown command (did you mean \"%s\"?)", name,
                 nearest.best);
    else
        snprintf(line, sizeof line, "rondo: %.100s: unknown command (rondo help lists them)", name);
    put_line(line);
    return 2;
}

int cli_fail(const struct rondo_error *err)
{
    char line[1024];
    const char *what = *err->what ? err->what : rondo_strerror(err->code);
    snprintf(line, sizeof line, "rondo: %s%s%s%s%s%s", err->where, *err->where ? ": " : "", what,
             *err->hint ? " (" : "", err->hint, *err->hint ? ")" : "");
    put_line(line);
    switch (err->code) {
    case RONDO_EINPUT:
    case RONDO_ESTATE: return 2;
    case RONDO_ECANCELED: return 4;
    case RONDO_EREFUSED: return 3;
    default: return 1;
    }
}

int cli_flush(struct rondo_error *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EIO, "standard output", NULL, "cannot write%s%s", errno ? ": " : "",
                           errno ? strerror(errno) : "");
}

int cli_print_json(struct jsonout *out)
{
    const struct rondo_error none = { .code = RONDO_ENOMEM };
    int status = out->failed ? cli_fail(&none) : 0;
    if (!status)
        printf("%.*s\n", (int)out->buf->size, (const char *)out->buf->data);
    buf_fini(out->buf);
    return status;
}

int cli_usage(const char *command, const char *format, ...)
{
    char what[512], line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(line, sizeof line, "rondo: %s: %s (rondo help %s says more)", command, what, command);
    put_line(line);
    return 2;
}

int cli_option(const char *command, const char *name, int argc, char **argv, int *at,
               const char **value)
{
    const char *word = argv[*at];
    size_t length = strlen(name);
    if (strncmp(word, name, length) != 0 || (word[length] && word[length] != '='))
        return 0;
    if (word[length] == '=') {
        *value = word + length + 1;
        return 1;
    }
    if (*at + 1 >= argc) {
        cli_usage(command, "%s needs a value", name);
        return -1;
    }
    *value = argv[++*at];
    return 1;
}

int cli_log(const char *command, const char *level, bool quiet)
{
    enum log_level wanted = quiet ? LOG_WARNING : LOG_INFO;
    if (level && !log_level_of(level, &wanted))
        return cli_usage(command, "--log-level is error, warning, info or debug, and not \"%.30s\"", level);
    log_set_level(wanted);
    log_set_form(LOG_LOGFMT);
    return 0;
}

static void on_interruption(int number)
{
    static const char line[] = "rondo: interrupted\n";
    file_forsake();
    ssize_t said = write(STDERR_FILENO, line, sizeof line - 1);
    (void)number, (void)said; /* nobody may be there to read it */
    _exit(EXIT_INTERRUPTED);
}

void cli_writes(void)
{
    static const int number[] = { SIGINT, SIGTERM };
    for (int i = 0; i < 2; i++) {
        struct sigaction action = { .sa_handler = on_interruption }, before;
        sigaction(number[i], NULL, &before);
        if (before.sa_handler != SIG_IGN) /* a script's background goes on */
            sigaction(number[i], &action, NULL);
    }
}

void cli_serve(void (*on_signal)(int number))
{
    struct sigaction action = { .sa_handler = on_signal };
    registry_warn(NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    mem_give_back();
    registry_load();
}

void cli_put_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=,:+@%";
    if (*word && word[strspn(word, plain)] == 0) {
        fprintf(stderr, " %s", word);
        return;
    }
    fputs(" '", stderr);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){ *word, 0 }, stderr);
    fputc('\'', stderr);
}

const struct job_apps *cli_apps(void)
{
    return &registry_apps;
}
