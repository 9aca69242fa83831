/* embed.c - a job run by a program of one's own: embed JOB.json OUT-DIR [WORKERS]. */
#include <rondo/rondo.h>

#include <stdio.h>
#include <stdlib.h>

/* The words of `rondo: WHERE: WHAT (HINT)`, as the command says them. */
static int fail(const struct rondo_error *err)
{
    fprintf(stderr, "embed: %s%s%s%s%s%s\n", err->where, err->where[0] ? ": " : "", err->what,
            err->hint[0] ? " (" : "", err->hint, err->hint[0] ? ")" : "");
    return 1;
}

/* Called where the app reports: between two rounds, in the thread that called rondo_run. */
static void progress(void *context, double seconds, int64_t round, const struct rondo_report *report)
{
    int *lines = context;
    printf("%8.3f s  round %lld  objective %.8g\n", seconds, (long long)round, report->objective);
    ++*lines;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: embed JOB.json OUT-DIR [WORKERS]\n");
        return 2;
    }
    int lines = 0;
    struct rondo_error err = { 0 };
    struct rondo_job *job;
    const char *overrides[] = { "trace=off" };
    if (rondo_job_load(argv[1], overrides, 1, &job, &err))
        return fail(&err);
    struct rondo_run_options options = {
        .workers = argc > 3 ? atoi(argv[3]) : 1, .dir = argv[2], .force = true,
        .progress = progress, .context = &lines,
    };
    struct rondo_run_outcome outcome;
    int code = rondo_run(job, &options, &outcome, &err);
    rondo_job_free(job);
    if (code)
        return fail(&err);
    printf("rondo %s: %s by %s, objective %.12g, %lld rounds, %d lines; model %s\n", rondo_version(),
           outcome.state, outcome.stop_reason, outcome.report.objective, (long long)outcome.rounds,
           lines, outcome.model_sha256);
    return 0;
}
