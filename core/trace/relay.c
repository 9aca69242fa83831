#include "core/trace/relay.h"

#include "core/base/each.h"

#include <signal.h>
#include <string.h>

void relay_open(struct relay *relay, int (*each)(void *context, const struct trace_round *round), void *context)
{
    *relay = (struct relay){ .each = each, .context = context };
    pthread_mutex_init(&relay->mutex, NULL);
    pthread_cond_init(&relay->turned, NULL);
}

/* ---- the thread beside --------------------------------------------------------------------------------- */

/* Each round of the batch, until one fails; then it is empty. */
static int work_off(const struct relay *relay, struct relay_batch *batch, int code)
{
    const struct trace_round *round = (const struct trace_round *)(const void *)batch->rounds.data;
    const size_t count = batch->rounds.size / sizeof *round;
    for (size_t i = 0; i < count && !code; i++)
        code = relay->each(relay->context, &round[i]);
    batch->rounds.size = batch->lists.size = 0;
    return code;
}

static void *work(void *context)
{
    struct relay *relay = context;
    pthread_mutex_lock(&relay->mutex);
    for (int next = 0;; next = 1 - next) {
        struct relay_batch *batch = &relay->batch[next];
        while (!batch->given && !relay->ended)
            pthread_cond_wait(&relay->turned, &relay->mutex);
        if (!batch->given)
            break;
        const int before = relay->code;
        pthread_mutex_unlock(&relay->mutex);
        const int code = work_off(relay, batch, before);
        pthread_mutex_lock(&relay->mutex);
        relay->code = code;
        batch->given = false;
        pthread_cond_broadcast(&relay->turned);
    }
    pthread_mutex_unlock(&relay->mutex);
    return NULL;
}

static bool start(struct relay *relay)
{
    sigset_t all, old;
    if (each_threads() == 1)
        return false;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* of its own reads: core/data/mapping.h */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const bool started = pthread_create(&relay->thread, NULL, work, relay) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

/* The batch that is full changes hands, and the other one has come back. */
static int turn(struct relay *relay)
{
    struct relay_batch *batch = &relay->batch[relay->filling];
    relay->running = relay->running || start(relay);
    if (!relay->running)
        return relay->code = work_off(relay, batch, relay->code);
    relay->filling = 1 - relay->filling;
    pthread_mutex_lock(&relay->mutex);
    batch->given = true;
    pthread_cond_broadcast(&relay->turned);
    while (relay->batch[relay->filling].given)
        pthread_cond_wait(&relay->turned, &relay->mutex);
    const int code = relay->code;
    pthread_mutex_unlock(&relay->mutex);
    return code;
}

/* ---- a copy -------------------------------------------------------------------------------------------- */

static size_t padded(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

/* Of its lists. */
static size_t bytes_of(const struct trace_round *round)
{
    size_t bytes = padded(strlen(round->kind) + 1) + padded(strlen(round->note) + 1);
    bytes += padded((size_t)round->tasks * sizeof *round->task) + padded((size_t)round->conflicts * sizeof *round->conflict);
    bytes += 2 * 8 * ((size_t)round->draws + (size_t)round->moves);
    for (int32_t b = 0; round->block && b < round->blocks; b++)
        bytes += padded(sizeof *round->block) + (round->block[b].variables ? 8 * (size_t)round->block[b].count : 0);
    return bytes;
}

/* There is room for it. */
static const void *keep(struct rondo_buf *lists, const void *from, size_t bytes)
{
    unsigned char *to = lists->data + lists->size;
    if (!from)
        return NULL;
    if (bytes)
        memcpy(to, from, bytes);
    lists->size += padded(bytes);
    return to;
}

static void keep_lists(struct rondo_buf *lists, struct trace_round *round)
{
    round->kind = keep(lists, round->kind, strlen(round->kind) + 1);
    round->note = keep(lists, round->note, strlen(round->note) + 1);
    round->task = keep(lists, round->task, (size_t)round->tasks * sizeof *round->task);
    round->conflict = keep(lists, round->conflict, (size_t)round->conflicts * sizeof *round->conflict);
    round->draw = keep(lists, round->draw, (size_t)round->draws * sizeof *round->draw);
    round->weight = keep(lists, round->weight, (size_t)round->draws * sizeof *round->weight);
    round->move = keep(lists, round->move, (size_t)round->moves * sizeof *round->move);
    round->delta = keep(lists, round->delta, (size_t)round->moves * sizeof *round->delta);
    if (!round->block)
        return;
    struct trace_block *block = (struct trace_block *)(void *)(lists->data + lists->size);
    round->block = keep(lists, round->block, (size_t)round->blocks * sizeof *round->block);
    for (int32_t b = 0; b < round->blocks; b++)
        block[b].variables = keep(lists, block[b].variables, (size_t)block[b].count * sizeof *block[b].variables);
}

int relay_give(struct relay *relay, const struct trace_round *round)
{
    struct relay_batch *batch = &relay->batch[relay->filling];
    const size_t bytes = bytes_of(round);
    int code = RONDO_OK;
    if (batch->rounds.size && batch->rounds.size + sizeof *round + batch->lists.size + bytes > RELAY_BYTES)
        code = turn(relay);
    batch = &relay->batch[relay->filling];
    if (!code && batch->rounds.size == 0)
        code = buf_reserve(&batch->lists, bytes > RELAY_BYTES ? bytes : RELAY_BYTES);
    code = code ? code : buf_append(&batch->rounds, round, sizeof *round);
    if (!code)
        keep_lists(&batch->lists, (struct trace_round *)(void *)(batch->rounds.data + batch->rounds.size) - 1);
    return code;
}

/* ---- the end ------------------------------------------------------------------------------------------- */

int relay_end(struct relay *relay)
{
    if (relay->running) {
        (void)turn(relay);
        pthread_mutex_lock(&relay->mutex);
        relay->ended = true;
        pthread_cond_broadcast(&relay->turned);
        pthread_mutex_unlock(&relay->mutex);
        pthread_join(relay->thread, NULL);
        relay->running = false;
        return relay->code;
    }
    relay->ended = true;
    return relay->code = work_off(relay, &relay->batch[relay->filling], relay->code);
}

void relay_close(struct relay *relay)
{
    for (int i = 0; i < 2; i++) {
        buf_fini(&relay->batch[i].rounds);
        buf_fini(&relay->batch[i].lists);
    }
    pthread_cond_destroy(&relay->turned);
    pthread_mutex_destroy(&relay->mutex);
}
