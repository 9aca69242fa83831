/* main.c - the rondo command: a table of subcommands, and one word that chooses. */
#include "tools/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef RONDO_VERSION
#define RONDO_VERSION "unknown"
#endif

/* What every command that talks to a coordinator takes: see reach.h. */
#define REACH_USAGE                                                                                \
    "  --coordinator A  http://HOST:PORT or https://HOST:PORT; else $RONDO_COORDINATOR, else\n"     \
    "                   http://127.0.0.1:7420\n"                                                    \
    "  --token-file F   the token is the file's first line; else $RONDO_TOKEN_FILE\n"               \
    "  --tls-ca F       whom to trust at https://; else $RONDO_TLS_CA, else the system's\n\n"

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
      "  --force          replaces what another job, or a stopped run, left in the output directory\n"
      "  --quiet          no progress on stderr\n\n"
      "example: rondo run job.json --out out --set params.lambda_ratio=0.1\n" },
    { "validate", cmd_validate, "check a spec, its vectors and the shapes of its data, change nothing",
      "usage: rondo validate JOB.json [--set KEY=VALUE]... [--json]\n\n"
      "  --set KEY=VALUE  overrides a key of the spec, as in rondo run\n"
      "  --json           what would run, as one JSON object\n\n"
      "example: rondo validate job.json\n" },
    { "predict", cmd_predict, "apply a finished job's model to new data",
      "usage: rondo predict --model OUT-DIR --data FILE --out FILE [--y FILE] [--covariates FILE]\n"
      "                     [--index-base 0|1] [--json] [--quiet] [--KEY VALUE]...\n\n"
      "  --model OUT-DIR     the output directory of a job that is completed\n"
      "  --data FILE         a row for each prediction: svmlight, Matrix Market, .npy, docword, .rdm or .bed;\n"
      "                      of a factorization lines of user and item, perhaps with a rating\n"
      "  --out FILE          .txt, .tsv, .csv or .npy: a row for each row; appears whole or not at all\n"
      "  --y FILE            what is true: says how far the predictions are from it; else the labels\n"
      "                      that the data's file bears, where the job's y were such\n"
      "  --covariates FILE   of a job with data.covariates: those of these rows, in the same order of columns\n"
      "  --index-base 0|1    svmlight: the index of the first column, instead of the job's\n"
      "  --json              a summary as one JSON object\n"
      "  --quiet             warnings and errors alone on stderr\n\n"
      "The app's own options, which rondo apps NAME lists too; lasso:\n\n"
      "  --lambda L          which column of a path: a number (the nearest), min, 1se (of cv.json) or\n"
      "                      all; else what cv.json has chosen, else all\n"
      "  --type T            response, the default: a probability (logistic), a count (Poisson), y itself\n"
      "                      (squared, Huber); link: before that; class: the label (logistic)\n"
      "  --unseen U          svmlight values in columns that the model does not have: refuse, the\n"
      "                      default, or ignore\n\n"
      "and mf:\n\n"
      "  --top N             the N best items for each user of the data, that these do not pair with it\n\n"
      "example: rondo predict --model out --data new.svm --out predicted.txt\n" },
    { "coef", cmd_coef, "the coefficients of a finished job's model",
      "usage: rondo coef --model OUT-DIR [--lambda L] [--first N] [--json]\n\n"
      "  --model OUT-DIR  the output directory of a job that is completed\n"
      "  --lambda L       which column of a path: a number (the nearest), min or 1se (of cv.json); else what\n"
      "                   cv.json has chosen\n"
      "  --first N        so many alone\n"
      "  --json           for programs\n\n"
      "Those that are not 0, the largest first; columns count from 1, as in coef.mtx.  Of a .bed each has the\n"
      "name that the .bim has, and behind it the allele that is counted.\n\n"
      "example: rondo coef --model out --lambda 1se\n" },
    { "apps", cmd_apps, "the apps of this build, with every parameter",
      "usage: rondo apps [NAME] [--json]\n\n"
      "  --json  for programs\n\n"
      "example: rondo apps lasso\n" },
    { "data", cmd_data, "look at, convert and make data files",
      "usage: rondo data info FILE [--json] [--index-base 0|1] [--ratings]\n"
      "       rondo data convert IN OUT [--index-base 0|1] [--ratings]\n"
      "       rondo data generate lasso [--design ar|genotype|sparse] --out DIR [--seed N]\n"
      "                  [--rows N] [--cols P] [--causes K] [--format npy|mtx|svm[.gz]|bed]\n"
      "       rondo data generate lda [--design bars|zipf] --out DIR [--seed N]\n"
      "                  [--documents D] [--words W] [--tokens N] [--alpha A]\n"
      "       rondo data generate mf [--design ratings|planted|nonnegative|implicit] --out DIR [--seed N]\n"
      "                  [--users M] [--items N] [--ratings N] [--rank K] [--test SHARE]\n\n"
      "  --index-base 0|1    svmlight: the index of the first column\n"
      "  --ratings           the lines are of user, item, rating and perhaps time, whatever they look like\n"
      "  --rho R --block B   ar: correlation of neighbours, columns of a block\n"
      "  --density D         sparse: share of values that are not zero\n"
      "  --amplitude A       ar, sparse: size of the true coefficients\n"
      "  --noise S           ar, sparse, ratings, nonnegative: standard deviation of the noise\n"
      "  --heritability H    genotype: share of y's variance that the causes explain\n"
      "  --missing SHARE     genotype, in a .bed: share of genotypes that are missing\n"
      "  --words W           bars: a square, whose rows and columns are the topics\n"
      "  --tokens N          lda: mean length of a document\n"
      "  --alpha A           lda: Dirichlet prior of a document's topics\n"
      "  --topics K --beta B zipf: topics, mean Dirichlet prior of their words\n"
      "  --ratings N         mf: in all, of distinct cells\n"
      "  --test SHARE        mf: of the ratings that go to test.txt\n"
      "  --spread S          mf: standard deviation of what the factors say\n"
      "  --mean M --user-bias S --item-bias S\n"
      "                      ratings: what is added to it, biases by their standard deviations\n"
      "  --user-zipf Z --user-shift S, --item-zipf Z --item-shift S\n"
      "                      mf: their numbers of ratings fall as (rank + S)^-Z\n"
      "  --ids numeric|text  mf: 17 and 4, or u17 and i4\n\n"
      "example: rondo data generate lasso --design genotype --out data --seed 1\n" },
    { "trace", cmd_trace, "see what the scheduler did",
      "usage: rondo trace summary|rounds|blocks|priority|conflicts|workers TRACE-or-OUT-DIR\n"
      "                   [--first N | --last N | --all] [--json]\n"
      "       rondo trace export --format perfetto|csv|html [--table NAME] [--out FILE]\n"
      "                   [--first N | --last N | --all] TRACE-or-OUT-DIR\n"
      "       rondo trace check TRACE-or-OUT-DIR [--set KEY=VALUE]... [--json]\n\n"
      "  summary    the run in a screen, and whether anything is missing\n"
      "  rounds     a line a round: what was drawn, refused and updated, how even its blocks were\n"
      "  blocks     how even the work was, which worker came last and what that cost\n"
      "  priority   where the updates went: hottest variables, longest waits, the weight over time\n"
      "  conflicts  the pairs that could not move side by side, and how strongly they are coupled\n"
      "  workers    what each worker did: computing, waiting, coming last\n"
      "  export     perfetto: for ui.perfetto.dev; csv: one table (--table rounds, blocks, tasks, conflicts,\n"
      "             ...); html: one page with plots, readable without a network\n"
      "  check      is it true of the job's own data? of a trace at level all (lda, mf: blocks)\n\n"
      "  --first N, --last N  so many rounds alone\n"
      "  --all                every round; else rounds, blocks, conflicts and perfetto have the last 10,000\n"
      "  --json               for programs\n"
      "  --set data.x=FILE    check: where the data are now\n\n"
      "example: rondo trace summary out\n" },
    { "coordinator", cmd_coordinator, "serve: jobs over HTTP, workers that dial in",
      "usage: rondo coordinator [--config FILE] [--listen URL] [--http ADDR] [--state DIR]\n"
      "                         [--data-root DIR]... [--cache DIR] [--token-file F] [--tls-cert F\n"
      "                         --tls-key F --tls-ca F] [--insecure] [--jobs N] [--lease SECONDS]\n"
      "                         [--log-level LEVEL] [--quiet]\n\n"
      "  --listen URL     for workers: tcp://, tls+tcp:// or ipc://; else tcp://127.0.0.1:0, and the\n"
      "                   system chooses the port\n"
      "  --http ADDR      for clients: HOST:PORT; else 127.0.0.1:7420, or where that is taken a port\n"
      "                   that the system chooses\n"
      "  --state DIR      the job store and the jobs' output; else rondo-state\n"
      "  --data-root DIR  where data may lie, once or more often; else the working directory\n"
      "  --cache DIR      keeps parsed data for the next job and for workers on this machine; none: does\n"
      "                   not; else $XDG_CACHE_HOME/rondo, else $HOME/.cache/rondo\n"
      "  --token-file F   clients and workers must have this token: the file's first line\n"
      "  --tls-cert F, --tls-key F, --tls-ca F\n"
      "                   PEM files: ours, and who may have signed a worker's\n"
      "  --insecure       beyond loopback without token and TLS\n"
      "  --jobs N         most jobs that run at once, instead of 8\n"
      "  --lease SECONDS  a worker that is silent for so long counts as gone, instead of 5\n"
      "  --config FILE    the same as JSON: {\"state\": \"DIR\", \"data_root\": [\"DIR\"], ...}\n"
      "  --log-level L    error, warning, info or debug: what stderr gets, in logfmt; else info\n"
      "  --quiet          the same as --log-level warning\n\n"
      "Prints where it listens, on stdout and into DIR/address.  Ctrl-C or SIGTERM: running jobs keep\n"
      "a checkpoint and go on when it is started again; exit 75 where there are such.\n\n"
      "example: rondo coordinator --state state --data-root data\n" },
    { "worker", cmd_worker, "serve a coordinator, from any machine",
      "usage: rondo worker --coordinator URL [--threads N] [--device cpu] [--name NAME]\n"
      "                    [--token-file F] [--tls-cert F --tls-key F --tls-ca F] [--cache DIR]\n"
      "                    [--patience SECONDS] [--log-level LEVEL] [--quiet]\n\n"
      "  --coordinator URL  as rondo coordinator prints it; else $RONDO_WORKERS_URL\n"
      "  --threads N        so many workers in this process, instead of 1\n"
      "  --device cpu       where blocks are run\n"
      "  --name NAME        for people, instead of HOST.PID\n"
      "  --token-file F     the coordinator's token; else $RONDO_TOKEN_FILE\n"
      "  --tls-cert F, --tls-key F, --tls-ca F\n"
      "                     PEM files: ours, and who may have signed the coordinator's\n"
      "  --cache DIR        keeps parsed data, and files that it had to fetch; none: does not; else\n"
      "                     $XDG_CACHE_HOME/rondo, else $HOME/.cache/rondo\n"
      "  --patience SECONDS without a coordinator until it gives up, instead of 600\n"
      "  --log-level LEVEL  error, warning, info or debug: what stderr gets, in logfmt; else info\n"
      "  --quiet            the same as --log-level warning\n\n"
      "Ctrl-C or SIGTERM: it leaves behind the round under way; a second one: as soon as\n"
      "what it is doing is done; a third one: at once.\n\n"
      "example: rondo worker --coordinator tcp://127.0.0.1:7421 --threads 4\n" },
    { "submit", cmd_submit, "hand a job to a coordinator",
      "usage: rondo submit JOB.json [--follow] [--set KEY=VALUE]... [--json] [--quiet]\n\n"
      "  --follow         watches the job to its end, as rondo watch does\n"
      "  --set KEY=VALUE  overrides a key of the spec, as in rondo run\n"
      "  --json           the coordinator's answer, instead of the job's id alone\n"
      "  --quiet          warnings and errors alone on stderr\n" REACH_USAGE
      "example: rondo submit job.json --follow\n" },
    { "list", cmd_list, "the jobs of a coordinator, newest first",
      "usage: rondo list [--state STATE] [--limit N] [--before ID] [--json] [--quiet]\n\n"
      "  --state STATE    queued, running, completed, failed or cancelled alone\n"
      "  --limit N        so many at most, instead of 50\n"
      "  --before ID      those that are older than this one\n"
      "  --json           the coordinator's answer, one page\n"
      "  --quiet          warnings and errors alone on stderr\n" REACH_USAGE
      "example: rondo list --state running\n" },
    { "status", cmd_status, "one job: its state, progress and files",
      "usage: rondo status ID [--json] [--quiet]\n\n"
      "  --json           the coordinator's answer\n"
      "  --quiet          warnings and errors alone on stderr\n" REACH_USAGE
      "example: rondo status 17\n" },
    { "watch", cmd_watch, "a job's progress, to its end",
      "usage: rondo watch ID [--wait SECONDS] [--json] [--quiet]\n\n"
      "  --wait SECONDS   tries so long to find a coordinator that went away, instead of 60\n"
      "  --json           lines of progress.jsonl on stdout, as they come\n"
      "  --quiet          warnings and errors alone on stderr\n" REACH_USAGE
      "Ctrl-C stops watching; the job goes on.\n\n"
      "example: rondo watch 17\n" },
    { "cancel", cmd_cancel, "ask that a job be ended",
      "usage: rondo cancel ID [--json] [--quiet]\n\n"
      "  --json           the coordinator's answer\n"
      "  --quiet          warnings and errors alone on stderr\n" REACH_USAGE
      "example: rondo cancel 17\n" },
    { "fetch", cmd_fetch, "bring the files of a job that has ended",
      "usage: rondo fetch ID --out DIR [--force] [--json] [--quiet]\n\n"
      "  --out DIR        where to; empty, not there yet, or with this job's files\n"
      "  --force          replaces what another job left there\n"
      "  --json           what rondo status --json says of the job\n"
      "  --quiet          warnings and errors alone on stderr\n" REACH_USAGE
      "example: rondo fetch 17 --out out\n" },
    { "workers", cmd_workers, "who works for a coordinator",
      "usage: rondo workers [--json] [--quiet]\n\n"
      "  --json           the coordinator's answer\n"
      "  --quiet          warnings and errors alone on stderr\n" REACH_USAGE
      "example: rondo workers\n" },
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
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk, not an end */
    if (argc < 2)
        fprintf(stderr, "rondo: which command? (rondo help lists them)\n");
    int status = argc < 2 ? 2 : dispatch(argc, argv);
    bool bad = ferror(stdout) != 0;
    if ((fclose(stdout) != 0 || bad) && status == 0) {
        fprintf(stderr, "rondo: standard output: cannot write%s%s\n", errno ? ": " : "",
                errno ? strerror(errno) : "");
        return 1;
    }
    return status;
}
