/* The JSON is read by jansson; expected numbers are sums over the rounds as they were made. */
#include "core/trace/digest.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <unistd.h>

static struct digest *made(int64_t variables)
{
    struct digest *digest = NULL;
    cr_assert_eq(digest_create(&digest, NULL), RONDO_OK);
    digest_job(digest, "lasso", TRACE_ALL, variables);
    return digest;
}

static struct trace_round round_of(int64_t t)
{
    return (struct trace_round){
        .round = t, .kind = "sampled", .blocks = 2, .wanted = 10, .drawn = 12, .refused = t % 3, .taken = 5 + t % 5,
        .joined = t % 2, .updates = t % 7, .pairs_needed = 10, .pairs_computed = t % 11, .weight_sum = 4.0,
        .weight_taken = 1.0, .cost_max = 2.0 + (double)(t % 4), .cost_mean = 2.0, .objective = 100.0 / (double)t,
        .plan_ns = 100, .push_ns = 800, .commit_ns = 100, .run_ns = 500, .pull_ns = 100, .network_ns = 200,
        .couple_ns = 50, .begin_ns = 1000 * (t - 1), .end_ns = 1000 * t, .note = "",
    };
}

static void feed(struct digest *digest, int64_t from, int64_t to)
{
    for (int64_t t = from; t <= to; t++) {
        struct trace_round round = round_of(t);
        digest_round(digest, &round);
    }
}

static json_t *told(struct digest *digest)
{
    struct rondo_buf text = { 0 };
    json_error_t error;
    cr_assert_eq(digest_json(digest, &text), RONDO_OK);
    json_t *json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    cr_assert(json, "%s at %d", error.text, error.position);
    buf_fini(&text);
    return json;
}

static double number(const json_t *json, const char *key)
{
    return json_number_value(json_object_get(json, key));
}

static const json_t *rows(const json_t *json, const char *table)
{
    return json_object_get(json_object_get(json, table), "rows");
}

static double cell(const json_t *rows, size_t row, size_t column)
{
    return json_number_value(json_array_get(json_array_get(rows, row), column));
}

Test(digest, nothing_is_an_object_too)
{
    struct digest *digest = made(0);
    json_t *json = told(digest);
    cr_expect_eq(json_array_size(rows(json, "series")), 0);
    cr_expect(json_is_null(json_object_get(json, "concentration")));
    cr_expect(json_is_null(json_object_get(json, "objective")));
    cr_expect(json_is_null(json_object_get(json, "variables")));
    json_decref(json);
    digest_destroy(digest);
    digest_destroy(NULL);
}

/* Columns of series: 0 seconds 1 round 2 rounds 3 objective 4 imbalance 5 fill 6 weight 7 refused 8 joined 9 hits */
static void series_are_sums(int64_t rounds)
{
    struct digest *digest = made(100);
    feed(digest, 1, rounds);
    json_t *json = told(digest);
    const json_t *series = rows(json, "series");
    size_t count = json_array_size(series);
    cr_expect_leq(count, DIGEST_POINTS);
    cr_expect(count == (size_t)rounds || count > DIGEST_POINTS / 2 - 1, "%zu", count);
    int64_t t = 1, updates = 0;
    for (size_t i = 0; i < count; i++) {
        double refused = 0, joined = 0, imbalance = 0, fill = 0, hits = 0, many = cell(series, i, 2);
        for (int64_t end = t + (int64_t)many; t < end; t++) {
            refused += (double)(t % 3), joined += (double)(t % 2), updates += t % 7;
            imbalance += (2.0 + (double)(t % 4)) / 2.0;
            fill += (double)(5 + t % 5) / 10.0, hits += (double)(10 - t % 11) / 10.0;
        }
        cr_assert_eq(cell(series, i, 1), (double)(t - 1));
        cr_assert_float_eq(cell(series, i, 0), (double)(t - 1) * 1e-6, 1e-12);
        cr_assert_float_eq(cell(series, i, 3), 100.0 / (double)(t - 1), 1e-12);
        cr_assert_float_eq(cell(series, i, 4), imbalance / many, 1e-8);
        cr_assert_float_eq(cell(series, i, 5), fill / many, 1e-8);
        cr_assert_float_eq(cell(series, i, 6), 0.25, 1e-9);
        cr_assert_eq(cell(series, i, 7), refused);
        cr_assert_eq(cell(series, i, 8), joined);
        cr_assert_float_eq(cell(series, i, 9), hits / many, 1e-8);
    }
    cr_expect_eq(t, rounds + 1);
    cr_expect_eq(number(json, "rounds"), (double)rounds);
    cr_expect_eq(number(json, "updates"), (double)updates);
    cr_expect_eq(number(json, "dropped"), 0.0);
    const json_t *shares = json_object_get(json, "shares");
    cr_expect_float_eq(number(shares, "run"), 0.5, 1e-9);
    cr_expect_float_eq(number(shares, "network"), 0.2, 1e-9);
    cr_expect_float_eq(number(shares, "couple"), 0.05, 1e-9);
    json_decref(json);
    digest_destroy(digest);
}

