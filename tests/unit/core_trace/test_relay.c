/* Rounds that are handed on to a thread beside: all of each, in their order, until one is refused. */
#include "core/trace/relay.h"
#include "tests/unit/core_trace/sample.h"

#include <signal.h>

enum { MANY = 500, BARE = 20000 }; /* some batches, with lists and without */

struct seen {
    int64_t rounds, stop_at; /* the last that came; the one that is refused */
    uint64_t print[MANY + 1];
};

static uint64_t fold(uint64_t print, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        print = (print ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return print;
}

/* Of all that it points to. */
static uint64_t print_of(const struct trace_round *round)
{
    uint64_t print = fold((uint64_t)round->round, round->kind, strlen(round->kind));
    print = fold(print, round->note, strlen(round->note));
    for (int32_t i = 0; i < round->blocks; i++)
        print = fold(print, round->block[i].variables, (size_t)round->block[i].count * 8);
    for (int32_t i = 0; i < round->tasks; i++)
        print = fold(print, &round->task[i].sent_ns, 3 * sizeof(int64_t));
    for (int32_t i = 0; i < round->conflicts; i++)
        print = fold(print, &round->conflict[i].candidate, 2 * sizeof(int64_t) + sizeof(double));
    print = fold(print, round->draw, (size_t)round->draws * 8);
    print = fold(print, round->weight, (size_t)round->draws * 8);
    print = fold(print, round->move, (size_t)round->moves * 8);
    return fold(print, round->delta, (size_t)round->moves * 8);
}

/* No assertion: it may be another thread. */
static int look(void *context, const struct trace_round *round)
{
    struct seen *seen = context;
    if (round->round == seen->stop_at || round->round != seen->rounds + 1)
        return 7;
    seen->print[++seen->rounds] = print_of(round);
    return RONDO_OK;
}

static int give(struct seen *seen, int64_t rounds, uint64_t *print)
{
    struct relay relay;
    int code = RONDO_OK;
    relay_open(&relay, look, seen);
    for (int64_t i = 1; i <= rounds && !code; i++) {
        const struct trace_round *round = sample_round(i);
        print[i] = print_of(round);
        code = relay_give(&relay, round);
    }
    const int ended = relay_end(&relay);
    relay_close(&relay);
    cr_assert(!code || ended == code || code == RONDO_ENOMEM);
    return code ? code : ended;
}

Test(relay, rounds_arrive_whole_and_in_their_order)
{
    static struct seen seen;
    static uint64_t print[MANY + 1];
    const int64_t counts[] = { 0, 1, 5, MANY };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const int64_t live = mem_live();
        seen = (struct seen){ 0 };
        cr_assert_eq(give(&seen, counts[i], print), RONDO_OK);
        cr_assert_eq(seen.rounds, counts[i]);
        cr_assert_eq(memcmp(seen.print + 1, print + 1, (size_t)counts[i] * sizeof *print), 0);
        cr_assert_eq(mem_live(), live);
    }
}

Test(relay, the_first_that_is_refused_ends_it)
{
    static struct seen seen;
    static uint64_t print[MANY + 1];
    const int64_t stops[] = { 1, 4, MANY / 2, MANY };
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        seen = (struct seen){ .stop_at = stops[i] };
        cr_assert_eq(give(&seen, MANY, print), 7);
        cr_assert_eq(seen.rounds, stops[i] - 1);
    }
}

struct watch {
    pthread_t opener;
    int64_t rounds, loose; /* loose: on a thread that a signal may come to */
};

static int look_at_thread(void *context, const struct trace_round *round)
{
    struct watch *watch = context;
    sigset_t blocked;
    watch->rounds += round->round > 0;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    watch->loose += !pthread_equal(pthread_self(), watch->opener)
                    && (!sigismember(&blocked, SIGINT) || sigismember(&blocked, SIGBUS));
    return RONDO_OK;
}

Test(relay, rounds_without_lists_fill_a_batch_and_signals_stay_the_openers)
{
    struct watch watch = { .opener = pthread_self() };
    struct relay relay;
    relay_open(&relay, look_at_thread, &watch);
    for (int64_t i = 1; i <= BARE; i++) {
        cr_assert_eq(relay_give(&relay, &(struct trace_round){ .round = i, .kind = "", .note = "" }), RONDO_OK);
        const struct relay_batch *batch = &relay.batch[relay.filling];
        cr_assert_leq(batch->rounds.size + batch->lists.size, (size_t)RELAY_BYTES);
    }
    cr_assert_eq(relay_end(&relay), RONDO_OK);
    relay_close(&relay);
    cr_assert_eq(watch.rounds, BARE);
    cr_assert_eq(watch.loose, 0);
}

Test(relay, any_allocation_may_fail)
{
    static struct seen seen;
    static uint64_t print[MANY + 1];
    int failures = 0;
    for (uint64_t k = 1;; k++, failures++) {
        const int64_t live = mem_live();
        seen = (struct seen){ 0 };
        mem_fail_at(k);
        const int code = give(&seen, MANY, print);
        mem_fail_at(0);
        cr_assert_eq(mem_live(), live);
        if (code == RONDO_OK)
            break;
        cr_assert_eq(code, RONDO_ENOMEM);
    }
    cr_assert_gt(failures, 1);
}
