/* fold.c - expectation maximisation for one document, over sparse topics. */
#include "fold.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { WORDS_OF_PART = 2048 };

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the topics of documents");
}

/* ---- the model --------------------------------------------------------------------------------------- */

static bool make_room(struct fold_model *model, int64_t slots)
{
    const struct rondo_host *host = model->host;
    size_t topics = (size_t)model->topics;
    model->length = host->alloc((size_t)(model->words + 1) * sizeof *model->length);
    model->topic = host->alloc((size_t)(slots + 1) * sizeof *model->topic);
    model->count = host->alloc((size_t)(slots + 1) * sizeof *model->count);
    model->inverse = host->alloc(topics * sizeof *model->inverse);
    model->alpha = host->alloc(topics * sizeof *model->alpha);
    return model->length && model->topic && model->count && model->inverse && model->alpha;
}

int fold_open(struct fold_model *model, const struct problem *problem, const int32_t *word, int64_t words,
              struct rondo_error *err)
{
    const struct rondo_host *host = problem->host;
    *model = (struct fold_model){ .host = host, .topics = problem->topics, .words = words, .word = word,
                                  .problem = problem };
    model->at = host->alloc((size_t)(words + 1) * sizeof *model->at);
    if (!model->at)
        return no_memory(err);
    model->at[0] = 0;
    for (int64_t i = 0; i < words; i++) {
        int64_t tokens = problem->word_tokens[word[i]];
        model->at[i + 1] = model->at[i] + (tokens < model->topics ? tokens : model->topics);
    }
    return make_room(model, model->at[words]) ? RONDO_OK : no_memory(err);
}

static void set_prior(struct fold_model *model, const double *alpha, int64_t step, double beta)
{
    model->beta = beta;
    model->alpha_sum = 0;
    for (int32_t k = 0; k < model->topics; k++)
        model->alpha_sum += model->alpha[k] = alpha[k * step];
}

struct reading {
    struct fold_model *model;
    const struct view *view;
};

static int read_part(void *context, int64_t part)
{
    const struct reading *reading = context;
    struct fold_model *model = reading->model;
    int64_t lo = part * WORDS_OF_PART, hi = lo + WORDS_OF_PART;
    for (int64_t i = lo; i < hi && i < model->words; i++)
        model->length[i] = view_word(reading->view, model->word[i], model->topic + model->at[i],
                                     model->count + model->at[i]);
    return RONDO_OK;
}

int fold_read(struct fold_model *model, const struct view *view)
{
    struct reading reading = { model, view };
    set_prior(model, view->alpha, 1, view->beta);
    double smooth = (double)model->problem->words * view->beta;
    for (int32_t k = 0; k < model->topics; k++)
        model->inverse[k] = 1 / ((double)view->total[k] + smooth);
    return model->host->each(model->problem->job, (model->words + WORDS_OF_PART - 1) / WORDS_OF_PART, read_part,
                             &reading);
}

/* ---- the model of files ------------------------------------------------------------------------------- */

static int refuse(struct rondo_error *err, const char *file, const char *what)
{
    return rondo_error_set(err, RONDO_EINPUT, file, NULL, "%s", what);
}

static int load_prior(struct fold_model *model, struct rondo_model *files, struct rondo_error *err)
{
    static const char file[] = "hyper.json";
    const double *alpha = NULL, *beta = NULL;
    int64_t alphas = 0, betas = 0;
    int code = model->host->numbers(files, file, "alpha", &alpha, &alphas, err);
    if (!code)
        code = model->host->numbers(files, file, "beta", &beta, &betas, err);
    if (code)
        return code;
    if (betas != 1 || !(*beta > 0 && isfinite(*beta)))
        return refuse(err, file, "\"beta\" is not one number above 0");
    if (alphas != 1 && alphas != model->topics)
        return rondo_error_set(err, RONDO_EINPUT, file, NULL,
                               "has %" PRId64 " numbers in \"alpha\", word_topic.mtx has %" PRId32 " topics",
                               alphas, model->topics);
    for (int64_t k = 0; k < alphas; k++)
        if (!(alpha[k] >= 0 && isfinite(alpha[k])))
            return refuse(err, file, "a number in \"alpha\" is below 0");
    set_prior(model, alpha, alphas > 1, *beta);
    return model->alpha_sum > 0 && isfinite(model->alpha_sum) ? RONDO_OK
                                                              : refuse(err, file, "\"alpha\" is 0 for all topics");
}

static int check_counts(const struct rondo_matrix *counts, struct rondo_error *err)
{
    static const char file[] = "word_topic.mtx";
    if (!counts->sparse || counts->rows < 1 || counts->cols < 1 || counts->cols > INT32_MAX)
        return refuse(err, file, "is not a matrix of coordinates, words by topics");
    for (int64_t e = 0; e < counts->nnz; e++)
        if (!(counts->values[e] >= 0 && counts->values[e] <= INT32_MAX
              && counts->values[e] == floor(counts->values[e])))
            return rondo_error_set(err, RONDO_EINPUT, file, NULL, "%g is no count", counts->values[e]);
    return RONDO_OK;
}