Test(digest, series_are_sums_and_means_of_their_rounds)
{
    series_are_sums(1);
    series_are_sums(DIGEST_POINTS);
    series_are_sums(DIGEST_POINTS + 1);
    series_are_sums(100003);
}

Test(digest, rounds_that_were_not_told_are_counted)
{
    struct digest *digest = made(0);
    feed(digest, 11, 20); /* a resumed job: those before are no loss */
    feed(digest, 26, 30);
    json_t *json = told(digest);
    cr_expect_eq(number(json, "dropped"), 5.0);
    cr_expect_eq(number(json, "rounds"), 30.0);
    json_decref(json);
    digest_destroy(digest);
}

/* Ten updates a round. */
static void feed_one(struct digest *digest, int64_t t)
{
    struct trace_round round = round_of(t);
    round.updates = 10;
    round.updates_before = 10 * (t - 1);
    digest_round(digest, &round);
}

Test(digest, updates_of_rounds_that_were_not_told_count)
{
    struct digest *digest = made(0);
    const int64_t rounds[] = { 11, 12, 20, 21, 25, 13, 14, 30 }; /* resumed; from 13 on done again */
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++)
        feed_one(digest, rounds[i]);
    cr_expect_eq(digest_glance(digest).updates, 200);
    cr_expect_eq(digest_glance(digest).dropped, 15);
    feed_one(digest, 27); /* amid those that were not told */
    cr_expect_eq(digest_glance(digest).updates, 170);
    digest_end(digest, 33, 330);
    digest_end(digest, 33, 330);
    struct digest_glance glance = digest_glance(digest);
    cr_expect_eq(glance.rounds, 33);
    cr_expect_eq(glance.updates, 230);
    cr_expect_eq(glance.dropped, 18);
    digest_destroy(digest);
}

Test(digest, what_is_rolled_back_is_forgotten)
{
    struct digest *digest = made(0);
    feed(digest, 1, 300);
    feed(digest, 101, 300);
    struct digest *once = made(0);
    feed(once, 1, 300);
    json_t *twice = told(digest), *straight = told(once);
    cr_expect(json_equal(twice, straight), "each round is a point: the same again");
    json_decref(twice);
    feed(digest, 301, 5000);
    feed(digest, 1234, 5000); /* within a point of 16 rounds */
    twice = told(digest);
    cr_expect_eq(number(twice, "rounds"), 5000.0);
    double rounds = 0.0;
    for (size_t i = 0; i < json_array_size(rows(twice, "series")); i++)
        rounds += cell(rows(twice, "series"), i, 2);
    cr_expect_eq(rounds, 5000.0);
    json_decref(twice);
    json_decref(straight);
    digest_destroy(digest);
    digest_destroy(once);
}

static void report(struct digest *digest, int64_t round, const char *second, double value)
{
    const char *const keys[] = { "objective", second };
    const double values[] = { 100.0 / (double)round, value };
    struct trace_report line = { .round = round, .at_ns = 1000 * round, .count = 2, .key = keys, .value = values };
    digest_report(digest, &line);
}

/* Columns of convergence: 0 seconds 1 round 2 updates 3 objective, then as they came. */
Test(digest, lines_of_progress_keep_the_first_and_the_last)
{
    struct digest *digest = made(0);
    int64_t updates = 0;
    feed(digest, 1, 3000);
    for (int64_t t = 1; t <= 3000; t++)
        report(digest, t, t > 1500 ? "g\"p</script>" : "nnz", (double)t);
    json_t *json = told(digest);
    const json_t *lines = rows(json, "convergence"), *keys = json_object_get(json_object_get(json, "convergence"), "keys");
    size_t count = json_array_size(lines);
    cr_expect(count <= DIGEST_POINTS && count >= DIGEST_POINTS / 2, "%zu", count);
    cr_expect_eq(json_array_size(keys), 6);
    cr_expect_str_eq(json_string_value(json_array_get(keys, 5)), "g\"p</script>");
    cr_expect_eq(cell(lines, 0, 1), 1.0);
    cr_expect_eq(cell(lines, count - 1, 1), 3000.0);
    cr_expect_eq(cell(lines, count - 1, 5), 3000.0);
    cr_expect(json_is_null(json_array_get(json_array_get(lines, 0), 5)));
    for (int64_t t = 1; t <= 3000; t++)
        updates += t % 7;
    cr_expect_eq(cell(lines, count - 1, 2), (double)updates);
    for (size_t i = 1; i < count; i++)
        cr_expect_gt(cell(lines, i, 1), cell(lines, i - 1, 1));
    json_decref(json);
    digest_destroy(digest);
}

