/* Topics of new documents from a job's files, against dense expectation maximisation. */
#include "apps/lda/predict.h"

#include "tests/support/brutal.h"
#include "tests/unit/apps_lda/corpus.h"

enum { D = 40, V = 37, K = 6 };

/* A finished job and what is asked of it; struct rondo_model is the tests' own here. */
struct rondo_model {
    struct rondo_matrix counts;
    const double *alpha, *beta;
    int64_t alphas, betas;
    double *out;
    int64_t rows, width, calls, cancel_at;
};

static int load(struct rondo_model *model, const char *name, const struct rondo_matrix **matrix,
                struct rondo_error *err RONDO_UNUSED)
{
    cr_assert_str_eq(name, "word_topic.mtx");
    *matrix = &model->counts;
    return RONDO_OK;
}

static int numbers(struct rondo_model *model, const char *name, const char *key, const double **values,
                   int64_t *count, struct rondo_error *err RONDO_UNUSED)
{
    bool alpha = strcmp(key, "alpha") == 0;
    cr_assert_str_eq(name, "hyper.json");
    cr_assert(alpha || strcmp(key, "beta") == 0);
    *values = alpha ? model->alpha : model->beta;
    *count = alpha ? model->alphas : model->betas;
    return RONDO_OK;
}

static int put(struct rondo_model *model, const double *rows, int64_t count, int64_t width, struct rondo_error *err)
{
    if (model->cancel_at && ++model->calls == model->cancel_at)
        return rondo_error_set(err, RONDO_ECANCELED, NULL, NULL, "interrupted");
    cr_assert(model->width == 0 || model->width == width);
    model->width = width;
    if (model->out)
        memcpy(model->out + model->rows * width, rows, (size_t)(count * width) * sizeof *rows);
    model->rows += count;
    return RONDO_OK;
}

static void begin(struct corpus *corpus, struct rondo_model *model)
{
    corpus_make(corpus, D, V, K);
    corpus->host.load = load;
    corpus->host.numbers = numbers;
    corpus->host.put = put;
    corpus->host.each = NULL; /* not from predict */
    *model = (struct rondo_model){ .counts = corpus_matrix(corpus, corpus->has, V, K), .alpha = corpus->alpha,
                                   .beta = &corpus->view.beta, .alphas = K, .betas = 1 };
    model->out = corpus_keep(corpus, D * K, sizeof *model->out);
}

static int predict(struct corpus *corpus, struct rondo_model *model, const struct rondo_matrix *data, bool open,
                   struct rondo_report *report, struct rondo_error *err)
{
    const struct rondo_predict what = { .size = sizeof what, .cols_open = open, .model = model, .data = data,
                                        .data_name = "new.txt" };
    model->rows = model->width = model->calls = 0;
    *report = (struct rondo_report){ 0 };
    return lda_predict(&corpus->host, &what, report, err);
}

Test(predict, each_document_has_its_topics)
{
    struct corpus corpus;
    struct rondo_model model;
    struct rondo_report report;
    double truth[K], far = 0;
    begin(&corpus, &model);
    struct rondo_matrix data = corpus_matrix(&corpus, corpus.times, D, V);
    cr_assert_eq(predict(&corpus, &model, &data, false, &report, NULL), RONDO_OK);
    cr_assert(model.rows == D && model.width == K);
    for (int64_t d = 0; d < D; d++) {
        corpus_truth(&corpus, corpus.times + d * V, truth);
        for (int k = 0; k < K; k++)
            far = fmax(far, fabs(model.out[d * K + k] - truth[k]));
    }
    cr_expect_leq(far, 2e-4, "%g", far);
    cr_assert_eq(report.count, 3);
    cr_expect_str_eq(report.metric[0].name, "documents");
    cr_expect_eq(report.metric[0].value, D);
    cr_expect_str_eq(report.metric[1].name, "tokens");
    cr_expect_eq(report.metric[1].value, (double)corpus.problem.tokens);
    cr_expect_str_eq(report.metric[2].name, "perplexity");
    cr_expect_float_eq(report.metric[2].value / corpus_perplexity(&corpus, corpus.times, D, V), 1, 1e-6, "%.9g", report.metric[2].value);
    corpus_fini(&corpus);
}

Test(predict, one_alpha_is_that_of_every_topic)
{
    struct corpus corpus;
    struct rondo_model model;
    struct rondo_report report;
    double first[D * K];
    begin(&corpus, &model);
    struct rondo_matrix data = corpus_matrix(&corpus, corpus.times, D, V);
    for (int k = 0; k < K; k++)
        corpus.alpha[k] = 0.25;
    cr_assert_eq(predict(&corpus, &model, &data, false, &report, NULL), RONDO_OK);
    memcpy(first, model.out, sizeof first);
    model.alphas = 1;
    cr_assert_eq(predict(&corpus, &model, &data, false, &report, NULL), RONDO_OK);
    cr_expect_eq(memcmp(first, model.out, sizeof first), 0);
    corpus_fini(&corpus);
}

/* 10,000 documents are more than a piece; each is as it is among forty. */
Test(predict, pieces_change_no_bit)
{
    enum { MANY = 10000 };
    struct corpus corpus;
    struct rondo_model model;
    struct rondo_report report;
    begin(&corpus, &model);
    int32_t *times = corpus_keep(&corpus, MANY * V, sizeof *times);
    for (int64_t d = 0; d < MANY; d++)
        memcpy(times + d * V, corpus.times + d % D * V, V * sizeof *times);
    struct rondo_matrix data = corpus_matrix(&corpus, corpus.times, D, V);
    cr_assert_eq(predict(&corpus, &model, &data, false, &report, NULL), RONDO_OK);
    double *few = model.out;
    data = corpus_matrix(&corpus, times, MANY, V);
    model.out = corpus_keep(&corpus, MANY * K, sizeof *model.out);
    cr_assert_eq(predict(&corpus, &model, &data, false, &report, NULL), RONDO_OK);
    cr_assert_eq(model.rows, MANY);
    for (int64_t d = 0; d < MANY; d += D)
        cr_assert_eq(memcmp(model.out + d * K, few, D * K * sizeof *few), 0);
    corpus_fini(&corpus);
}

