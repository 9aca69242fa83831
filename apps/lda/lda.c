/* lda.c - the app's table, its parameters, and the problem that all parts share. */
#include "lda.h"

#include "head.h"
#include "heldout.h"
#include "histogram.h"
#include "predict.h"
#include "push.h"
#include "states.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TOPICS_MOST = 1000000, MH_TOPICS = 10000 /* from so many on "auto" is mh */ };

/* Priors with which no product of the samplers leaves the range of float: (n_dk + alpha) (n_kw + beta) /
 * (n_k + V beta), and alpha / (V beta), a start at random's too (push.c). */
#define PRIOR_LEAST 1e-9
#define PRIOR_MOST 1e9

static const struct rondo_param params[] = {
    { "topics", RONDO_INTEGER, "100", 1, TOPICS_MOST, false, NULL, "topics", "K, how many topics there are" },
    { "alpha", RONDO_REAL, NULL, PRIOR_LEAST, PRIOR_MOST, false, NULL, "tokens",
      "Dirichlet prior of a document's topics, of each; 50 / topics where it is not given" },
    { "beta", RONDO_REAL, "0.01", PRIOR_LEAST, PRIOR_MOST, false, NULL, "tokens", "Dirichlet prior of a topic's words, of each" },
    { "sampler", RONDO_CHOICE, "\"auto\"", NAN, NAN, false, "auto|exact|mh", "",
      "exact: from the conditional itself; mh: Metropolis-Hastings, whose cost does not grow with topics; "
      "auto: mh from 10000 topics on" },
    { "start", RONDO_CHOICE, "\"sequential\"", NAN, NAN, false, "sequential|random", "",
      "the first sweep: each token among those that have a topic already, which is far the sooner to be good; "
      "or at random, which a small corpus may need to come out of a poor beginning" },
    { "mh_steps", RONDO_INTEGER, "1", 1, 64, false, NULL, "proposals", "mh: for each token" },
    { "optimize_hyperparameters", RONDO_BOOL, "false", NAN, NAN, false, NULL, "",
      "fit alpha and beta to the counts, every optimize_interval sweeps" },
    { "optimize_interval", RONDO_INTEGER, "10", 1, NAN, false, NULL, "sweeps", "between two fits" },
    { "alpha_prior", RONDO_CHOICE, "\"symmetric\"", NAN, NAN, false, "symmetric|asymmetric", "",
      "asymmetric: alpha is fitted for each topic" },
    { "evaluate_every", RONDO_INTEGER, "10", 1, NAN, false, NULL, "sweeps",
      "between two evaluations of perplexity and coherence; the last sweep always has them" },
    { "top_words", RONDO_INTEGER, "20", 1, 1000, false, NULL, "words", "of each topic in topics.tsv" },
    { "pyldavis", RONDO_BOOL, "false", NAN, NAN, false, NULL, "", "write pyldavis.json too" },
    { "stop.iterations", RONDO_INTEGER, "200", 1, NAN, false, NULL, "sweeps",
      "stop after so many sweeps, in each of which every token is drawn once" },
    { .key = NULL },
};

static const struct rondo_role roles[] = {
    { "docs", RONDO_ROLE_COUNTS, true, NULL, "the corpus: how often each word is in each document" },
    { "vocab", RONDO_ROLE_WORDS, true, NULL, "the words, one a line, in the order of docs' columns" },
    { "test", RONDO_ROLE_COUNTS, false, NULL, "held-out documents, over the same words" },
    { "params.alphas", RONDO_ROLE_VECTOR, false, NULL, "alpha of each topic, instead of params.alpha" },
    { .key = NULL },
};

static const char *const files[] = { "word_topic.mtx", "doc_topic.mtx", "topics.tsv", "hyper.json",
                                     "pyldavis.json", NULL };

/* ---- what the spec says ---------------------------------------------------------------------------------- */

static int refuse(const struct problem *p, struct rondo_error *err, const char *key, const char *what,
                  const char *hint)
{
    char where[256];
    p->host->where(p->job, key, where, sizeof where);
    return rondo_error_set(err, RONDO_EINPUT, where, hint, "%s", what);
}

static void assume(const struct rondo_host *host, const struct rondo_job *job, const char *key,
                   struct rondo_value *value)
{
    if (strcmp(key, "params.alpha") == 0 && !host->given(job, "params.alphas"))
        *value = (struct rondo_value){ .given = true, .real = 50.0 / (double)host->integer(job, "params.topics") };
}

