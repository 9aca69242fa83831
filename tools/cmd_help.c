/* cmd_help.c - rondo help: the commands, one command, the keys of a spec, the published schema. */
#include "core/base/mem.h"
#include "core/job/keys.h"
#include "tools/cli.h"

#include <stdio.h>
#include <string.h>

static int help_all(void)
{
    printf("usage: rondo COMMAND [ARGUMENT]...\n\n");
    for (const struct cli_command *command = cli_commands; command->name; command++)
        printf("  %-10s %s\n", command->name, command->summary);
    printf("\nrondo help COMMAND says more, rondo help job lists the keys of a spec,\n"
           "rondo --version says which build this is.\n");
    return 0;
}

/* What a command's exit status may be beside 0, 1 and 2. */
static const struct { const char *command, *says; } exits[] = {
    { "run", "75 ended by SIGTERM, 130 interrupted (a checkpoint is\n  kept: --resume)" },
    { "predict", "130 interrupted" },
    { "coordinator", "3 an address cannot be had,\n  75 jobs are unfinished: start it again, 130 "
                     "interrupted" },
    { "worker", "3 no coordinator, or it refused" },
    { "submit", "3 no coordinator, or it refused;\n  with --follow as rondo watch" },
    { "watch", "3 no coordinator, or it refused,\n  4 the job was cancelled, 130 interrupted (the job "
               "goes on)" },
    { "fetch", "3 no coordinator, or it refused,\n  130 interrupted" },
    { "list", "3 no coordinator, or it refused" },
    { "status", "3 no coordinator, or it refused" },
    { "cancel", "3 no coordinator, or it refused" },
    { "workers", "3 no coordinator, or it refused" },
};

static int help_command(const struct cli_command *command)
{
    printf("rondo %s - %s\n\n%s", command->name, command->summary, command->usage);
    printf("\nexit status: 0 done, 1 failed, 2 usage, bad spec or bad data");
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
        if (strcmp(command->name, exits[i].command) == 0)
            printf(",\n  %s", exits[i].says);
    printf("\n");
    return 0;
}

static void print_key(const struct rondo_param *rule)
{
    char range[160];
    keys_range(rule, range, sizeof range);
    printf("%s\n    ", rule->key);
    if (keys_extra(rule->key)->size)
        printf("text or whole number of bytes");
    else if (rule->type != RONDO_REAL && rule->type != RONDO_INTEGER)
        printf("%s", range);
    else
        printf("%s, %s", keys_type(rule->type), range);
    if (*rule->unit && !keys_extra(rule->key)->size)
        printf(" %s", rule->unit);
    if (keys_extra(rule->key)->required)
        printf("; required");
    else if (rule->fallback)
        printf("; default %s", rule->fallback);
    printf("\n    %s\n", rule->help);
}

static int help_job(void)
{
    printf("A job spec is a JSON object, version %d.  \"a.b\" below is the key \"b\" in the\n"
           "object \"a\".  version, app and data are required, the rest has good defaults.\n\n",
           KEYS_VERSION);
    for (const struct rondo_param *rule = job_keys(); rule->key; rule++)
        print_key(rule);
    printf("\nThe app's own keys, under params, data and stop: rondo apps NAME\n");
    return 0;
}

static int help_schema(void)
{
    char *text = job_schema_text(cli_apps());
    if (!text) {
        struct rondo_error err = { .code = RONDO_ENOMEM };
        return cli_fail(&err);
    }
    fputs(text, stdout);
    mem_free(text);
    return 0;
}

/* "rondo help data info" is about data. */
int cmd_help(int argc, char **argv)
{
    if (argc < 2)
        return help_all();
    if (strcmp(argv[1], "job") == 0)
        return help_job();
    if (strcmp(argv[1], "schema") == 0)
        return help_schema();
    const struct cli_command *command = cli_find(argv[1]);
    return command ? help_command(command) : cli_unknown(argv[1]);
}
