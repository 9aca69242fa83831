/* main.c - the rondo command: a table of subcommands, and one word that chooses. */
#include "tools/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef RONDO_VERSION
#define RONDO_VERSION "unknown"
#endif

const struct cli_command cli_commands[] = {
    { "run", cmd_run, "run a job to its end, in this process",
      "usage: rondo run JOB.json [--workers N] [--out DIR] [--set KEY=VALUE]... [--trace LEVEL]\n"
      "                 [--resume] [--force] [--quiet]\n\n"
      "  --workers N      so many workers, instead of workers.count; never changes the result\n"
      "  --out DIR        where the results go, instead of output.dir\n"
      "  --set KEY=VALUE  overrides a key of the spec; VALUE is JSON, or else a text;\n"
      "                   null takes the key away\n"
      "  --trace LEVEL    off, rounds, blocks or all, instead of trace\n"
      "  --resume         goes on from the checkpoint in the output directory\n"
      "  --force          replaces what another job left in the output directory\n"
      "  --quiet          no progress on stderr\n\n"
      "example: rondo run job.json --out out --set params.lambda_ratio=0.1\n" },
    { "validate", cmd_validate, "check a spec and its data's headers, change nothing",
      "usage: rondo validate JOB.json [--set KEY=VALUE]... [--json]\n\n"
      "  --set KEY=VALUE  overrides a key of the spec, as in rondo run\n"
      "  --json           what would run, as one JSON object\n\n"
      "example: rondo validate job.json\n" },
    { "apps", cmd_apps, "the apps of this build, with every parameter",
      "usage: rondo apps [NAME] [--json]\n\n"
      "  --json  for programs\n\n"
      "example: rondo apps lasso\n" },
    { "data", cmd_data, "look at, convert and make data files",
      "usage: rondo data info FILE [--json] [--index-base 0|1]\n"
      "       rondo data convert IN OUT [--index-base 0|1]\n"
      "       rondo data generate lasso [--design ar|genotype|sparse] --out DIR [--seed N]\n"
      "                  [--rows N] [--cols P] [--causes K] [--format npy|mtx|svm[.gz]]\n\n"
      "  --index-base 0|1    svmlight: the index of the first column\n"
      "  --rho R --block B   ar: correlation of neighbours, columns of a block\n"
      "  --density D         sparse: share of values that are not zero\n"
      "  --amplitude A       ar, sparse: size of the true coefficients\n"
      "  --noise S           ar, sparse: standard deviation of the noise\n"
      "  --heritability H    genotype: share of y's variance that the causes explain\n\n"
      "example: rondo data generate lasso --design genotype --out data --seed 1\n" },
    { "trace", cmd_trace, "see what the scheduler did",
      "usage: rondo trace summary|rounds|blocks|conflicts|workers TRACE-or-OUT-DIR\n"
      "                   [--first N | --last N] [--json]\n\n"
      "  --first N, --last N  so many rounds alone\n"
      "  --json               for programs\n\n"
      "example: rondo trace summary out\n" },
    { "help", cmd_help, "this list, a command's usage, or all keys of a spec",
      "usage: rondo help [COMMAND | job | schema]\n\n"
      "  job     every key of a job spec, with type, range and default\n"
      "  schema  the JSON Schema of a job spec, for editors and programs\n\n"
      "example: rondo help job\n" },
    { NULL, NULL, NULL, NULL },
};

/* A closed stdin, stdout or stderr would give its number to the next file that is opened, which
 * would then be written into.  /dev/null holds the place, the wrong way round: use is an error. */
static void hold_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int dispatch(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    char *help[] = { argv[0], argc > 1 ? argv[1] : NULL, NULL };
    if (strcmp(name, "--version") == 0) {
        printf("rondo %s\n", RONDO_VERSION);
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return cmd_help(1, help);
    const struct cli_command *command = cli_find(name);
    if (!command)
        return cli_unknown(name);
    if (asks_for_help(argc - 1, argv + 1))
        return cmd_help(2, help);
    return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    hold_standard_files();
    if (argc < 2)
        fprintf(stderr, "rondo: which command?\n");
    int status = argc < 2 ? 2 : dispatch(argc, argv);
    bool bad = ferror(stdout) != 0;
    if ((fclose(stdout) != 0 || bad) && status == 0) {
        fprintf(stderr, "rondo: stdout: cannot write%s%s\n", errno ? ": " : "",
                errno ? strerror(errno) : "");
        return 1;
    }
    return status;
}
