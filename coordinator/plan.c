/* plan.c - the next round's plan: the app's order, and where it is sampled the scheduler's blocks and
 * their couplings.
 */
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

static int64_t most_variables(const struct engine *engine)
{
    const struct scheduler_config *config = &engine->options.schedule;
    return (int64_t)config->blocks * config->block_size;
}

/* Couplings of a whole round are kept as far as there is memory: beyond it tasks come without. */
static void fit_to_memory(const struct engine *engine, struct rondo_order *order)
{
    if (order->kind == RONDO_SAMPLED && order->whole && engine->scheduler
        && engine->options.schedule.cut_to_budget
        && order->want > scheduler_couplings_most(engine->scheduler))
        order->couplings = false;
}

int plan_begin(struct engine *engine)
{
    int64_t round = engine->planned + 1;
    struct flight *flight = flight_of(engine, round);
    engine->planning = true;
    engine->plan_made = false;
    engine_told_of(engine, ENGINE_PLAN_BEGIN, round);
    flight->order = (struct rondo_order){ .want = most_variables(engine) };
    flight->pairs_computed = 0;
    int code = engine->app->schedule(engine->head, round, &flight->order);
    if (code)
        return engine_app_failed(engine, code, "schedule");
    fit_to_memory(engine, &flight->order);
    const char *wrong = order_wrong(engine, &flight->order);
    if (wrong)
        return engine_app_wrong(engine, wrong);
    if (order_keep_pairs(flight))
        return engine_fail(engine, RONDO_ENOMEM, "no memory for a plan");
    if (flight->order.kind == RONDO_SAMPLED)
        scheduler_begin(engine->scheduler, round, flight->order.want);
    if (flight->order.kind == RONDO_SAMPLED && flight->order.whole)
        scheduler_whole(engine->scheduler, flight->order.want);
    else if (flight->order.kind == RONDO_SAMPLED && flight->order.count > 0)
        scheduler_ahead(engine->scheduler, flight->order.count, flight->order.variables);
    return RONDO_OK;
}

static int plan_couplings(struct engine *engine, struct flight *flight,
                          const struct scheduler_plan *plan)
{
    if (plan->blocks > flight->couplings_capacity) {
        struct parcel **grown = mem_calloc((size_t)plan->blocks, sizeof *grown);
        if (!grown)
            return engine_fail(engine, RONDO_ENOMEM, "no memory for couplings");
        for (int32_t b = 0; b < flight->couplings_count; b++)
            grown[b] = flight->couplings[b];
        mem_free(flight->couplings);
        flight->couplings = grown;
        flight->couplings_capacity = plan->blocks;
    }
    while (flight->couplings_count < plan->blocks) {
        int32_t b = flight->couplings_count;
        struct parcel *parcel = NULL;
        int code = couple_fetch(engine, plan->start[b + 1] - plan->start[b],
                                   plan->variables + plan->start[b], &parcel);
        if (code || !parcel)
            return code;
        flight->couplings[flight->couplings_count++] = parcel;
    }
    return RONDO_OK;
}

int plan_continue(struct engine *engine)
{
    int64_t round = engine->planned + 1;
    struct flight *flight = flight_of(engine, round);
    if (flight->order.kind == RONDO_SAMPLED) {
        struct rondo_pairs need;
        if (!engine->plan_made && scheduler_step(engine->scheduler, &need) == SCHEDULER_NEEDS)
            return couple_open(engine, &need);
        engine->plan_made = true;
        const struct scheduler_plan *plan = scheduler_plan(engine->scheduler, round);
        if (flight->order.couplings) {
            int code = plan_couplings(engine, flight, plan);
            if (code || engine->couple.active)
                return code;
        }
    }
    engine->planning = false;
    engine->planned = round;
    engine_told_of(engine, ENGINE_PLAN_END, round);
    return RONDO_OK;
}

/* Restored plans come without their couplings, whose bits do not depend on when they are computed. */
int plan_refetch(struct engine *engine)
{
    struct flight *flight = flight_of(engine, engine->refetch);
    if (flight->order.kind == RONDO_SAMPLED && flight->order.couplings) {
        int code = plan_couplings(engine, flight,
                                  scheduler_plan(engine->scheduler, engine->refetch));
        if (code || engine->couple.active)
            return code;
    }
    engine->refetch++;
    return RONDO_OK;
}
