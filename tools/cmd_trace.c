/* cmd_trace.c - `rondo trace`: a table of subcommands, and one word that chooses. */
#include "tools/cli.h"
#include "tools/trace_commands.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} subcommands[] = {
    { "summary", trace_show },   { "rounds", trace_show },    { "blocks", trace_show },
    { "priority", trace_show },  { "conflicts", trace_show }, { "workers", trace_show },
    { "export", trace_export },  { "check", trace_check },
};

int cmd_trace(int argc, char **argv)
{
    static const char names[] = "summary, rounds, blocks, priority, conflicts, workers, export, check";
    if (argc < 2)
        return cli_usage("trace", "say what to do: %s", names);
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    return cli_usage("trace", "\"%s\" is none of %s", argv[1], names);
}