static int read_params(struct problem *p, struct rondo_error *err)
{
    const struct rondo_host *host = p->host;
    const struct rondo_job *job = p->job;
    const char *sampler = host->text(job, "params.sampler");
    p->topics = (int32_t)host->integer(job, "params.topics");
    p->row = (p->topics + 31) / 32 * 32;
    p->wide_words = p->topics > LDA_NARROW_MOST;
    p->alpha_given = host->real(job, "params.alpha");
    p->beta = host->real(job, "params.beta");
    p->mh = strcmp(sampler, "mh") == 0 || (strcmp(sampler, "auto") == 0 && p->topics >= MH_TOPICS);
    p->random_start = strcmp(host->text(job, "params.start"), "random") == 0;
    p->steps = (int32_t)host->integer(job, "params.mh_steps");
    p->optimise = host->flag(job, "params.optimize_hyperparameters");
    p->interval = host->integer(job, "params.optimize_interval");
    p->uniform = strcmp(host->text(job, "params.alpha_prior"), "symmetric") == 0
                 && !host->given(job, "params.alphas");
    p->evaluate_every = host->integer(job, "params.evaluate_every");
    p->top_words = (int32_t)host->integer(job, "params.top_words");
    p->pyldavis = host->flag(job, "params.pyldavis");
    p->iterations = host->integer(job, "stop.iterations");
    p->seed = (uint64_t)host->integer(job, "seed");
    p->round_least = LDA_ROUND_LEAST;
    if (host->given(job, "params.alpha") && host->given(job, "params.alphas"))
        return refuse(p, err, "params.alphas", "alpha and alphas are both given", "give one of them");
    if (!p->uniform && !p->optimise && !host->given(job, "params.alphas"))
        return refuse(p, err, "params.alpha_prior", "an asymmetric alpha is to be fitted, and fitting is off",
                      "set params.optimize_hyperparameters, or give params.alphas");
    return RONDO_OK;
}

static int check(const struct rondo_host *host, const struct rondo_job *job, struct rondo_error *err)
{
    struct problem problem = { .host = host, .job = job };
    return read_params(&problem, err);
}

static int read_alpha(struct problem *p, struct rondo_error *err)
{
    const struct rondo_matrix *given = p->host->matrix(p->job, "params.alphas");
    double *alpha = lda_keep(p, (size_t)p->topics, sizeof *alpha);
    if (!alpha)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for alpha");
    if (given && given->rows != p->topics)
        return refuse(p, err, "params.alphas", "there is not one alpha for each topic", NULL);
    for (int32_t k = 0; k < p->topics; k++) {
        alpha[k] = given ? given->dense[k] : p->alpha_given;
        if (!(alpha[k] > 0))
            return refuse(p, err, "params.alphas", "an alpha is not above 0", NULL);
        if (!(alpha[k] >= PRIOR_LEAST && alpha[k] <= PRIOR_MOST))
            return refuse(p, err, "params.alphas", "an alpha is not between 1e-9 and 1e9", NULL);
    }
    p->alpha = alpha;
    return RONDO_OK;
}

/* ---- data -------------------------------------------------------------------------------------------------- */

static int check_words(struct problem *p, int64_t words, struct rondo_error *err)
{
    char where[256];
    p->vocabulary = p->host->words(p->job, "vocab");
    if (p->vocabulary->count == words)
        return RONDO_OK;
    p->host->where(p->job, "data.vocab", where, sizeof where);
    return rondo_error_set(err, RONDO_EINPUT, where, NULL, "%lld words, and the documents have %lld",
                           (long long)p->vocabulary->count, (long long)words);
}

static int read_data(struct problem *p, struct rondo_error *err)
{
    const struct rondo_matrix *docs = p->host->matrix(p->job, "docs");
    int code = check_words(p, docs->cols, err);
    p->test = p->host->matrix(p->job, "test");
    if (!code && p->test)
        code = heldout_check(p->host, p->job, p->test, docs->cols, err);
    if (!code)
        code = lda_cut(p, docs, p->host->integer(p->job, "schedule.blocks"), err);
    p->host->release(p->job, "docs");
    if (!code && (code = histogram_lengths(p, &p->lengths)))
        rondo_error_set(err, code, NULL, NULL, "no memory for the corpus");
    return code;
}

static void close_problem(void *context)
{
    struct problem *p = context;
    const struct rondo_host *host = p->host;
    lda_release(p);
    host->free(p->lengths.data);
    host->free(p);
}

static int open_problem(const struct rondo_host *host, const struct rondo_job *job, void **problem,
                        struct rondo_error *err)
{
    struct problem *p = host->zalloc(1, sizeof *p);
    if (!p)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for lda");
    p->host = host;
    p->job = job;
    p->kernel = lda_kernel_for(host->isa(job));
    p->touches = host->touch != NULL;
    int code = read_params(p, err);
    if (!code)
        code = read_alpha(p, err);
    if (!code)
        code = read_data(p, err);
    if (code)
        close_problem(p);
    else
        *problem = p;
    return code;
}

