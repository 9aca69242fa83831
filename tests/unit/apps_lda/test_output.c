/* The model's files, read back by other means: scanf and jansson. */
#include "apps/lda/output.h"
#include "tests/support/brutal.h"
#include "tests/support/lda_counts.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <rondo/rng.h>
#include <stdio.h>
#include <stdlib.h>

enum { DOCUMENTS = 23, WORDS = 17, TOPICS = 36, FILES = 5 };

static const char *const names[FILES] = { "word_topic.mtx", "doc_topic.mtx", "topics.tsv", "hyper.json",
                                          "pyldavis.json" };

/* With what a separator, JSON or UTF-8 may trip over. */
static const char *const words[WORDS] = {
    "plain", "two words", "a\ttab", "back\\slash", "\"quoted\"", "d\xc3\xa9j\xc3\xa0", "bad\xff" "byte", "\xe2\x82",
    "bell\a", "\x7f", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "n", "o", "p", "q",
};
static const struct rondo_words vocabulary = { WORDS, words };

/* Where files go: text in memory. */
struct rondo_output {
    char *text[FILES];
    size_t size[FILES];
    FILE *stream[FILES];
    const char *refused, *full; /* names that fail */
    int count;
};

static int create(struct rondo_output *output, const char *name, FILE **stream, struct rondo_error *err)
{
    const int i = output->count;
    cr_assert(i < FILES);
    cr_assert_str_eq(name, names[i]);
    if (output->refused && strcmp(output->refused, name) == 0)
        return rondo_error_set(err, RONDO_EIO, name, NULL, "refused");
    bool full = output->full && strcmp(output->full, name) == 0;
    *stream = output->stream[i] = full ? fopen("/dev/full", "w") : open_memstream(output->text + i, output->size + i);
    cr_assert(*stream);
    if (full)
        setvbuf(*stream, NULL, _IONBF, 0);
    output->count++;
    return RONDO_OK;
}

static void close_all(struct rondo_output *output)
{
    for (int i = 0; i < output->count; i++)
        fclose(output->stream[i]);
}

static void free_all(struct rondo_output *output)
{
    for (int i = 0; i < FILES; i++)
        free(output->text[i]);
}

static int each(const struct rondo_job *job RONDO_UNUSED, int64_t parts, int (*part)(void *context, int64_t index),
                void *context)
{
    int code = RONDO_OK;
    for (int64_t i = 0; i < parts && !code; i++)
        code = part(context, i);
    return code;
}

struct fixture {
    double alpha[TOPICS];
    int32_t n_dk[DOCUMENTS * TOPICS], n_kw[WORDS * TOPICS];
    struct lda_counts counts;
    struct view view;
};

static void make(struct fixture *f, const struct lda_counts_form *form)
{
    memset(f, 0, sizeof *f);
    for (int k = 0; k < TOPICS; k++)
        f->alpha[k] = form->uniform ? 0.1 : 0.1 * (1 + k / 3);
    for (int i = 0; i < 1500; i++) { /* tokens; the last topic has none, nor has document 3 */
        double u = rondo_rng_unit(5, 0, 300, (uint64_t)i), v = rondo_rng_unit(5, 1, 300, (uint64_t)i);
        int d = i % DOCUMENTS, k = (int)((TOPICS - 1) * u * u), w = (int)(WORDS * v * u);
        f->n_dk[(d == 3 ? 4 : d) * TOPICS + k]++;
        f->n_kw[w * TOPICS + k]++;
    }
    lda_counts_make(&f->counts, form, DOCUMENTS, WORDS, TOPICS, f->n_dk, f->n_kw, f->alpha, 0.01);
    f->counts.host.create = create;
    f->counts.host.each = each;
    f->counts.problem.vocabulary = &vocabulary;
    f->counts.problem.top_words = 4;
    f->counts.problem.seed = (UINT64_C(1) << 53) - 1;
    f->view = lda_counts_view(&f->counts);
}

