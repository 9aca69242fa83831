#include "apps/registry.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <rondo/rondo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 14, COLUMNS = 10, K_MOST = 100000, SECONDS_MOST = 300 };

static char folder[400];

static void clear(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        char inner[1024];
        snprintf(inner, sizeof inner, "%.400s/%.255s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && remove(inner))
            clear(inner);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

/* NAME.mtx: from + i^2 mod count. */
static void write_vector(const char *name, int rows, int from, int count)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.mtx", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "%%%%MatrixMarket matrix array real general\n%d 1\n", rows);
    for (int i = 0; i < rows; i++)
        fprintf(file, "%d\n", from + i * i % count);
    cr_assert_eq(fclose(file), 0);
}

/* ROWS lines of svmlight, the label in front. */
static void write_data(void)
{
    char path[512];
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.300s/rondo-brutal-XXXXXX", base ? base : "/tmp");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.svm", folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    for (uint64_t i = 0; i < ROWS; i++) {
        fprintf(file, "%.3f", rondo_rng_unit(1, 0, 300, i) * 4 + (i % 2 ? 1 : -1));
        for (uint64_t j = 1; j <= COLUMNS; j++)
            if (rondo_rng_unit(1, j, 301, i) < 0.7)
                fprintf(file, " %d:%.3f", (int)j, rondo_rng_unit(1, j, 302, i) + (i % 2 ? 1 : 0));
        fprintf(file, "\n");
    }
    cr_assert_eq(fclose(file), 0);
    write_vector("labels", ROWS, 0, 3);
    write_vector("weights", ROWS, 1, 3);
    write_vector("folds", ROWS, 8, 5);
    write_vector("factors", COLUMNS, 0, 97);
}

static const char *const SQUARED = "\"x\": \"x.svm\"}, \"params\": {\"lambda_ratio\": 0.1";
static const char *const LOGISTIC =
    "\"x\": \"x.svm\", \"y\": \"labels.mtx\"}, \"params\": {\"loss\": \"logistic\", \"standardize\": true, "
    "\"weights\": \"weights.mtx\", \"penalty_factor\": \"factors.mtx\", \"path\": {\"count\": 3, "
    "\"min_ratio\": 0.3}, \"cv\": {\"folds\": \"folds.mtx\"}";

static struct rondo_job *parse(const char *what, const char *more)
{
    char text[1024];
    struct rondo_job *job = NULL;
    struct rondo_error err = { 0 };
    int size = snprintf(text, sizeof text,
                        "{\"version\": 1, \"app\": \"lasso\", \"data\": {%s}, \"stop\": {\"rounds\": %d}, "
                        "\"schedule\": {\"blocks\": 2, \"block_size\": 3, \"candidates\": 8}, "
                        "\"limits\": {\"memory\": \"1MiB\"}%s}", what, what == LOGISTIC ? 200 : 6, more);
    int code = job_parse(text, (size_t)size, "brutal.json", folder, NULL, 0, &registry_apps, &job,
                         &err);
    cr_assert_eq(code, RONDO_OK, "%s: %s", err.where, err.what);
    return job;
}

static int run(struct rondo_job *job, int32_t workers, bool encoded, struct rondo_error *err)
{
    char dir[512];
    struct rondo_run_outcome outcome;
    snprintf(dir, sizeof dir, "%s/out", folder);
    struct rondo_run_options options = { .workers = workers, .dir = dir, .force = true,
                                         .encoded = encoded };
    *err = (struct rondo_error){ 0 };
    return rondo_run(job, &options, &outcome, err);
}

/* A hang ends the test program. */
static void brutal(const char *what, const char *more, int32_t workers, bool encoded)
{
    struct rondo_error err;
    uint64_t step = (uint64_t)(10 / scale_runs(10)), k = 1, borne = 0;
    step *= what == LOGISTIC && workers > 1 ? 3 : 1; /* long, and like the one worker's */
    log_set_level(LOG_ERROR);
    write_data();
    struct rondo_job *job = parse(what, more);
    cr_assert_eq(run(job, workers, encoded, &err), RONDO_OK, "%s", err.what);
    int64_t live = mem_live();
    for (bool reached = true; reached; k += step) {
        uint64_t asked = mem_count();
        alarm(SECONDS_MOST);
        mem_fail_at(k);
        int code = run(job, workers, encoded, &err);
        mem_fail_at(0);
        alarm(0);
        reached = mem_count() - asked >= k;
        borne += reached && code == RONDO_OK;
        cr_assert(code <= 0 && (code == RONDO_OK || err.what[0]), "allocation %llu: %d says nothing",
                  (unsigned long long)k, code);
        cr_assert(reached || code == RONDO_OK, "nothing failed, and yet: %s", err.what);
        cr_assert_eq(mem_live(), live, "allocation %llu: %lld blocks are left",
                     (unsigned long long)k, (long long)(mem_live() - live));
        cr_assert_lt(k, K_MOST);
    }
    /* What may fail without harm: a note for a person, work that another worker takes over. */
    cr_expect_lt(borne * 4, k, "%llu of %llu failures had no effect", (unsigned long long)borne,
                 (unsigned long long)k);
    job_free(job);
    clear(folder);
}

Test(brutal_job, with_one_worker)
{
    brutal(SQUARED, ", \"trace\": \"off\"", 1, false);
}

Test(brutal_job, with_two_workers)
{
    brutal(SQUARED, ", \"trace\": \"off\"", 2, false);
}

Test(brutal_job, with_two_workers_and_messages_as_bytes)
{
    brutal(SQUARED, ", \"trace\": \"off\"", 2, true);
}

Test(brutal_job, with_a_trace)
{
    brutal(SQUARED, ", \"trace\": \"all\"", 1, false);
}

/* To its end: cv.json is written. */
Test(brutal_job, of_a_cross_validation)
{
    brutal(LOGISTIC, ", \"trace\": \"off\"", 1, false);
}

Test(brutal_job, of_a_cross_validation_with_two_workers)
{
    brutal(LOGISTIC, ", \"trace\": \"off\"", 2, true);
}