Test(predict, documents_without_two_tokens_have_no_perplexity)
{
    struct corpus corpus;
    struct rondo_model model;
    struct rondo_report report;
    begin(&corpus, &model);
    int32_t *times = corpus_keep(&corpus, D * V, sizeof *times);
    times[3 * V + 5] = 1;
    struct rondo_matrix data = corpus_matrix(&corpus, times, D, V);
    cr_assert_eq(predict(&corpus, &model, &data, false, &report, NULL), RONDO_OK);
    cr_expect_eq(report.count, 2);
    cr_expect_eq(report.metric[1].value, 1);
    data = corpus_matrix(&corpus, times, 0, V); /* no documents at all */
    cr_assert_eq(predict(&corpus, &model, &data, false, &report, NULL), RONDO_OK);
    cr_expect_eq(model.rows, 0);
    corpus_fini(&corpus);
}

static void refused(struct corpus *corpus, struct rondo_model *model, const struct rondo_matrix *data, bool open,
                    const char *where, const char *what)
{
    struct rondo_report report;
    struct rondo_error err = { 0 };
    int64_t live = mem_live();
    cr_expect_eq(predict(corpus, model, data, open, &report, &err), RONDO_EINPUT, "%s", what);
    cr_expect_str_eq(err.where, where);
    cr_expect(strstr(err.what, what), "%s", err.what);
    cr_expect_eq(model->rows, 0);
    cr_expect_eq(mem_live(), live);
}

Test(predict, other_columns_are_for_open_rows_alone)
{
    struct corpus corpus;
    struct rondo_model model;
    struct rondo_report report;
    begin(&corpus, &model);
    struct rondo_matrix data = corpus_matrix(&corpus, corpus.times, D, V);
    data.cols = V - 3;
    refused(&corpus, &model, &data, false, "new.txt", "has 34 words, the model has 37");
    cr_assert_eq(predict(&corpus, &model, &data, true, &report, NULL), RONDO_OK);
    cr_expect_float_eq(report.metric[2].value / corpus_perplexity(&corpus, corpus.times, D, V - 3), 1, 1e-6, "%.9g", report.metric[2].value);
    data.cols = V;
    model.counts.rows = V - 2;
    model.counts.nnz = 0;
    model.counts.colptr = corpus_keep(&corpus, K + 1, sizeof *model.counts.colptr);
    refused(&corpus, &model, &data, true, "new.txt", "has 37 words, the model has 35");
    corpus_fini(&corpus);
}

Test(predict, bad_files_are_refused)
{
    static const double bad[] = { -1, 0.5, 3e9, 1e300 }, alpha[K] = { 0.1, 0, 0.1, -1, 0.1, 0.1 }, none[K] = { 0 };
    static const double betas[] = { 0, -1, INFINITY };
    struct corpus corpus;
    struct rondo_model model;
    begin(&corpus, &model);
    const struct rondo_model good = model;
    const struct rondo_matrix fine = corpus_matrix(&corpus, corpus.times, D, V);
    double *values = corpus_keep(&corpus, V * K, sizeof *values);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        values[4] = bad[i];
        model.counts.values = values;
        refused(&corpus, &model, &fine, false, "word_topic.mtx", "is no count");
    }
    model = good;
    model.counts.sparse = false;
    refused(&corpus, &model, &fine, false, "word_topic.mtx", "coordinates");
    model = good;
    for (size_t i = 0; i < sizeof betas / sizeof *betas; i++) {
        model.beta = betas + i;
        refused(&corpus, &model, &fine, false, "hyper.json", "\"beta\"");
    }
    model = good;
    model.betas = 2;
    refused(&corpus, &model, &fine, false, "hyper.json", "\"beta\"");
    model = good;
    model.alphas = K - 1;
    refused(&corpus, &model, &fine, false, "hyper.json", "has 5 numbers in \"alpha\", word_topic.mtx has 6 topics");
    model = good;
    model.alpha = alpha;
    refused(&corpus, &model, &fine, false, "hyper.json", "below 0");
    model.alpha = none;
    refused(&corpus, &model, &fine, false, "hyper.json", "0 for all");
    corpus_fini(&corpus);
}

struct fixture {
    struct corpus corpus;
    struct rondo_model model;
    struct rondo_matrix data;
};

Test(predict, who_stops_waiting_is_heard)
{
    struct fixture f;
    struct rondo_report report;
    begin(&f.corpus, &f.model);
    f.data = corpus_matrix(&f.corpus, f.corpus.times, D, V);
    f.model.cancel_at = 1;
    cr_expect_eq(predict(&f.corpus, &f.model, &f.data, false, &report, NULL), RONDO_ECANCELED);
    corpus_fini(&f.corpus);
}

static int trial(void *what)
{
    struct fixture *f = what;
    struct rondo_report report;
    return predict(&f->corpus, &f->model, &f->data, false, &report, NULL);
}

Test(predict, every_allocation_may_fail)
{
    struct fixture f;
    begin(&f.corpus, &f.model);
    f.data = corpus_matrix(&f.corpus, f.corpus.times, D, V);
    cr_expect_geq(brutal_run(trial, &f), 14);
    corpus_fini(&f.corpus);
}
