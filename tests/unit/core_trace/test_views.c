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
           "  round  kind     refused  joined    updates   objective        ms  note\n"
           "      1  sampled       31      61         71         100     0.001  full\n"
           "      2  sampled       32      62         72          50     0.001  \n"
           "      3  sampled       33      63         73           -     0.001  full\n"
           "      4  sweep          -       -         74          25     0.001  \n");
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

/* Two workers.  Round 1: worker 0 is done at 100 and 50, worker 1 at 300 with block 1: the straggler by
 * 300 - (100 + 300) / 2.  Round 2: worker 1 alone.  Round 3 has no tasks. */
static void write_paces(void)
{
    static const int64_t few[] = { 5, 8, 1 };
    static const struct trace_task first[] = {
        { .block = 0, .shard = -1, .worker = 0, .sent_ns = 0, .done_ns = 100, .run_ns = 30 },
        { .block = 1, .shard = -1, .worker = 1, .sent_ns = 0, .done_ns = 300, .run_ns = 90 },
        { .phase = 1, .work = TRACE_PULL, .block = 0, .shard = -1, .worker = 0, .sent_ns = 20, .done_ns = 50 },
        { .work = TRACE_COUPLE, .block = 9, .shard = -1, .worker = 0, .sent_ns = 350, .done_ns = 400 },
    };
    static const struct trace_task second = { .worker = 1, .shard = 2, .sent_ns = 900, .done_ns = 1000,
                                              .run_ns = 70 };
    const struct trace_block block[] = { { 0, 3, 10, few }, { 1, 2, 30, few } };
    struct trace_writer *writer = sample_writer(TRACE_ALL, -1);
    const char *const meta[] = { "variables", "10", NULL };
    cr_assert_eq(trace_meta(writer, meta, NULL), RONDO_OK);
    struct trace_round round = { .round = 1, .kind = "sampled", .blocks = 2, .cost_max = 30, .cost_mean = 20,
                                 .weight_sum = 8, .weight_taken = 2, .updates = 5, .plan_ns = 100, .push_ns = 400,
                                 .commit_ns = 0, .begin_ns = 0, .end_ns = 500, .note = "", .block = block,
                                 .task = first, .tasks = 4 };
    cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    round = (struct trace_round){ .round = 2, .kind = "sampled", .blocks = 1, .cost_max = 10, .cost_mean = 10,
                                  .weight_sum = 4, .weight_taken = 2, .updates = 3, .push_ns = 600,
                                  .begin_ns = 500, .end_ns = 1100, .note = "", .block = block, .task = &second,
                                  .tasks = 1 };
    cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    round = (struct trace_round){ .round = 3, .kind = "sweep", .begin_ns = 1100, .end_ns = 1200, .note = "" };
    cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
}

Test(views, blocks_for_people)
{
    write_paces();
    expect("blocks", false, 0,
           "  round  kind     blocks  max/mean  measured  straggler  block   late ms  late %\n"
           "      1  sampled       2      1.50      1.50          1      1     0.000    20.0\n"
           "      2  sampled       1      1.00      1.00          1      0     0.000     0.0\n"
           "      3  sweep         0         -         -          -      -     0.000       -\n"
           "\n"
           "max/mean    1.25 in the mean, 1.50 at most: counted cost of the dearest block\n"
           "measured    1.25 in the mean, 1.50 at most: time of a round's longest task\n"
           "straggler   worker 0 in 0, worker 1 in 1 of 1 rounds\n"
           "late        0.000 s in all, 10.0 % of the time of pushing: how much later it\n"
           "            was done than the workers in the mean\n");
}

Test(views, workers_for_people)
{
    write_paces();
    expect("workers", false, 0,
           "worker     tasks   rounds  busy %  run %  wait %   task ms  longest ms  was last\n"
           "     0         3        1    12.5    2.5    10.0     0.000       0.000         0\n"
           "     1         2        2    33.3   13.3    20.0     0.000       0.000         1\n"
           "\nshares are of the time of these rounds: busy with a task or more, of that\n"
           "running one, and the rest, in which they travelled or waited; was last: rounds\n"
           "in which it was done later than all others\n");
}

Test(views, priority_for_people)
{
    write_paces(); /* 5, 8 and 1 in block 0 of both rounds; 5 and 8 in block 1 of the first */
    expect("priority", false, 0,
           "variables   10, of them 3 were updated, 8 times\n"
           "never       7 were not updated in any of these rounds\n"
           "share        37.5 % of the updates went to the hottest 0.1 % (1)\n"
           "             37.5 % of the updates went to the hottest 1 % (1)\n"
           "             37.5 % of the updates went to the hottest 10 % (1)\n"
           "evenness    entropy 0.47 (1: all alike, 0: one has all)\n"
           "            gini 0.72 (0: all alike, 1: one has all)\n"
           "longest     variable 5 waited 1 round between two updates (1 to 2)\n"
           "            variable 1 waited 1 round since its last (2 to 3)\n"
           "\nthe hottest variables\n"
           "  variable     updates   share %  last round\n"
           "         5           3      37.5           2\n"
           "         8           3      37.5           2\n"
           "         1           2      25.0           2\n"
           "\nthe weight over time: of all variables, and the share of it taken in a round\n"
           "      from    to round     sampled       updates  weight of all   taken %\n"
           "         1           1           1             5              8      25.0\n"
           "         2           2           1             3              4      50.0\n");
}