static void detailed(struct digest *digest, int64_t t)
{
    int64_t hot[2] = { 0, t % 50 + 1 }, cold[1] = { 51 + t % 40 };
    struct trace_block block[2] = { { 0, 2, 2.0, hot }, { 1, 1, 1.0, cold } };
    struct trace_task task[3] = {
        { .block = 0, .shard = -1, .worker = 0, .sent_ns = 1000 * t + 100, .done_ns = 1000 * t + 500, .run_ns = 300 },
        { .block = 1, .shard = -1, .worker = 0, .sent_ns = 1000 * t + 100, .done_ns = 1000 * t + 700, .run_ns = 250 },
        { .block = 2, .shard = -1, .worker = 2, .sent_ns = 1000 * t + 100, .done_ns = 1000 * t + 400, .run_ns = 0 },
    };
    struct trace_conflict conflict[3] = { { 1, 2, -0.26, t, false }, { 1, 3, 0.31, t, true }, { 1, 4, 7.0, t, true } };
    struct trace_round round = round_of(t);
    round.block = block, round.blocks = 2, round.task = task, round.tasks = 3;
    round.conflict = conflict, round.conflicts = 3;
    digest_round(digest, &round);
}

Test(digest, bars_show_when_a_worker_computed)
{
    struct digest *digest = made(91);
    for (int64_t t = 1; t <= 1000; t++)
        detailed(digest, t);
    json_t *json = told(digest);
    const json_t *bars = json_object_get(json_object_get(json, "timeline"), "bars");
    cr_assert_eq(json_array_size(bars), DIGEST_BARS);
    size_t end = DIGEST_BARS; /* of the last round: the planner, and three tasks */
    cr_expect_eq(cell(bars, end - 4, 0), -1.0);
    cr_expect_eq(cell(bars, end - 4, 6), 4.0);
    cr_expect_float_eq(cell(bars, end - 3, 1), 1000200e-9, 1e-15);
    cr_expect_float_eq(cell(bars, end - 2, 1), 1000500e-9, 1e-15, "not before the one before was done");
    cr_expect_float_eq(cell(bars, end - 1, 1), 1000100e-9, 1e-15, "from when it was sent, where nobody said");
    cr_expect_float_eq(cell(bars, end - 1, 2), 1000400e-9, 1e-15);
    const json_t *workers = json_object_get(json, "workers"), *first = json_array_get(workers, 0);
    cr_expect_eq(json_array_size(workers), 2);
    cr_expect_eq(number(first, "tasks"), 2000.0);
    cr_expect_float_eq(number(first, "run_s"), 550e-6, 1e-12);
    cr_expect_float_eq(number(first, "share"), 550.0 / 850.0, 1e-8);
    json_decref(json);
    digest_destroy(digest);
}

Test(digest, couplings_and_concentration_are_counted)
{
    struct digest *digest = made(91);
    for (int64_t t = 1; t <= 1000; t++)
        detailed(digest, t);
    json_t *json = told(digest);
    const json_t *heat = json_object_get(json, "concentration"), *couplings = json_object_get(json, "couplings");
    cr_expect_eq(number(heat, "moved"), 91.0);
    cr_expect_eq(number(heat, "updates"), 3000.0);
    cr_expect_float_eq(number(heat, "top"), 1.0 / 3.0, 1e-8); /* one of 91 */
    cr_expect_eq(number(heat, "longest_wait"), 50.0);
    double h = log(3.0) / 3.0 + 50 * (20.0 / 3000) * log(3000.0 / 20) + 40 * (25.0 / 3000) * log(3000.0 / 25);
    cr_expect_float_eq(number(heat, "entropy"), h / log(91.0), 1e-8);
    cr_expect_eq(json_array_size(json_object_get(couplings, "edges")), DIGEST_BINS + 1);
    cr_expect_eq(json_integer_value(json_array_get(json_object_get(couplings, "refused"), 5)), 1000);
    cr_expect_eq(json_integer_value(json_array_get(json_object_get(couplings, "joined"), 6)), 1000);
    cr_expect_eq(json_integer_value(json_array_get(json_object_get(couplings, "joined"), 19)), 1000);
    json_decref(json);
    feed(digest, 1001, 1001); /* without its blocks */
    json = told(digest);
    cr_expect(json_is_null(json_object_get(json_object_get(json, "concentration"), "longest_wait")));
    json_decref(json);
    digest_destroy(digest);
}

