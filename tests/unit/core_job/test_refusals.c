/* Every way to write a spec wrongly, and what is said then. */
#include "fixture.h"

#include <stdio.h>

#define LINE "job.json:1:"
#define IN(group, inner) FIXTURE_HEAD ", \"" group "\": " inner " }"
#define PARAMS(inner) IN("params", "{ " inner " }")

Test(refusals, an_unknown_key_names_the_nearest_one)
{
    fixture_refused(PARAMS("\"lamda\": 1"), NULL, "/params/lamda (" LINE "71)",
                    "unknown key \"lamda\"", "did you mean \"lambda\"?");
    fixture_refused(IN("shcedule", "{}"), NULL, "/shcedule (" LINE "59)",
                    "unknown key \"shcedule\"", "did you mean \"schedule\"?");
    fixture_refused(IN("schedule", "{ \"priority\": { \"rul\": \"delta\" } }"), NULL,
                    "/schedule/priority/rul (" LINE "87)", "unknown key \"rul\"",
                    "did you mean \"rule\"?");
    fixture_refused(IN("Seed", "1"), NULL, "/Seed (" LINE "59)", "unknown key \"Seed\"",
                    "did you mean \"seed\"?");
}

Test(refusals, a_key_in_the_wrong_place_is_told_its_own)
{
    fixture_refused(IN("threshold", "1"), NULL, "/threshold (" LINE "59)",
                    "unknown key \"threshold\"", "did you mean \"schedule.dependency.threshold\"?");
    fixture_refused(PARAMS("\"gap\": 1"), NULL, "/params/gap (" LINE "71)", "unknown key \"gap\"",
                    "did you mean \"stop.gap\"?");
}

Test(refusals, a_key_like_no_other_is_shown_the_nearest)
{
    fixture_refused(IN("wholly_other", "1"), NULL, "/wholly_other (" LINE "59)",
                    "unknown key \"wholly_other\"", "the nearest known key is \"workers\"");
    fixture_refused(IN("schedule.sync", "1"), NULL, "/schedule.sync (" LINE "59)",
                    "unknown key \"schedule.sync\"", "did you mean \"schedule\"?");
    fixture_refused(IN("", "1"), NULL, "/ (" LINE "59)", "unknown key \"\"", "");
}

Test(refusals, another_apps_parameters_are_unknown)
{
    fixture_refused("{\"version\":1,\"app\":\"plain\",\"data\":{},\"params\":{\"lambda\":1}}", NULL,
                    "/params/lambda (" LINE "48)", "unknown key \"lambda\"",
                    "");
    fixture_refused(IN("stop", "{ \"iterations\": 1 }"), NULL, "/stop/iterations (" LINE "69)",
                    "unknown key \"iterations\"", "known here: gap, rounds, seconds");
}