Test(views, conflicts_for_people)
{
    static const struct trace_conflict conflict[] = { { 3, 9, 0.5, 1, false }, { 9, 3, -0.72, 1, true },
                                                      { 4, 1, 2.5, 1, false } };
    struct trace_writer *writer = sample_writer(TRACE_ALL, -1);
    struct trace_round round = { .round = 1, .kind = "sampled", .drawn = 20, .refused = 2, .joined = 1,
                                 .pairs_needed = 8, .pairs_computed = 2, .note = "", .conflict = conflict,
                                 .conflicts = 3 };
    cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    expect("conflicts", false, 0,
           "   round   candidate       other      coupling  other's round  and was\n"
           "       1           3           9           0.5              1  refused\n"
           "       1           9           3         -0.72              1  joined \n"
           "       1           4           1           2.5              1  refused\n"
           "\nrefused     2 of 20 candidates, by 2 couplings\n"
           "joined      1 candidates, by 1 couplings: into the other's block\n"
           "couplings   8 looked at, 2 computed: 75.0 % were in the cache\n"
           "\n|coupling|     refused    joined\n"
           "0.50 to 0.55          1         0  ########################################\n"
           "0.55 to 0.60          0         0  \n"
           "0.60 to 0.65          0         0  \n"
           "0.65 to 0.70          0         0  \n"
           "0.70 to 0.75          0         1  ########################################\n"
           "0.75 to 0.80          0         0  \n"
           "0.80 to 0.85          0         0  \n"
           "0.85 to 0.90          0         0  \n"
           "0.90 to 0.95          0         0  \n"
           "0.95 to 1.00          1         0  ########################################\n"
           "\nthe pairs that met most often\n"
           "  variable       other     times    joined      coupling\n"
           "         3           9         2         1         -0.72\n"
           "         1           4         1         0           2.5\n");
}

/* A worker's spans may come in any order of rounds that overlap, and there may be more than are kept. */
Test(views, a_worker_is_busy_for_the_union_of_its_tasks)
{
    enum { ROUNDS = 2000 };
    struct trace_writer *writer = sample_writer(TRACE_BLOCKS, -1);
    for (int t = 1; t <= ROUNDS; t++) { /* [100 t, 100 t + 40] and, late, what is 30 sooner: 70 in all */
        struct trace_task task[] = { { .sent_ns = 100 * t, .done_ns = 100 * t + 40 },
                                     { .sent_ns = 100 * t - 330, .done_ns = 100 * t - 300 },
                                     { .sent_ns = 100 * t + 10, .done_ns = 100 * t + 20 } };
        struct trace_round round = { .round = t, .kind = "plan", .note = "", .task = task, .tasks = 3 };
        cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    }
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    char *got = listed("workers", true, 0, RONDO_OK, NULL);
    char want[40];
    snprintf(want, sizeof want, "\"busy_ns\":%d,", 70 * ROUNDS);
    cr_assert(strstr(got, want) != NULL, "%s", got);
    free(got);
}

Test(views, any_allocation_may_fail)
{
    static const char *const names[] = { "rounds", "blocks", "priority", "conflicts", "workers" };
    sample_trace(TRACE_ALL, 5);
    for (size_t v = 0; v < sizeof names / sizeof *names; v++) {
        struct trace_reader *reader = sample_reader();
        FILE *out = fopen("/dev/null", "we");
        int code = RONDO_ENOMEM;
        for (uint64_t k = 1; code; k++) {
            struct rondo_error err = { 0 };
            int64_t live = mem_live();
            mem_fail_at(k);
            code = views_list(reader, names[v], sample_all, true, out, &err);
            mem_fail_at(0);
            cr_assert(code == RONDO_OK || code == RONDO_ENOMEM, "%s, allocation %d: %d", names[v], (int)k, code);
            cr_assert_eq(err.code, code, "%s, allocation %d", names[v], (int)k);
            cr_assert(mem_live() <= live + 1, "%s leaks when allocation %d fails", names[v], (int)k);
        }
        fclose(out);
        reader_close(reader);
    }
    cr_assert_eq(mem_live(), 0);
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

Test(views, whole_numbers_are_written_to_the_last_digit)
{
    static const int64_t number[] = { INT64_MIN, -1234567890, -10, -1, 0, 9, 10, 4294967296, INT64_MAX };
    static const struct listing_column columns[] = { { "n", "n", LISTING_INT64, 0, 0 }, { 0 } };
    for (int json = 0; json < 2; json++) {
        char *text = NULL, want[512] = "";
        size_t size = 0, used = (size_t)snprintf(want, sizeof want, json ? "\"list\":[" : "n\n");
        FILE *out = open_memstream(&text, &size);
        struct listing listing = { .out = out, .name = "list", .json = json, .columns = columns };
        for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
            cr_assert_eq(listing_row(&listing, &number[i]), RONDO_OK);
            used += (size_t)snprintf(want + used, sizeof want - used, json ? "%s\n{\"n\":%lld}" : "%s%lld\n",
                                     json && i ? "," : "", (long long)number[i]);
        }
        cr_assert_eq(fclose(out), 0);
        cr_assert_str_eq(text, want);
        free(text);
    }
}

/* Of damage: a sum stays at the largest number. */
Test(views, sums_of_damage_are_numbers)
{
    static const char *const views[] = { "priority", "workers", "blocks" };
    static const char *const sums[] = { "\"updates\":9223372036854775807", "\"run_ns\":9223372036854775807",
                                        "\"straggle_ns\":" };
    sample_trace(TRACE_ALL, 1100);
    sample_sql("UPDATE rounds SET updates = 9223372036854775807, push_ns = 9223372036854775807;"
               "UPDATE details SET task_run = 9223372036854775807");
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char *text = listed(views[i], true, 0, RONDO_OK, NULL);
        cr_assert(strstr(text, sums[i]), "%s: %s", views[i], text);
        free(text);
    }
}