Test(digest, a_glance_has_rates_of_the_last_seconds)
{
    struct digest *digest = made(0);
    for (int64_t t = 1; t <= 1000; t++) {
        struct trace_round round = round_of(t);
        round.updates = 4;
        round.begin_ns = t > 500 ? (t - 500) * 10000000 + 500000000 : t * 1000000; /* 1000/s, then 100/s */
        round.end_ns = round.begin_ns;
        digest_round(digest, &round);
    }
    struct digest_glance glance = digest_glance(digest);
    cr_expect_eq(glance.rounds, 1000);
    cr_expect_eq(glance.updates, 4000);
    cr_expect_float_eq(glance.seconds, 5.5, 1e-9);
    cr_expect_float_eq(glance.rounds_s, 100.0, 1e-6);
    cr_expect_float_eq(glance.updates_s, 400.0, 1e-6);
    cr_expect_float_eq(glance.objective, 0.1, 1e-12);
    digest_destroy(digest);
}

Test(digest, is_hungry_while_somebody_looks)
{
    struct digest *digest = made(0);
    cr_expect_not(digest_hungry(digest));
    digest_watch(digest);
    cr_expect(digest_hungry(digest));
    bool hungry = true;
    for (int round = 1; round <= 100 && hungry; round++) { /* the pause may be over where the machine pauses */
        detailed(digest, round);
        hungry = digest_hungry(digest);
    }
    cr_expect_not(hungry);
    usleep(2 * DIGEST_PAUSE_NS / 1000);
    cr_expect(digest_hungry(digest));
    digest_destroy(digest);
}

/* What a damaged trace may say; the sanitizers see an overflow. */
Test(digest, takes_any_numbers)
{
    static const int64_t odd[] = { INT64_MIN, -1, 0, 1, INT64_MAX };
    struct digest *digest = made(10);
    for (int64_t i = 0; i < 3125; i++) {
        int64_t a = odd[i % 5], b = odd[i / 5 % 5], c = odd[i / 25 % 5], d = odd[i / 125 % 5], e = odd[i / 625];
        struct trace_task task = { .worker = (int32_t)a, .sent_ns = b, .done_ns = c, .run_ns = d };
        struct trace_conflict conflict = { .coupling = i % 2 ? (double)NAN : (double)a };
        struct trace_block block = { .count = 1, .variables = &e };
        struct trace_round round = { .round = a, .kind = "", .updates = b, .updates_before = c, .refused = c,
            .joined = d, .taken = e, .wanted = a, .pairs_needed = b, .pairs_computed = c, .plan_ns = d, .push_ns = e, .commit_ns = a, .run_ns = b,
            .pull_ns = c, .network_ns = d, .couple_ns = e, .begin_ns = a, .end_ns = b, .note = "", .block = &block,
            .blocks = 1, .task = &task, .tasks = 1, .conflict = &conflict, .conflicts = 1 };
        digest_round(digest, &round);
        digest_report(digest, &(struct trace_report){ .round = d, .at_ns = e });
        digest_end(digest, e, a);
        if (i % 5 == 0)
            json_decref(told(digest));
    }
    (void)digest_glance(digest);
    json_decref(told(digest));
    digest_destroy(digest);
}

static void *look(void *context)
{
    struct digest *digest = context;
    for (int i = 0; i < 50; i++) {
        digest_watch(digest);
        json_decref(told(digest));
        (void)digest_glance(digest);
    }
    return NULL;
}

Test(digest, is_told_while_it_is_fed)
{
    struct digest *digest = made(91);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, look, digest), 0);
    for (int64_t t = 1; t <= 20000; t++) {
        detailed(digest, t);
        (void)digest_hungry(digest);
        if (t % 100 == 0)
            report(digest, t, "gap", 1.0);
    }
    pthread_join(thread, NULL);
    digest_destroy(digest);
}

Test(digest, says_so_where_there_is_no_memory)
{
    struct digest *digest = NULL;
    struct rondo_error err = { 0 };
    struct rondo_buf text = { 0 };
    mem_fail_at(1);
    cr_expect_eq(digest_create(&digest, &err), RONDO_ENOMEM);
    mem_fail_at(0);
    digest = made(91);
    mem_fail_at(1);
    detailed(digest, 1); /* without its concentration */
    for (uint64_t k = 1; k <= 2; k++) {
        mem_fail_at(k);
        cr_expect_eq(digest_json(digest, &text), RONDO_ENOMEM);
    }
    mem_fail_at(0);
    buf_fini(&text);
    digest_destroy(digest);
}