/* By word what came by topic, topics ascending. */
static void turn(struct fold_model *model, const struct rondo_matrix *counts)
{
    double smooth = (double)model->words * model->beta;
    memset(model->length, 0, (size_t)model->words * sizeof *model->length);
    for (int32_t k = 0; k < model->topics; k++) {
        double total = 0;
        for (int64_t e = counts->colptr[k]; e < counts->colptr[k + 1]; e++) {
            int32_t w = counts->rowidx[e];
            total += counts->values[e];
            if (counts->values[e] == 0)
                continue;
            int64_t slot = model->at[w] + model->length[w]++;
            model->topic[slot] = k;
            model->count[slot] = (int32_t)counts->values[e];
        }
        model->inverse[k] = 1 / (total + smooth);
    }
}

int fold_load(struct fold_model *model, const struct rondo_host *host, struct rondo_model *files,
              struct rondo_error *err)
{
    const struct rondo_matrix *counts = NULL;
    *model = (struct fold_model){ .host = host };
    int code = host->load(files, "word_topic.mtx", &counts, err);
    if (!code)
        code = check_counts(counts, err);
    if (code)
        return code;
    model->topics = (int32_t)counts->cols;
    model->words = counts->rows;
    model->at = host->zalloc((size_t)model->words + 1, sizeof *model->at);
    if (!model->at || !make_room(model, counts->nnz))
        return no_memory(err);
    for (int64_t e = 0; e < counts->nnz; e++)
        model->at[counts->rowidx[e] + 1]++;
    for (int64_t w = 0; w < model->words; w++)
        model->at[w + 1] += model->at[w];
    code = load_prior(model, files, err);
    if (!code)
        turn(model, counts);
    return code;
}

void fold_close(struct fold_model *model)
{
    void *owned[] = { model->at, model->length, model->topic, model->count, model->inverse, model->alpha };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        model->host->free(owned[i]);
}

/* ---- a document ---------------------------------------------------------------------------------------- */

/* a_k = theta_k / (n_k + V beta), and their sum. */
static double weigh(const struct fold_model *model, const double *theta, double *a)
{
    double sum = 0;
    for (int32_t k = 0; k < model->topics; k++)
        sum += a[k] = theta[k] * model->inverse[k];
    return sum;
}

/* sum_k theta_k phi_kw = beta sum_k a_k + sum_k a_k n_kw */
static double probability(const struct fold_model *model, int32_t w, const double *a, double smooth)
{
    const int32_t *topic = model->topic + model->at[w], *count = model->count + model->at[w];
    double sum = smooth;
    for (int32_t i = 0; i < model->length[w]; i++)
        sum += a[topic[i]] * count[i];
    return sum;
}

/* One step of theta, and the gap before it, in nats.
 *     r_w = c_w / p_w,   n_k = a_k (beta sum_w r_w + sum_w r_w n_kw)  */
static double step(const struct fold_model *model, const int32_t *word, const int32_t *count, int64_t pairs,
                   double tokens, double *theta, double *a, double *sum)
{
    double smooth = model->beta * weigh(model, theta, a), rest = 0, most = 0;
    memset(sum, 0, (size_t)model->topics * sizeof *sum);
    for (int64_t i = 0; i < pairs; i++) {
        int32_t w = word[i];
        if (!count[i])
            continue;
        const int32_t *topic = model->topic + model->at[w], *times = model->count + model->at[w];
        double r = count[i] / probability(model, w, a, smooth);
        rest += r;
        for (int32_t j = 0; j < model->length[w]; j++)
            sum[topic[j]] += r * times[j];
    }
    double all = tokens + model->alpha_sum;
    for (int32_t k = 0; k < model->topics; k++) {
        double next = (a[k] * (model->beta * rest + sum[k]) + model->alpha[k]) / all;
        double growth = theta[k] > 0 ? next / theta[k] : 0; /* 0: alpha is */
        most = growth > most ? growth : most;
        theta[k] = next;
    }
    return (most - 1) * all;
}

double fold_in(const struct fold_model *model, const int32_t *word, const int32_t *count, int64_t pairs,
               double *theta, double *room)
{
    double tokens = 0, gap = 0;
    for (int64_t i = 0; i < pairs; i++)
        tokens += count[i];
    for (int32_t k = 0; k < model->topics; k++)
        theta[k] = model->alpha[k] / model->alpha_sum;
    for (int i = 0; tokens > 0 && i < FOLD_MOST; i++) {
        gap = step(model, word, count, pairs, tokens, theta, room, room + model->topics) / tokens;
        if (gap <= FOLD_GAP)
            break;
    }
    return gap;
}

double fold_log_likelihood(const struct fold_model *model, const double *theta, const int32_t *word,
                           const int32_t *count, int64_t pairs, double *room)
{
    double smooth = model->beta * weigh(model, theta, room), sum = 0;
    for (int64_t i = 0; i < pairs; i++)
        if (count[i])
            sum += count[i] * log(probability(model, word[i], room, smooth));
    return sum;
}