static void layout(const void *problem, struct rondo_layout *out)
{
    const struct problem *p = problem;
    *out = (struct rondo_layout){ .shards = p->parts, .blocks = p->parts, .chunks = 1, .with_shards = true,
                                  .pair_cost = p->task_tokens };
}

/* ---- who owns what ---------------------------------------------------------------------------------------- */

static int tell_documents(const struct problem *p, int64_t *member,
                          int (*tell)(void *context, const struct rondo_part *part), void *context)
{
    int code = RONDO_OK;
    for (int32_t s = 0; s < p->parts && !code; s++) {
        int64_t first = p->shard_first[s], count = p->shard_first[s + 1] - first;
        for (int64_t i = 0; i < count; i++)
            member[i] = first + i;
        code = tell(context, &(struct rondo_part){ .kind = RONDO_PART_SHARD, .part = s, .tag = -1, .count = count,
                                                   .members = member });
    }
    return code;
}

static int tell_words(const struct problem *p, int64_t *member,
                      int (*tell)(void *context, const struct rondo_part *part), void *context)
{
    int code = RONDO_OK;
    for (int32_t b = 0; b < p->parts && !code; b++) {
        int64_t first = p->block_first[b], count = p->block_first[b + 1] - first;
        for (int64_t i = 0; i < count; i++)
            member[i] = p->order[first + i];
        code = tell(context, &(struct rondo_part){ .kind = RONDO_PART_BLOCK, .part = b, .tag = -1, .columns = true,
                                                   .count = count, .members = member });
    }
    return code;
}

static int parts(const void *problem, int (*tell)(void *context, const struct rondo_part *part), void *context)
{
    const struct problem *p = problem;
    int64_t most = p->documents > p->words ? p->documents : p->words;
    int64_t *member = p->host->alloc((size_t)most * sizeof *member + 1);
    int code = member ? tell_documents(p, member, tell, context) : RONDO_ENOMEM;
    code = code ? code : tell_words(p, member, tell, context);
    p->host->free(member);
    return code;
}

/* ---- what a spec comes to ---------------------------------------------------------------------------------- */

static int preview(const struct rondo_host *host, const struct rondo_job *job, struct rondo_error *err)
{
    struct problem p = { .host = host, .job = job };
    int64_t documents = 0, words = 0, tests = 0, columns = 0;
    bool packed;
    char line[256];
    int code = read_params(&p, err);
    if (!code)
        code = read_alpha(&p, err);
    lda_release(&p);
    if (code || !host->shape(job, "docs", &documents, &words, &packed))
        return code;
    code = check_words(&p, words, err);
    if (!code && host->shape(job, "test", &tests, &columns, &packed))
        code = heldout_check_words(host, job, columns, words, err);
    if (code)
        return code;
    snprintf(line, sizeof line, "%" PRId32 " topics of %" PRId64 " words in %" PRId64 " documents, %s sampler",
             p.topics, words, documents, p.mh ? "Metropolis-Hastings" : "exact");
    host->say(job, line);
    if (!host->given(job, "params.alphas")) {
        snprintf(line, sizeof line, "alpha %g for each topic, beta %g%s", p.alpha_given, p.beta,
                 p.optimise ? ", both fitted as it goes" : "");
        host->say(job, line);
    }
    return RONDO_OK;
}

const struct rondo_app lda_app = {
    .abi = RONDO_APP_ABI,
    .size = sizeof(struct rondo_app),
    .name = "lda",
    .summary = "topics of documents: latent Dirichlet allocation by collapsed Gibbs sampling",
    .params = params,
    .roles = roles,
    .files = files,
    .check = check,
    .open = open_problem,
    .close = close_problem,
    .layout = layout,
    .head = { lda_head_create, lda_head_destroy, lda_head_pack, lda_head_unpack },
    .common = { lda_common_create, lda_common_destroy, lda_common_pack, lda_common_unpack },
    .shard = { lda_shard_create, lda_shard_destroy, lda_shard_pack, lda_shard_unpack },
    .block = { lda_block_create, lda_block_destroy, lda_block_pack, lda_block_unpack },
    .scratch = lda_scratch,
    .scratch_free = lda_scratch_free,
    .schedule = lda_schedule,
    .push = lda_push,
    .merge = lda_merge,
    .settle = lda_settle,
    .apply = lda_apply,
    .report = lda_report,
    .save = lda_save,
    .predict = lda_predict,
    .preview = preview,
    .conclude = lda_conclude,
    .parts = parts,
    .assume = assume,
};
