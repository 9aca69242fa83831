/* head.c - figures, when to stop, and the model at the end. */
#include "head.h"

#include "evaluate.h"
#include "output.h"

#include <rondo/flat.h>

#include <math.h>

static const struct rondo_state_ops *model_of(const struct problem *p)
{
    return &p->solver->model;
}

void mf_head_destroy(const void *context, void *state)
{
    const struct problem *p = context;
    struct head *head = state;
    if (head->model)
        model_of(p)->destroy(p, head->model);
    p->host->free(head);
}

int mf_head_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *p = context;
    struct head *head = p->host->zalloc(1, sizeof *head);
    if (!head)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a model");
    head->problem = p;
    head->figures = (struct figures){ .objective = (double)NAN, .rmse = (double)NAN, .test_rmse = (double)NAN,
                                      .recall = (double)NAN, .ndcg = (double)NAN, .before = (double)NAN };
    int code = model_of(p)->create ? model_of(p)->create(p, index, &head->model, err) : RONDO_OK;
    if (code)
        mf_head_destroy(p, head);
    else
        *state = head;
    return code;
}

int mf_head_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *p = context;
    const struct head *head = state;
    int code = rondo_append(p->host, out, &head->figures, sizeof head->figures);
    return code || !model_of(p)->create ? code : model_of(p)->pack(p, head->model, out);
}

int mf_head_unpack(const void *context, void *state, struct rondo_bytes in)
{
    const struct problem *p = context;
    struct head *head = state;
    int code = rondo_take(&in, &head->figures, sizeof head->figures);
    if (!code && model_of(p)->create)
        return model_of(p)->unpack(p, head->model, in);
    return code || !in.size ? code : RONDO_ESTATE;
}

/* ---- a round ------------------------------------------------------------------------------------------------ */

int mf_schedule(void *state, int64_t round, struct rondo_order *order)
{
    struct head *head = state;
    return head->problem->solver->schedule(head, round, order);
}

int mf_settle(void *state, struct rondo_head_link *link, int64_t round, int32_t phase, const struct rondo_task *tasks,
              const struct rondo_bytes *results, int32_t count, struct rondo_order *order)
{
    struct head *head = state;
    return head->problem->solver->settle(head, link, round, phase, tasks, results, count, order);
}

bool head_evaluates(const struct head *head)
{
    const struct problem *p = head->problem;
    int64_t epoch = head->figures.epochs + 1;
    return p->test.count > 0 && (epoch % p->evaluate_every == 0 || epoch >= p->epochs);
}

void head_epoch(struct head *head, struct rondo_order *order)
{
    const struct problem *p = head->problem;
    struct figures *figures = &head->figures;
    figures->epochs++;
    bool done = figures->epochs >= p->epochs, settled = false;
    /* An evaluation because the job ends is none of these: it may go on later, and a longer job had none there. */
    if (p->tolerance >= 0 && !isnan(figures->test_rmse) && figures->epochs % p->evaluate_every == 0) {
        settled = figures->before - figures->test_rmse <= p->tolerance; /* false beside a NAN */
        figures->before = figures->test_rmse;
    }
    order->report = true;
    order->stop = done ? "epochs" : settled ? "tolerance" : NULL;
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

static int fail(struct rondo_error *err, int code)
{
    return rondo_error_set(err, code, NULL, NULL, "%s", code == RONDO_EAPP ? "the model is not whole" : rondo_strerror(code));
}

static int collect(const struct head *head, struct rondo_head_link *link, struct factors *factors)
{
    const struct problem *p = head->problem;
    if (!factors_alloc(p->host, factors, p->users, p->items, p->rank, p->biases))
        return RONDO_ENOMEM;
    return p->solver->collect(head, link, factors);
}

/* What is told last is what is saved, wherever in an epoch the job stops. */
int mf_conclude(void *state, struct rondo_head_link *link, struct rondo_error *err)
{
    struct head *head = state;
    const struct problem *p = head->problem;
    struct factors factors = { 0 };
    int code = p->solver->measure ? p->solver->measure(head, link, &head->figures) : collect(head, link, &factors);
    if (!code && !p->solver->measure) {
        code = evaluate_train(p, &factors, &head->figures);
        code = code || !p->test.count ? code : evaluate_test(p, &factors, &head->figures);
    }
    factors_free(p->host, &factors);
    return code ? fail(err, code) : RONDO_OK;
}

int mf_save(const void *state, struct rondo_head_link *link, const struct rondo_host *host, struct rondo_output *output,
            struct rondo_error *err)
{
    const struct head *head = state;
    struct factors factors = { 0 };
    int code = collect(head, link, &factors);
    code = code ? fail(err, code) : factors_save(head->problem, &factors, output, err);
    factors_free(host, &factors);
    return code;
}

/* ---- what is told ------------------------------------------------------------------------------------------- */

static void put(struct rondo_report *report, const char *name, double value, bool whole)
{
    if (!isnan(value))
        report->metric[report->count++] = (struct rondo_metric){ name, value, whole };
}

/* What is looked at first comes first: a line of progress has the first two. */
void mf_report(const void *state, struct rondo_report *report)
{
    const struct head *head = state;
    const struct problem *p = head->problem;
    const struct figures *figures = &head->figures;
    report->objective = figures->objective;
    put(report, "epochs", (double)figures->epochs, true);
    put(report, "test_rmse", p->implicit ? (double)NAN : figures->test_rmse, false);
    put(report, "rmse", p->implicit ? (double)NAN : figures->rmse, false);
    put(report, "recall", figures->recall, false);
    put(report, "ndcg", figures->ndcg, false);
    if (p->test.count || p->test_unseen)
        put(report, "test_unseen", (double)p->test_unseen, true);
    if (p->solver == &mf_sgd)
        put(report, "learning_rate", p->rate * ldexp(1, (int)-figures->halvings), false);
}
