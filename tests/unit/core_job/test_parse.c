/* What a spec's values become. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char full[] =
    "{\n"
    "  \"version\": 1, \"name\": \"news lasso\", \"app\": \"lasso\",\n"
    "  \"data\": { \"x\": \"news20.svm.gz\", \"y\": \"/abs/./y.npy\", \"index_base\": 0 },\n"
    "  \"params\": {\n"
    "    \"lambda\": 2, \"path\": { \"count\": 7.0 },\n"
    "    \"weights\": \"w.npy\", \"intercept\": false, \"loss\": \"logistic\" },\n"
    "  \"schedule\": { \"priority\": { \"rule\": \"delta\", \"eta\": 1e-6 }, \"blocks\": 2e3 },\n"
    "  \"stop\": { \"gap\": 1e-9, \"seconds\": 600 },\n"
    "  \"limits\": { \"memory\": \"2GiB\" }, \"output\": { \"dir\": \"out\" }\n"
    "}\n";

Test(parse, values_are_read_by_their_dotted_keys)
{
    struct rondo_job *job = fixture_job(full, NULL);
    cr_expect(job_app(job) == &fixture_lasso);
    cr_expect_str_eq(job_path(job), "job.json");
    cr_expect_str_eq(job_text(job, "name"), "news lasso");
    cr_expect(job_real(job, "params.lambda") == 2.0);
    cr_expect(job_integer(job, "params.path.count") == 7);
    cr_expect(!job_flag(job, "params.intercept"));
    cr_expect_str_eq(job_text(job, "params.loss"), "logistic");
    cr_expect_str_eq(job_text(job, "schedule.priority.rule"), "delta");
    cr_expect(job_real(job, "schedule.priority.eta") == 1e-6);
    cr_expect(job_integer(job, "schedule.blocks") == 2000);
    cr_expect(job_real(job, "schedule.blocks") == 2000.0);
    cr_expect(job_real(job, "stop.gap") == 1e-9);
    cr_expect(job_memory_bytes(job) == INT64_C(2) << 30);
    job_free(job);
}

Test(parse, defaults_are_filled_in_and_absent_keys_are_zero)
{
    struct rondo_job *job = fixture_job(FIXTURE_SPEC, NULL);
    cr_expect_str_eq(job_text(job, "schedule.priority.rule"), "gradient");
    cr_expect_str_eq(job_text(job, "schedule.dependency.check"), "correlation");
    cr_expect_str_eq(job_text(job, "schedule.dependency.coupled"), "solve");
    cr_expect(job_real(job, "schedule.dependency.threshold") == 0.1);
    cr_expect(job_integer(job, "schedule.blocks") == 8);
    cr_expect(job_integer(job, "schedule.block_size") == 1024);
    cr_expect(job_integer(job, "schedule.candidates") == 4096);
    cr_expect(job_integer(job, "schedule.pipeline") == 1);
    cr_expect_str_eq(job_text(job, "schedule.sync"), "bsp");
    cr_expect(job_integer(job, "schedule.staleness") == 0);
    cr_expect(job_integer(job, "workers.threads") == 1);
    cr_expect_str_eq(job_text(job, "workers.device"), "cpu");
    cr_expect_str_eq(job_text(job, "workers.isa"), "auto");
    cr_expect(job_integer(job, "stop.rounds") == 1000000);
    cr_expect(job_integer(job, "seed") == 1);
    cr_expect(job_real(job, "checkpoint.seconds") == 30.0);
    cr_expect(job_integer(job, "checkpoint.snapshot_rounds") == 1000);
    cr_expect(job_memory_bytes(job) == INT64_C(1) << 30);
    cr_expect_str_eq(job_text(job, "trace"), "rounds");
    cr_expect(job_integer(job, "queue.priority") == 0);
    cr_expect(job_integer(job, "data.index_base") == 1);
    cr_expect_str_eq(job_text(job, "params.label"), "a \"word\"");
    cr_expect(job_flag(job, "params.intercept"));
    cr_expect(job_given(job, "seed") && job_given(job, "params.lambda_ratio"));
    static const char *const absent[] = { "name", "workers.count", "stop.seconds", "params.lambda", "data.y" };
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        cr_expect(!job_given(job, absent[i]), "%s", absent[i]);
    cr_expect(job_real(job, "params.lambda") == 0.0);
    cr_expect(job_integer(job, "workers.count") == 0);
    cr_expect_str_eq(job_text(job, "output.dir"), "/data/here/out");
    job_free(job);
}

Test(parse, an_app_without_parameters_is_enough)
{
    struct rondo_job *job = fixture_job("{\"version\":1,\"app\":\"plain\",\"data\":{},\"params\":{}}",
                                        NULL);
    cr_expect(job_app(job) == &fixture_plain);
    job_free(job);
}

Test(parse, paths_are_absolute_against_the_specs_folder)
{
    struct rondo_job *job = fixture_job(full, NULL);
    cr_expect_str_eq(job_text(job, "data.x"), "/data/here/news20.svm.gz");
    cr_expect_str_eq(job_text(job, "data.y"), "/abs/y.npy");
    cr_expect_str_eq(job_text(job, "output.dir"), "/data/here/out");
    cr_expect_str_eq(job_text(job, "params.weights"), "/data/here/w.npy");
    job_free(job);
}

Test(parse, a_byte_order_mark_is_passed_over)
{
    struct rondo_job *job = fixture_job("\xef\xbb\xbf" FIXTURE_SPEC, NULL);
    char where[256];
    job_where(job, "app", where, sizeof where);
    cr_expect_str_eq(where, "/app (job.json:1:24)");
    job_free(job);
}

Test(parse, a_keys_place_is_its_pointer_file_line_and_column)
{
    struct rondo_job *job = fixture_job(full, NULL);
    char where[256];
    job_where(job, "params.lambda", where, sizeof where);
    cr_expect_str_eq(where, "/params/lambda (job.json:5:15)");
    job_where(job, "stop.seconds", where, sizeof where);
    cr_expect_str_eq(where, "/stop/seconds (job.json:8:37)");
    job_where(job, "seed", where, sizeof where);
    cr_expect_str_eq(where, "/seed (job.json)");
    job_free(job);
}

Test(parse, overrides_replace_add_and_take_away)
{
    static const char *const sets[] = { "params.lambda=0.5",   "name=plain words",
                                        "schedule.priority={\"rule\":\"cyclic\"}",
                                        "stop.seconds=null",   "workers.count=3",
                                        "params.lambda=0.25",  "params.label=a=b", NULL };
    struct rondo_job *job = fixture_job(full, sets);
    char where[256];
    cr_expect(job_real(job, "params.lambda") == 0.25);
    cr_expect_str_eq(job_text(job, "name"), "plain words");
    cr_expect_str_eq(job_text(job, "schedule.priority.rule"), "cyclic");
    cr_expect(job_real(job, "schedule.priority.eta") == 0);
    cr_expect(!job_given(job, "stop.seconds"));
    cr_expect(job_integer(job, "workers.count") == 3);
    cr_expect_str_eq(job_text(job, "params.label"), "a=b");
    job_where(job, "params.lambda", where, sizeof where);
    cr_expect_str_eq(where, "--set params.lambda");
    job_where(job, "schedule.priority.rule", where, sizeof where);
    cr_expect_str_eq(where, "--set schedule.priority");
    job_free(job);
}

Test(parse, sizes_have_units)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {
        { "\"512 MiB\"", INT64_C(512) << 20 }, { "\"1000000\"", 1000000 }, { "1000000", 1000000 },
        { "\"1.5GB\"", 1500000000 }, { "\"3KiB\"", 3072 }, { "\"3KB\"", 3000 },
        { "\"1TiB\"", INT64_C(1) << 40 }, { "\"2MB\"", 2000000 }, { "\"4GiB\"", INT64_C(4) << 30 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, FIXTURE_HEAD ", \"limits\": { \"memory\": %s } }", sizes[i].text);
        struct rondo_job *job = fixture_job(text, NULL);
        cr_expect(job_memory_bytes(job) == sizes[i].bytes, "%s", sizes[i].text);
        job_free(job);
    }
}

Test(parse, a_file_is_read_from_its_own_folder)
{
    char dir[] = "/tmp/rondo_parse_XXXXXX", path[64], real[4096], wanted[4200];
    cr_assert(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/./job.json", dir);
    FILE *file = fopen(path, "w");
    fputs(FIXTURE_SPEC, file);
    fclose(file);
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    cr_assert(job_load(path, NULL, 0, &fixture_apps, &job, &err) == 0, "%s", err.what);
    cr_assert(realpath(dir, real) != NULL);
    snprintf(wanted, sizeof wanted, "%s/x.svm", real);
    cr_expect_str_eq(job_text(job, "data.x"), wanted);
    job_free(job);
    unlink(path);
    rmdir(dir);
}

Test(parse, a_file_that_is_not_there_is_bad_input)
{
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    cr_expect(job_load("/no/such/job.json", NULL, 0, &fixture_apps, &job, &err) == RONDO_EINPUT);
    cr_expect_str_eq(err.where, "/no/such/job.json");
    cr_expect(job == NULL);
}

Test(parse, a_failed_allocation_is_out_of_memory_and_leaks_nothing)
{
    static const char *const sets[] = { "params.lambda=0.5", "a.b=1", "a=null",
                                        "schedule.priority={\"rule\":\"cyclic\"}", NULL };
    job_free(fixture_job(full, sets));
    int64_t live = mem_live();
    int code = RONDO_ENOMEM;
    uint64_t k = 1;
    for (; code && k < 10000; k++) {
        struct rondo_job *job;
        struct rondo_error err;
        mem_fail_at(k);
        code = fixture_try(full, sets, &job, &err);
        mem_fail_at(0);
        cr_assert(code == 0 || code == RONDO_ENOMEM, "k = %d: %d %s", (int)k, code, err.what);
        job_free(job);
        cr_assert(mem_live() == live, "k = %d leaks", (int)k);
    }
    cr_expect(code == 0 && k > 50, "k = %d", (int)k);
}

Test(parse, the_data_files_can_be_counted_up_and_say_how_they_were_written)
{
    struct job_file file;
    struct rondo_job *job = fixture_job("{ \"version\": 1, \"app\": \"lasso\", \"data\": { \"x\": "
                                        "\"sub/x.svm\" }, \"params\": { \"weights\": \"/w.npy\" } }",
                                        NULL);
    cr_assert(job_file_at(job, 0, &file));
    cr_expect_str_eq(file.key, "data.x");
    cr_expect_str_eq(file.path, "/data/here/sub/x.svm");
    cr_expect(file.relative);
    cr_assert(job_file_at(job, 1, &file));
    cr_expect_str_eq(file.key, "params.weights");
    cr_expect_str_eq(file.path, "/w.npy");
    cr_expect(!file.relative);
    cr_expect(!job_file_at(job, 2, &file));
    job_free(job);
}

Test(parse, one_object_and_nothing_beside_it)
{
    static const char *const good[] = { "{}", " {\"a\": [1, {}]}\n" };
    static const char *const bad[] = { "", "{", "[]", "3", "{} {}", "{\"a\":1,\"a\":2}", "{'a':1}" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(job_is_object(good[i], strlen(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect(!job_is_object(bad[i], strlen(bad[i])), "%s", bad[i]);
}
