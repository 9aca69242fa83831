#include "core/trace/views.h"

#include "core/trace/listing.h"
#include "tests/unit/core_trace/sample.h"

TestSuite(views, .init = sample_setup, .fini = sample_teardown);

/* What a view writes about rounds 1 to 2 of the trace; freed by free(). */
static char *listed(const char *view, bool json, int64_t first, int want, struct rondo_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct reader_window window;
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_first(reader, first, &window, NULL), RONDO_OK);
    int code = views_list(reader, view, window, json, out, err);
    cr_assert_eq(code, want, "%s", err ? err->what : "");
    reader_close(reader);
    cr_assert_eq(fclose(out), 0);
    return text;
}

static void expect(const char *view, bool json, int64_t first, const char *want)
{
    char *got = listed(view, json, first, RONDO_OK, NULL);
    cr_assert_str_eq(got, want);
    free(got);
}

Test(views, rounds_for_people)
{
    sample_trace(TRACE_ROUNDS, 4);
    expect("rounds", false, 0,
           "  round  kind     refused  joined    updates  max/mean   objective        ms  note\n"
           "      1  sampled       31      61         71      1.09         100     0.001  full\n"
           "      2  sampled       32      62         72      1.09          50     0.001  \n"
           "      3  sampled       33      63         73      1.09           -     0.001  full\n"
           "      4  sweep          -       -         74      1.09          25     0.001  \n");
}

Test(views, rounds_for_programs)
{
    struct trace_round round = { .round = 3, .kind = "sampled", .phases = 1, .blocks = 2, .staleness = 1,
                                 .wanted = 8, .drawn = 7, .refused = 1, .taken = 6, .joined = 4, .updates = 6,
                                 .pairs_needed = 4, .pairs_computed = 3, .coupled_pairs = 2,
                                 .weight_sum = 0.5, .weight_taken = (double)INFINITY,
                                 .cost_max = 3, .cost_mean = 2, .objective = (double)NAN,
                                 .plan_ns = 1, .push_ns = 2, .commit_ns = 3, .run_ns = 5, .pull_ns = 6,
                                 .network_ns = 7, .couple_ns = 1, .begin_ns = 4, .end_ns = 9,
                                 .note = "a \"b\"\n\\\xc3\xa9\xff" };
    struct trace_writer *writer = sample_writer(TRACE_ROUNDS, -1);
    cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    expect("rounds", true, 0,
           "{\"rounds\":[\n{\"round\":3,\"kind\":\"sampled\",\"phases\":1,\"blocks\":2,\"staleness\":1,"
           "\"wanted\":8,\"drawn\":7,\"refused\":1,\"taken\":6,\"joined\":4,\"updates\":6,\"fill_ratio\":0.75,"
           "\"imbalance_ratio\":1.5,\"objective_before\":null,\"objective\":null,\"total_ns\":5,"
           "\"note\":\"a \\\"b\\\"\\u000a\\\\\xc3\xa9\\ufffd\",\"pairs_needed\":4,"
           "\"pairs_computed\":3,\"coupled_pairs\":2,\"hit_ratio\":0.25,\"weight_sum\":0.5,"
           "\"weight_taken\":null,\"cost_max\":3,\"cost_mean\":2,\"plan_ns\":1,\"push_ns\":2,\"run_ns\":5,"
           "\"pull_ns\":6,\"network_ns\":7,\"commit_ns\":3,\"couple_ns\":1,\"begin_ns\":4,\"end_ns\":9}\n],\n"
           "\"window\":{\"from\":3,\"to\":3,\"rounds_of_trace\":1}}\n");
}

/* Rounds 2 to 3 of a trace that lacks round 4: an objective is the one before a round's if that is the last
 * round's; the window's first round has the one that is not shown. */
Test(views, an_objective_before_is_that_of_the_round_before)
{
    struct trace_writer *writer = sample_writer(TRACE_ROUNDS, -1);
    sample_put(writer, 1, 3);
    sample_put(writer, 5, 6);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    struct trace_reader *reader = sample_reader();
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct reader_window window = { 2, 6 };
    cr_assert_eq(views_list(reader, "rounds", window, true, out, NULL), RONDO_OK);
    reader_close(reader);
    fclose(out);
    static const char *const want[] = { "100", "50", "null", "20" };
    const char *at = text;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        at = strstr(at, "\"objective_before\":");
        cr_assert(at != NULL);
        at += strlen("\"objective_before\":");
        cr_assert_eq(strncmp(at, want[i], strlen(want[i])), 0, "row %zu: %.20s", i, at);
    }
    free(text);
}

Test(views, nothing_to_list_is_an_empty_list)
{
    sample_trace(TRACE_ALL, 0);
    expect("rounds", true, 0, "{\"rounds\":[\n],\n\"window\":{\"from\":0,\"to\":0,\"rounds_of_trace\":0}}\n");
    expect("workers", true, 0,
           "{\"workers\":[\n],\n\"window\":{\"from\":0,\"to\":0,\"rounds_of_trace\":0}}\n");
}

Test(views, a_trace_kept_at_a_lower_level_says_so)
{
    sample_trace(TRACE_ROUNDS, 3);
    static const char *const needs[][2] = { { "blocks", "--trace blocks" },
                                            { "workers", "--trace blocks" },
                                            { "conflicts", "--trace all" } };
    for (int i = 0; i < 3; i++) {
        struct rondo_error err = { 0 };
        char *got = listed(needs[i][0], true, 0, RONDO_EINPUT, &err);
        cr_assert_str_empty(got);
        cr_assert_str_eq(err.where, sample_file);
        cr_assert(strstr(err.hint, needs[i][1]), "%s", err.hint);
        free(got);
    }
}

Test(views, a_stream_that_takes_no_more_ends_the_listing)
{
    FILE *full = fopen("/dev/full", "we");
    cr_assert(full != NULL);
    setvbuf(full, NULL, _IONBF, 0);
    sample_trace(TRACE_ROUNDS, 3);
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(views_list(reader, "rounds", sample_all, true, full, NULL), RONDO_EIO);
    reader_close(reader);
    fclose(full);
}

Test(views, the_views_are_known_by_name)
{
    cr_assert(views_known("rounds") && views_known("blocks"));
    cr_assert(views_known("conflicts") && views_known("workers"));
    cr_assert(!views_known("summary") && !views_known(""));
}

static void expect_text(const char *in, const char *want)
{
    char *got = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&got, &size);
    listing_json_text(out, in);
    fclose(out);
    cr_assert_str_eq(got, want);
    free(got);
}

Test(views, json_text_is_utf8_whatever_comes)
{
    expect_text("", "\"\"");
    expect_text("a/b", "\"a/b\"");
    expect_text("\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"");
    expect_text("\xe2\x82\xac \xf0\x9f\x8e\xb5", "\"\xe2\x82\xac \xf0\x9f\x8e\xb5\"");
    expect_text("\xc0\x80", "\"\\ufffd\\ufffd\"");                 /* overlong */
    expect_text("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");      /* a surrogate */
    expect_text("\xf4\x90\x80\x80!", "\"\\ufffd\\ufffd\\ufffd\\ufffd!\""); /* beyond U+10FFFF */
    expect_text("\xe2\x82", "\"\\ufffd\\ufffd\"");                 /* cut off */
}

Test(views, plain_text_cannot_command_the_terminal)
{
    char out[8];
    listing_plain_text(out, sizeof out, "a\x1b[2Jbcdefgh");
    cr_assert_str_eq(out, "a?[2Jbc");
}