static struct rondo_output save(struct fixture *f)
{
    struct rondo_output output = { .count = 0 };
    struct rondo_error err = { 0 };
    cr_assert_eq(output_save(&f->view, &f->counts.host, &output, &err), RONDO_OK);
    cr_assert_eq(output.count, f->counts.problem.pyldavis ? 5 : 4);
    close_all(&output);
    return output;
}

/* ---- matrices ---------------------------------------------------------------------------------------------- */

static void expect_matrix(const char *text, const int32_t *n, int64_t rows)
{
    int64_t r, c, entries, count, last = -1;
    int used;
    char *seen = calloc((size_t)(rows * TOPICS), 1);
    cr_assert_eq(sscanf(text, "%%%%MatrixMarket matrix coordinate integer general\n%" SCNd64 " %" SCNd64 " %" SCNd64
                              "%n", &r, &c, &entries, &used), 3);
    cr_assert(r == rows && c == TOPICS);
    for (text += used; entries; entries--, text += used) {
        cr_assert_eq(sscanf(text, "\n%" SCNd64 " %" SCNd64 " %" SCNd64 "%n", &r, &c, &count, &used), 3);
        cr_assert(r >= 1 && r <= rows && c >= 1 && c <= TOPICS && count > 0);
        const int64_t at = (r - 1) * TOPICS + c - 1;
        cr_assert(at > last, "row by row, topics ascending");
        cr_assert_eq(n[at], count);
        seen[last = at] = 1;
    }
    cr_assert_str_eq(text, "\n");
    for (int64_t i = 0; i < rows * TOPICS; i++)
        cr_assert_eq(seen[i], n[i] != 0);
    free(seen);
}

Test(output, matrices_have_every_count_once)
{
    struct fixture *f = calloc(1, sizeof *f);
    for (int bits = 0; bits < 8; bits++) {
        make(f, &(struct lda_counts_form){ .rows = bits & 1, .wide = bits & 2, .wide_words = bits & 4, .heavy = 2 });
        struct rondo_output output = save(f);
        expect_matrix(output.text[0], f->n_kw, WORDS);
        expect_matrix(output.text[1], f->n_dk, DOCUMENTS);
        free_all(&output);
        lda_counts_free(&f->counts);
    }
    free(f);
}

Test(output, large_numbers_have_all_their_digits)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct lda_counts_form form = { .rows = true, .wide = true, .uniform = true };
    make(f, &form);
    lda_counts_free(&f->counts);
    f->n_kw[2] = 2147483647; /* what a count may be */
    f->n_kw[3] = 1000000000;
    f->n_dk[7 * TOPICS + 5] = 2147483647;
    lda_counts_make(&f->counts, &form, DOCUMENTS, WORDS, TOPICS, f->n_dk, f->n_kw, f->alpha, 0.01);
    f->counts.host.create = create;
    f->counts.host.each = each;
    f->counts.problem.vocabulary = &vocabulary;
    f->counts.problem.top_words = 1;
    f->view = lda_counts_view(&f->counts);
    struct rondo_output output = save(f);
    expect_matrix(output.text[0], f->n_kw, WORDS);
    expect_matrix(output.text[1], f->n_dk, DOCUMENTS);
    free_all(&output);
    lda_counts_free(&f->counts);
    free(f);
}

/* ---- topics ------------------------------------------------------------------------------------------------- */

static const char *const escaped[WORDS] = {
    "plain", "two\\x20words", "a\\x09tab", "back\\x5cslash", "\"quoted\"", "d\xc3\xa9j\xc3\xa0", "bad\xff" "byte",
    "\xe2\x82", "bell\\x07", "\\x7f", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "n", "o", "p", "q",
};

/* The most frequent word that is not yet taken, the first of equals; -1: none occurs. */
static int next_word(const int32_t *n_kw, int k, bool *taken)
{
    int best = -1;
    for (int w = 0; w < WORDS; w++)
        if (!taken[w] && n_kw[w * TOPICS + k] && (best < 0 || n_kw[w * TOPICS + k] > n_kw[best * TOPICS + k]))
            best = w;
    if (best >= 0)
        taken[best] = true;
    return best;
}

