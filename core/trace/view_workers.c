/* view_workers.c - what each worker did. */
#include "core/trace/pace.h"
#include "core/trace/view.h"
#include "core/trace/views.h"

struct worker_row {
    struct pace_worker in;
    double busy_ratio, run_ratio, wait_ratio;
    int64_t wait_ns, mean_ns;
};

#define AT(member) offsetof(struct worker_row, member)
static const struct listing_column worker_columns[] = {
    { "worker", "worker", LISTING_INT32, 6, AT(in.in.worker) },
    { "tasks", "tasks", LISTING_INT64, 8, AT(in.in.tasks) },
    { "rounds", "rounds", LISTING_INT64, 7, AT(in.in.rounds) },
    { "busy_ns", NULL, LISTING_NS, 0, AT(in.in.busy_ns) },
    { "busy_ratio", "busy %", LISTING_PERCENT, 6, AT(busy_ratio) },
    { "run_ns", NULL, LISTING_NS, 0, AT(in.in.run_ns) },
    { "run_ratio", "run %", LISTING_PERCENT, 5, AT(run_ratio) },
    { "wait_ns", NULL, LISTING_NS, 0, AT(wait_ns) },
    { "wait_ratio", "wait %", LISTING_PERCENT, 6, AT(wait_ratio) },
    { "mean_ns", "task ms", LISTING_NS, 8, AT(mean_ns) },
    { "longest_ns", "longest ms", LISTING_NS, 10, AT(in.in.longest_ns) },
    { "straggled", "was last", LISTING_INT64, 8, AT(in.straggled) },
    { "first_ns", NULL, LISTING_NS, 0, AT(in.in.first_ns) },
    { "last_ns", NULL, LISTING_NS, 0, AT(in.in.last_ns) },
    { 0 },
};
#undef AT

static int tell(void *context, const struct pace_totals *totals)
{
    struct listing *listing = context;
    double elapsed = (double)(totals->last_ns - totals->first_ns);
    int code = RONDO_OK;
    for (int64_t i = 0; i < totals->workers && !code; i++) {
        struct worker_row row = { .in = totals->worker[i], .mean_ns = (int64_t)totals->worker[i].in.mean_ns };
        row.wait_ns = row.in.in.busy_ns > row.in.in.run_ns ? row.in.in.busy_ns - row.in.in.run_ns : 0;
        row.busy_ratio = views_ratio((double)row.in.in.busy_ns, elapsed);
        row.run_ratio = views_ratio((double)row.in.in.run_ns, elapsed);
        row.wait_ratio = views_ratio((double)row.wait_ns, elapsed);
        code = listing_row(listing, &row);
    }
    return code;
}

int view_workers(struct view *view, struct rondo_error *err)
{
    struct listing listing = view_listing(view, "workers", worker_columns);
    int code = pace_read(view->reader, view->window, NULL, tell, &listing, err);
    if (code)
        return code;
    listing_end(&listing);
    if (!view->json)
        fputs("\nshares are of the time of these rounds: busy with a task or more, of that\n"
              "running one, and the rest, in which they travelled or waited; was last: rounds\n"
              "in which it was done later than all others\n", view->out);
    return RONDO_OK;
}