Test(refusals, a_wrong_type_says_what_was_expected_and_found)
{
    static const struct {
        const char *inner, *where, *what;
    } cases[] = {
        { PARAMS("\"lambda\": \"big\""), "/params/lambda (" LINE "81)",
          "expected a number, found the text \"big\"" },
        { PARAMS("\"lambda\": true"), "/params/lambda (" LINE "81)", "expected a number, found true" },
        { PARAMS("\"lambda\": null"), "/params/lambda (" LINE "81)", "expected a number, found null" },
        { PARAMS("\"intercept\": 1"), "/params/intercept (" LINE "84)",
          "expected true or false, found 1" },
        { PARAMS("\"label\": [1]"), "/params/label (" LINE "80)", "expected a text, found a list" },
        { PARAMS("\"loss\": 3.5"), "/params/loss (" LINE "79)",
          "expected squared or logistic, found 3.5" },
        { PARAMS("\"path\": 3"), "/params/path (" LINE "79)", "expected an object, found 3" },
        { IN("schedule", "[]"), "/schedule (" LINE "71)", "expected an object, found a list" },
        { IN("schedule", "{ \"blocks\": \"8\" }"), "/schedule/blocks (" LINE "83)",
          "expected a whole number, found the text \"8\"" },
        { IN("schedule", "{ \"blocks\": 3.5 }"), "/schedule/blocks (" LINE "83)",
          "expected a whole number, found 3.5" },
        { IN("schedule", "{ \"blocks\": {} }"), "/schedule/blocks (" LINE "83)",
          "expected a whole number, found an object" },
        { IN("limits", "{ \"memory\": 1.5 }"), "/limits/memory (" LINE "81)",
          "expected a size such as \"2GiB\" or a whole number of bytes, found 1.5" },
        { IN("name", "\"\\u00e9\", \"trace\": {}"), "/trace (" LINE "86)",
          "expected off, rounds, blocks or all, found an object" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        fixture_refused(cases[i].inner, NULL, cases[i].where, cases[i].what, "");
}

Test(refusals, a_long_text_is_quoted_in_part)
{
    fixture_refused(PARAMS("\"lambda\": \"0123456789012345678901234567890123456789abc\""), NULL,
                    "/params/lambda (" LINE "81)",
                    "expected a number, found the text "
                    "\"0123456789012345678901234567890123456789...\"", "");
}

Test(refusals, a_value_out_of_range_says_the_range)
{
    static const struct {
        const char *inner, *where, *what;
    } cases[] = {
        { IN("schedule", "{ \"blocks\": 0 }"), "/schedule/blocks (" LINE "83)",
          "0 is out of range: expected 1 to 65536" },
        { IN("schedule", "{ \"candidates\": 5000000000 }"), "/schedule/candidates (" LINE "87)",
          "5000000000 is out of range: expected 1 to 2147483647 variables" },
        { IN("schedule", "{ \"blocks\": 1e300 }"), "/schedule/blocks (" LINE "83)",
          "1e+300 is out of range: expected 1 to 65536" },
        { IN("seed", "9007199254740992"), "/seed (" LINE "67)",
          "9007199254740992 is out of range: expected 0 to 9007199254740991" },
        { IN("seed", "-1"), "/seed (" LINE "67)",
          "-1 is out of range: expected 0 to 9007199254740991" },
        { IN("stop", "{ \"seconds\": 0 }"), "/stop/seconds (" LINE "80)",
          "0 is out of range: expected above 0 s" },
        { PARAMS("\"lambda_ratio\": 1.5"), "/params/lambda_ratio (" LINE "87)",
          "1.5 is out of range: expected above 0, at most 1" },
        { PARAMS("\"tiny\": 1e19"), "/params/tiny (" LINE "79)",
          "1e+19 is out of range: expected any" },
        { IN("schedule", "{ \"dependency\": { \"threshold\": -0.5 } }"),
          "/schedule/dependency/threshold (" LINE "102)", "-0.5 is out of range: expected 0 to 1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        fixture_refused(cases[i].inner, NULL, cases[i].where, cases[i].what, "");
}

Test(refusals, an_unknown_word_lists_the_known_ones)
{
    fixture_refused(IN("trace", "\"round\""), NULL, "/trace (" LINE "68)",
                    "\"round\" is unknown: expected off, rounds, blocks or all",
                    "did you mean \"rounds\"?");
    fixture_refused(IN("trace", "\"loud\""), NULL, "/trace (" LINE "68)",
                    "\"loud\" is unknown: expected off, rounds, blocks or all", "");
}

Test(refusals, what_a_later_version_will_know_is_said_so)
{
    fixture_refused(IN("schedule", "{ \"sync\": \"ssp\" }"), NULL, "/schedule/sync (" LINE "81)",
                    "\"ssp\" is not in this version", "use bsp");
    fixture_refused(IN("schedule", "{ \"sync\": \"async\" }"), NULL, "/schedule/sync (" LINE "81)",
                    "\"async\" is not in this version", "use bsp");
    fixture_refused(IN("schedule", "{ \"staleness\": 2 }"), NULL,
                    "/schedule/staleness (" LINE "86)", "2 is not in this version", "use 0");
    fixture_refused(IN("workers", "{ \"device\": \"cuda:1\" }"), NULL,
                    "/workers/device (" LINE "82)", "\"cuda:1\" is not in this version", "use cpu");
}

Test(refusals, a_size_that_is_none_is_refused)
{
    static const char *const sizes[] = { "\"2G\"", "\"GiB\"", "\"\"", "\"-1\"", "\"0\"", "\"nan\"",
                                         "\"0x10\"", "\"9e99\"", "\"1.2.3\"", "\"9999999TiB\"",
                                         "\"99999999999999999999999999\"", "0", "-5" };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char text[256], what[256];
        bool quoted = sizes[i][0] == '"';
        snprintf(text, sizeof text, IN("limits", "{ \"memory\": %s }"), sizes[i]);
        snprintf(what, sizeof what, "%s%s is no size from 1 byte to 2^63 - 1",
                 quoted ? "the text " : "", sizes[i]);
        fixture_refused(text, NULL, "/limits/memory (" LINE "81)", what,
                        "a number, then KiB, MiB, GiB, TiB, KB, MB, GB, TB or nothing");
    }
}

Test(refusals, required_keys_are_asked_for)
{
    const char *apps = "apps of this build: lasso, plain";
    fixture_refused("{}", NULL, "job.json", "the required key \"version\" is missing",
                    "\"version\": 1");
    fixture_refused("{\"version\": 1}", NULL, "job.json", "the required key \"app\" is missing",
                    apps);
    fixture_refused("{\"version\": 1, \"app\": \"lasso\"}", NULL, "job.json",
                    "the required key \"data\" is missing",
                    "the files of the job: \"data\": { ... }");
    fixture_refused("{\"version\": 1, \"app\": \"lasso\", \"data\": {}}", NULL, "job.json",
                    "the required key \"data.x\" is missing", "the design matrix");
}

Test(refusals, an_empty_path_is_refused)
{
    fixture_refused("{\"version\": 1, \"app\": \"lasso\", \"data\": {\"x\": \"\"}}", NULL,
                    "/data/x (" LINE "46)", "the path is empty", "");
}

Test(refusals, an_unknown_app_lists_the_apps)
{
    fixture_refused("{\"version\": 1, \"app\": \"lsso\", \"data\": {}}", NULL, "/app (" LINE "23)",
                    "unknown app \"lsso\"",
                    "apps of this build: lasso, plain; did you mean \"lasso\"?");
    fixture_refused("{\"version\": 1, \"app\": 3, \"data\": {}}", NULL, "/app (" LINE "23)",
                    "expected a text, found 3", "in quotes: \"3\"");
}

Test(refusals, another_version_is_refused_before_all_else)
{
    fixture_refused("{\"novel\": 3, \"version\": 2}", NULL, "/version (" LINE "25)",
                    "version 2 is unknown", "this build reads version 1");
    fixture_refused("{\"version\": \"1\"}", NULL, "/version (" LINE "13)",
                    "expected a whole number, found the text \"1\"", "");
}

Test(refusals, text_that_is_not_json_has_a_line_and_a_column)
{
    fixture_refused("", NULL, "job.json", "the file is empty", "");
    fixture_refused(" \n\t ", NULL, "job.json", "the file is empty", "");
    fixture_refused("{ \"version\": 1,\n  \"app\" \"lasso\" }", NULL, "job.json:2:15",
                    "not JSON: ':' expected near '\"lasso\"'", "");
    fixture_refused("{ \"version\": 1 } }", NULL, "job.json:1:18",
                    "something stands behind the spec's closing brace near '}'", "");
    fixture_refused("{ \"version\": 1, \"version\": 1 }", NULL, "job.json:1:25",
                    "the key \"version\" stands twice", "");
    fixture_refused("{ \"version\": NaN }", NULL, "job.json:1:16",
                    "not JSON: invalid token near 'NaN'", "JSON has no NaN and no infinity");
    fixture_refused("{ \"version\": Infinity }", NULL, "job.json:1:21",
                    "not JSON: invalid token near 'Infinity'", "JSON has no NaN and no infinity");
    fixture_refused("{ \"version\": 99999999999999999999 }", NULL, "job.json:1:33",
                    "not JSON: too big integer near '99999999999999999999'", "");
    fixture_refused("{ \"version\": 1e999 }", NULL, "job.json:1:18",
                    "not JSON: real number overflow near '1e999'", "");
}

Test(refusals, text_that_is_not_utf8_says_so)
{
    struct rondo_job *job;
    struct rondo_error err;
    cr_expect_eq(fixture_try("{ \"name\": \"\xff\" }", NULL, &job, &err), RONDO_EINPUT);
    cr_expect(strncmp(err.what, "the file is not UTF-8", 21) == 0, "%s", err.what);
    cr_expect(strncmp(err.where, "job.json:1:", 11) == 0, "%s", err.where);
}

Test(refusals, a_spec_is_an_object)
{
    fixture_refused("[1]", NULL, "job.json", "expected a JSON object, found a list", "");
    fixture_refused("3", NULL, "job.json", "expected a JSON object, found 3", "");
}

Test(refusals, depth_without_end_is_refused)
{
    enum { DEPTH = 100000 };
    static char text[DEPTH + 1];
    memset(text, '[', DEPTH);
    struct rondo_job *job;
    struct rondo_error err;
    cr_expect_eq(fixture_try(text, NULL, &job, &err), RONDO_EINPUT);
    cr_expect_eq(fixture_try("{\"version\":1,\"app\":\"plain\",\"a\":{\"b\":{\"c\":{\"d\":{}}}}}",
                             NULL, &job, &err), RONDO_EINPUT);
}

Test(refusals, a_mistake_in_an_override_is_laid_at_its_door)
{
    static const struct {
        const char *set, *where, *what, *hint;
    } cases[] = {
        { "params.lambda=-1", "--set params.lambda", "-1 is out of range: expected above 0", "" },
        { "params.lamda=1", "--set params.lamda", "unknown key \"lamda\"",
          "did you mean \"params.lambda\"?" },
        { "params={\"lamda\":1}", "--set params", "unknown key \"lamda\"",
          "did you mean \"params.lambda\"?" },
        { "trace=loud", "--set trace",
          "\"loud\" is unknown: expected off, rounds, blocks or all", "" },
        { "app=other", "--set app", "unknown app \"other\"", "apps of this build: lasso, plain" },
        { "version=2", "--set version", "version 2 is unknown", "this build reads version 1" },
        { "params.lambda", "--set params.lambda", "expected KEY=VALUE",
          "as in --set params.lambda=0.1" },
        { "=1", "--set ", "a part of the key is empty or too long",
          "as in --set params.lambda=0.1" },
        { "params..lambda=1", "--set params..lambda", "a part of the key is empty or too long",
          "as in --set params.lambda=0.1" },
        { "app.x=1", "--set app.x", "the key goes through a value that is not an object",
          "as in --set params.lambda=0.1" },
        { "name=\xff", "--set name", "the value is not UTF-8", "as in --set params.lambda=0.1" },
        { "\xff=1", "--set \xff", "the key is not UTF-8", "as in --set params.lambda=0.1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const sets[] = { cases[i].set, NULL };
        fixture_refused(FIXTURE_SPEC, sets, cases[i].where, cases[i].what, cases[i].hint);
    }
}

Test(refusals, a_long_origin_keeps_its_tail_and_the_place)
{
    char origin[600];
    memset(origin, 'a', sizeof origin);
    memcpy(origin + 592, "end.job", 8);
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    cr_expect_eq(job_parse("{ 3 }", 5, origin, "/", NULL, 0, &fixture_apps, &job, &err),
                 RONDO_EINPUT);
    size_t length = strlen(err.where);
    cr_expect(strncmp(err.where, "...", 3) == 0 && length > 200);
    cr_expect_str_eq(err.where + length - 11, "end.job:1:3");
}

Test(refusals, an_absurd_key_does_no_harm)
{
    static char text[5000];
    int used = snprintf(text, sizeof text, "%s, \"", FIXTURE_HEAD);
    memset(text + used, '~', 4000);
    snprintf(text + used + 4000, sizeof text - (size_t)used - 4000, "\": 1 }");
    struct rondo_job *job;
    struct rondo_error err;
    cr_expect_eq(fixture_try(text, NULL, &job, &err), RONDO_EINPUT);
    cr_expect(strstr(err.where, "(job.json:1:59)") != NULL, "%s", err.where);
}