Test(output, topics_have_their_weight_and_their_top_words)
{
    struct fixture *f = calloc(1, sizeof *f);
    make(f, &(struct lda_counts_form){ .uniform = true, .heavy = 1 });
    struct rondo_output output = save(f);
    char wanted[20000], *at = wanted + sprintf(wanted, "topic\tweight\twords\n");
    for (int k = 0; k < TOPICS; k++) {
        bool taken[WORDS] = { false };
        int64_t total = 0;
        for (int w = 0; w < WORDS; w++)
            total += f->n_kw[w * TOPICS + k];
        at += sprintf(at, "%d\t%.9g\t", k, (double)total / 1500);
        for (int i = 0, w; i < 4 && (w = next_word(f->n_kw, k, taken)) >= 0; i++)
            at += sprintf(at, "%s%s", i ? " " : "", escaped[w]);
        at += sprintf(at, "\n");
    }
    cr_assert_str_eq(output.text[2], wanted);
    free_all(&output);
    lda_counts_free(&f->counts);
    free(f);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static double real_at(const json_t *list, size_t i)
{
    const json_t *value = json_array_get(list, i);
    cr_assert(json_is_number(value));
    return json_number_value(value);
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    cr_assert(json, "line %d: %s", error.line, error.text);
    return json;
}

Test(output, hyper_parameters_are_those_used)
{
    struct fixture *f = calloc(1, sizeof *f);
    for (int bits = 0; bits < 4; bits++) {
        make(f, &(struct lda_counts_form){ .uniform = bits & 1 });
        f->counts.problem.mh = f->counts.problem.optimise = bits & 2;
        f->counts.problem.steps = 3;
        f->view.beta = 0.1 + 0.2;
        struct rondo_output output = save(f);
        json_t *hyper = parse(output.text[3]), *alpha = json_object_get(hyper, "alpha");
        if (bits & 1)
            cr_assert_eq(json_number_value(alpha), 0.1);
        else
            cr_assert_eq(json_array_size(alpha), TOPICS);
        for (size_t k = 0; k < json_array_size(alpha); k++)
            cr_assert_eq(real_at(alpha, k), f->alpha[k]);
        cr_assert_eq(json_integer_value(json_object_get(hyper, "topics")), TOPICS);
        cr_assert_eq(json_number_value(json_object_get(hyper, "beta")), 0.1 + 0.2);
        cr_assert_eq(json_is_true(json_object_get(hyper, "optimised")), (bits & 2) != 0);
        cr_assert_str_eq(json_string_value(json_object_get(hyper, "sampler")), bits & 2 ? "mh" : "exact");
        cr_assert_eq(json_integer_value(json_object_get(hyper, "steps")), bits & 2 ? 3 : 0);
        cr_assert_eq(json_integer_value(json_object_get(hyper, "seed")), (INT64_C(1) << 53) - 1);
        cr_assert_eq(json_integer_value(json_object_get(hyper, "documents")), DOCUMENTS);
        cr_assert_eq(json_integer_value(json_object_get(hyper, "words")), WORDS);
        cr_assert_eq(json_integer_value(json_object_get(hyper, "tokens")), 1500);
        json_decref(hyper);
        free_all(&output);
        lda_counts_free(&f->counts);
    }
    free(f);
}

static void expect_row(const json_t *row, const int32_t *n, int64_t stride, size_t count, const double *prior)
{
    double sum = 0, all = 0;
    cr_assert_eq(json_array_size(row), count);
    for (size_t i = 0; i < count; i++)
        sum += n[(int64_t)i * stride] + prior[i];
    for (size_t i = 0; i < count; i++) {
        double wanted = (n[(int64_t)i * stride] + prior[i]) / sum, got = real_at(row, i);
        cr_assert(fabs(got - wanted) <= 1e-8 * wanted, "%.17g, not %.17g", got, wanted);
        all += got;
    }
    cr_assert(fabs(all - 1) < 1e-8);
}

static const char *const decoded[WORDS] = {
    "plain", "two words", "a\ttab", "back\\slash", "\"quoted\"", "d\xc3\xa9j\xc3\xa0", "bad\xc3\xbf" "byte",
    "\xc3\xa2\xc2\x82", "bell\a", "\x7f", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc3\xad\xc2\xa0\xc2\x80", "n", "o",
    "p", "q",
};

static void expect_pyldavis(struct fixture *f, const char *text)
{
    json_t *json = parse(text);
    const json_t *terms = json_object_get(json, "topic_term_dists"), *topics = json_object_get(json, "doc_topic_dists");
    const json_t *lengths = json_object_get(json, "doc_lengths"), *vocab = json_object_get(json, "vocab");
    const json_t *frequency = json_object_get(json, "term_frequency");
    double beta[WORDS];
    cr_assert_eq(json_object_size(json), 5);
    cr_assert(json_array_size(terms) == TOPICS && json_array_size(topics) == DOCUMENTS);
    cr_assert(json_array_size(lengths) == DOCUMENTS && json_array_size(vocab) == WORDS);
    cr_assert_eq(json_array_size(frequency), WORDS);
    for (int w = 0; w < WORDS; w++)
        beta[w] = f->view.beta;
    for (size_t k = 0; k < TOPICS; k++)
        expect_row(json_array_get(terms, k), f->n_kw + k, TOPICS, WORDS, beta);
    for (size_t d = 0; d < DOCUMENTS; d++) {
        expect_row(json_array_get(topics, d), f->n_dk + d * TOPICS, 1, TOPICS, f->alpha);
        cr_assert_eq(json_integer_value(json_array_get(lengths, d)), f->counts.problem.document_tokens[d]);
    }
    for (size_t w = 0; w < WORDS; w++) {
        cr_assert_str_eq(json_string_value(json_array_get(vocab, w)), decoded[w]);
        cr_assert_eq(json_integer_value(json_array_get(frequency, w)), f->counts.problem.word_tokens[w]);
    }
    json_decref(json);
}

Test(output, pyldavis_has_the_arguments_of_prepare)
{
    struct fixture *f = calloc(1, sizeof *f);
    for (int bits = 0; bits < 4; bits++) {
        make(f, &(struct lda_counts_form){ .uniform = bits & 1, .rows = bits & 2, .heavy = 1 });
        f->counts.problem.pyldavis = true;
        struct rondo_output output = save(f);
        expect_pyldavis(f, output.text[4]);
        free_all(&output);
        lda_counts_free(&f->counts);
    }
    free(f);
}

/* ---- what may fail ----------------------------------------------------------------------------------------------- */

Test(output, a_file_that_cannot_be_made_or_written_is_an_error)
{
    struct fixture *f = calloc(1, sizeof *f);
    make(f, &(struct lda_counts_form){ .uniform = true });
    f->counts.problem.pyldavis = true;
    for (int i = 0; i < 2 * FILES; i++) {
        struct rondo_output output = { .refused = i < FILES ? names[i] : NULL, .full = i < FILES ? NULL : names[i - FILES] };
        struct rondo_error err = { 0 };
        cr_assert_eq(output_save(&f->view, &f->counts.host, &output, &err), RONDO_EIO);
        cr_assert_eq(output.count, i < FILES ? i : i - FILES + 1, "nothing is written after a failure");
        close_all(&output);
        free_all(&output);
    }
    lda_counts_free(&f->counts);
    free(f);
}

static int trial(void *what)
{
    struct fixture *f = what;
    struct rondo_output output = { .count = 0 };
    struct rondo_error err = { 0 };
    int code = output_save(&f->view, &f->counts.host, &output, &err);
    close_all(&output);
    free_all(&output);
    return code;
}

Test(output, without_memory_it_says_so)
{
    struct fixture *f = calloc(1, sizeof *f);
    make(f, &(struct lda_counts_form){ .uniform = true });
    f->counts.problem.pyldavis = true;
    cr_assert(brutal_run(trial, f) >= 6);
    lda_counts_free(&f->counts);
    free(f);
}
