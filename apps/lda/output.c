/* output.c - the files of a model. */
#include "output.h"

#include "coherence.h"

#include <inttypes.h>
#include <string.h>

/* ---- text ----------------------------------------------------------------------------------------------- */

/* Text on its way to a file; printf for each of a million entries would take longer than a sweep. */
struct writer {
    FILE *stream;
    size_t used;
    char text[1 << 14];
};

enum { REAL_ROOM = 32 };

static void flush(struct writer *w)
{
    fwrite(w->text, 1, w->used, w->stream);
    w->used = 0;
}

static void put_text(struct writer *w, const char *text, size_t size)
{
    if (w->used + size > sizeof w->text)
        flush(w);
    if (size > sizeof w->text) {
        fwrite(text, 1, size, w->stream);
        return;
    }
    memcpy(w->text + w->used, text, size);
    w->used += size;
}

static void put_word(struct writer *w, const char *text)
{
    put_text(w, text, strlen(text));
}

/* value >= 0, and what stands behind it. */
static void put_integer(struct writer *w, int64_t value, char after)
{
    char text[24], *at = text + sizeof text;
    *--at = after;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    put_text(w, at, (size_t)(text + sizeof text - at));
}

/* Nine digits say each float apart, and are more than a picture shows. */
static size_t real(char text[REAL_ROOM], double value)
{
    return (size_t)snprintf(text, REAL_ROOM, "%.9g", value);
}

static void put_real(struct writer *w, double value)
{
    char text[REAL_ROOM];
    put_text(w, text, real(text, value));
}

static int finish(struct writer *w)
{
    flush(w);
    return ferror(w->stream) ? RONDO_EIO : RONDO_OK;
}

/* ---- the model as files see it ---------------------------------------------------------------------------- */

/* view_word or view_document. */
typedef int32_t (*owner)(const struct view *view, int64_t number, int32_t *topic, int32_t *count);

struct writing {
    const struct view *view;
    const struct problem *problem;
    int32_t *topic, *count; /* [topics] of one owner */
    struct writer out;
};

/* ---- matrices --------------------------------------------------------------------------------------------- */

static int write_counts(struct writing *g, owner of, int64_t owners)
{
    int64_t entries = 0;
    for (int64_t i = 0; i < owners; i++)
        entries += of(g->view, i, g->topic, g->count);
    put_word(&g->out, "%%MatrixMarket matrix coordinate integer general\n");
    put_integer(&g->out, owners, ' ');
    put_integer(&g->out, g->problem->topics, ' ');
    put_integer(&g->out, entries, '\n');
    for (int64_t i = 0; i < owners; i++) {
        int32_t topics = of(g->view, i, g->topic, g->count);
        for (int32_t k = 0; k < topics; k++) {
            put_integer(&g->out, i + 1, ' ');
            put_integer(&g->out, (int64_t)g->topic[k] + 1, ' ');
            put_integer(&g->out, g->count[k], '\n');
        }
    }
    return finish(&g->out);
}

static int write_words(struct writing *g, struct rondo_error *err)
{
    (void)err;
    return write_counts(g, view_word, g->problem->words);
}

static int write_documents(struct writing *g, struct rondo_error *err)
{
    (void)err;
    return write_counts(g, view_document, g->problem->documents);
}

/* ---- topics ------------------------------------------------------------------------------------------------ */

static void put_escaped(struct writer *w, const char *word)
{
    for (; *word; word++) {
        char text[8];
        unsigned char c = (unsigned char)*word;
        int size = c <= ' ' || c == '\\' || c == 0x7f ? snprintf(text, sizeof text, "\\x%02x", c)
                                                      : snprintf(text, sizeof text, "%c", c);
        put_text(w, text, (size_t)size);
    }
}

/* Those that have a topic: all, but where the job stopped within its first sweep. */
static int64_t tokens_with_topics(const struct view *view)
{
    int64_t tokens = 0;
    for (int32_t k = 0; k < view->problem->topics; k++)
        tokens += view->total[k];
    return tokens;
}

static int write_topics(struct writing *g, struct rondo_error *err)
{
    const struct problem *problem = g->problem;
    const int64_t found = tokens_with_topics(g->view), tokens = found ? found : 1;
    const int32_t n = problem->top_words;
    int32_t *top = problem->host->alloc((size_t)problem->topics * (size_t)n * sizeof *top);
    int code = top ? top_words(g->view, n, top, err) : RONDO_ENOMEM;
    if (!code)
        put_word(&g->out, "topic\tweight\twords\n");
    for (int32_t k = 0; k < problem->topics && !code; k++) {
        const int32_t *word = top + (size_t)k * (size_t)n;
        put_integer(&g->out, k, '\t');
        put_real(&g->out, (double)g->view->total[k] / (double)tokens);
        for (int32_t i = 0; i < n && word[i] >= 0; i++) {
            put_word(&g->out, i ? " " : "\t");
            put_escaped(&g->out, problem->vocabulary->word[word[i]]);
        }
        put_word(&g->out, word[0] < 0 ? "\t\n" : "\n");
    }
    problem->host->free(top);
    return code ? code : finish(&g->out);
}

/* ---- hyper-parameters ---------------------------------------------------------------------------------------- */

static int write_hyper(struct writing *g, struct rondo_error *err)
{
    const struct problem *problem = g->problem;
    const struct view *view = g->view;
    (void)err;
    FILE *out = g->out.stream;
    fprintf(out, "{\"topics\": %" PRId32 ",\n \"alpha\": %s%.17g", problem->topics, problem->uniform ? "" : "[",
            view->alpha[0]);
    for (int32_t k = 1; k < problem->topics && !problem->uniform; k++)
        fprintf(out, ", %.17g", view->alpha[k]);
    fprintf(out, "%s,\n \"beta\": %.17g,\n \"optimised\": %s,\n \"sampler\": \"%s\",\n", problem->uniform ? "" : "]",
            view->beta, problem->optimise ? "true" : "false", problem->mh ? "mh" : "exact");
    if (problem->mh)
        fprintf(out, " \"steps\": %" PRId32 ",\n", problem->steps);
    fprintf(out, " \"seed\": %" PRIu64 ",\n \"documents\": %" PRId64 ",\n \"words\": %" PRId64 ",\n"
                 " \"tokens\": %" PRId64 "}\n",
            problem->seed, problem->documents, problem->words, tokens_with_topics(view));
    return finish(&g->out);
}

/* ---- pyLDAvis -------------------------------------------------------------------------------------------------- */

/* The counts by topics: those of topic k at first[k] .. first[k + 1] - 1, words ascending. */
struct by_topic {
    int64_t *first; /* [topics + 2] */
    int32_t *word, *count;
};

static int turn(struct writing *g, struct by_topic *t)
{
    const struct rondo_host *host = g->problem->host;
    const int32_t topics = g->problem->topics;
    *t = (struct by_topic){ .first = host->zalloc((size_t)topics + 2, sizeof *t->first) };
    for (int64_t w = 0; w < g->problem->words && t->first; w++)
        for (int32_t n = view_word(g->view, w, g->topic, g->count); n--;)
            t->first[g->topic[n] + 2]++;
    for (int32_t k = 0; k < topics && t->first; k++)
        t->first[k + 2] += t->first[k + 1];
    if (t->first) {
        t->word = host->alloc((size_t)t->first[topics + 1] * sizeof *t->word);
        t->count = host->alloc((size_t)t->first[topics + 1] * sizeof *t->count);
    }
    if (!t->word || !t->count)
        return RONDO_ENOMEM;
    /* first[k + 1] runs to where topic k ends, which is where k + 1 begins. */
    for (int64_t w = 0; w < g->problem->words; w++)
        for (int32_t n = view_word(g->view, w, g->topic, g->count); n--;) {
            int64_t at = t->first[g->topic[n] + 1]++;
            t->word[at] = (int32_t)w;
            t->count[at] = g->count[n];
        }
    return RONDO_OK;
}

static void put_topic_terms(struct writing *g, const struct by_topic *t)
{
    const struct view *view = g->view;
    for (int32_t k = 0; k < g->problem->topics; k++) {
        char zero[REAL_ROOM]; /* most counts are 0 */
        const double below = (double)view->total[k] + (double)g->problem->words * view->beta;
        const size_t size = real(zero, view->beta / below);
        int64_t at = t->first[k];
        for (int64_t w = 0; w < g->problem->words; w++) {
            put_word(&g->out, w ? "," : k ? ",\n[" : "[");
            if (at < t->first[k + 1] && t->word[at] == w)
                put_real(&g->out, (t->count[at++] + view->beta) / below);
            else
                put_text(&g->out, zero, size);
        }
        put_word(&g->out, "]");
    }
}

static void put_document_topics(struct writing *g)
{
    const struct view *view = g->view;
    double alpha_sum = 0;
    for (int32_t k = 0; k < g->problem->topics; k++)
        alpha_sum += view->alpha[k];
    for (int64_t d = 0; d < g->problem->documents; d++) {
        char zero[REAL_ROOM];
        const int32_t topics = view_document(view, d, g->topic, g->count);
        double below = alpha_sum;
        size_t size = 0;
        for (int32_t i = 0; i < topics; i++)
            below += g->count[i];
        for (int32_t k = 0, at = 0; k < g->problem->topics; k++) {
            put_word(&g->out, k ? "," : d ? ",\n[" : "[");
            if (!k || view->alpha[k] != view->alpha[k - 1])
                size = real(zero, view->alpha[k] / below);
            if (at < topics && g->topic[at] == k)
                put_real(&g->out, (g->count[at++] + view->alpha[k]) / below);
            else
                put_text(&g->out, zero, size);
        }
        put_word(&g->out, "]");
    }
}

static void put_list(struct writer *w, const int64_t *value, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        put_integer(w, value[i], i + 1 < count ? ',' : ']');
    if (!count)
        put_word(w, "]");
}

/* The bytes of the UTF-8 character that begins here; 0: none does. */
static size_t character(const unsigned char *at)
{
    size_t size = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : (at[0] & 0xf0) == 0xe0 ? 3
                  : at[0] >= 0xf0 && at[0] < 0xf5                  ? 4 : 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
               (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f);
    return bad ? 0 : size;
}

/* As JSON has it; a byte that is no UTF-8 is taken for Latin-1. */
static void put_string(struct writer *w, const char *text)
{
    put_text(w, "\"", 1);
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        char escaped[8];
        size_t size = character(at);
        if (!size || *at < ' ' || *at == '"' || *at == '\\')
            put_text(w, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", *at));
        else
            put_text(w, (const char *)at, size);
        at += size ? size : 1;
    }
    put_text(w, "\"", 1);
}

static int write_pyldavis(struct writing *g, struct rondo_error *err)
{
    const struct problem *problem = g->problem;
    struct by_topic t;
    (void)err;
    int code = turn(g, &t);
    if (!code) {
        put_word(&g->out, "{\"topic_term_dists\": [");
        put_topic_terms(g, &t);
        put_word(&g->out, "],\n\"doc_topic_dists\": [");
        put_document_topics(g);
        put_word(&g->out, "],\n\"doc_lengths\": [");
        put_list(&g->out, problem->document_tokens, problem->documents);
        put_word(&g->out, ",\n\"vocab\": [");
        for (int64_t w = 0; w < problem->words; w++) {
            put_word(&g->out, w ? "," : "");
            put_string(&g->out, problem->vocabulary->word[w]);
        }
        put_word(&g->out, "],\n\"term_frequency\": [");
        put_list(&g->out, problem->word_tokens, problem->words);
        put_word(&g->out, "}\n");
        code = finish(&g->out);
    }
    problem->host->free(t.first);
    problem->host->free(t.word);
    problem->host->free(t.count);
    return code;
}

/* ---- all ---------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*write)(struct writing *writing, struct rondo_error *err);
    bool asked; /* only where params.pyldavis says so */
} files[] = {
    { "word_topic.mtx", write_words, false },
    { "doc_topic.mtx", write_documents, false },
    { "topics.tsv", write_topics, false },
    { "hyper.json", write_hyper, false },
    { "pyldavis.json", write_pyldavis, true },
};

int output_save(const struct view *view, const struct rondo_host *host, struct rondo_output *output,
                struct rondo_error *err)
{
    const struct problem *problem = view->problem;
    struct writing g = { .view = view, .problem = problem };
    g.topic = host->alloc((size_t)problem->topics * sizeof *g.topic);
    g.count = host->alloc((size_t)problem->topics * sizeof *g.count);
    int code = g.topic && g.count ? RONDO_OK : RONDO_ENOMEM;
    for (size_t i = 0; i < sizeof files / sizeof *files && !code; i++) {
        if (files[i].asked && !problem->pyldavis)
            continue;
        code = host->create(output, files[i].name, &g.out.stream, err);
        if (!code)
            code = files[i].write(&g, err);
    }
    host->free(g.topic);
    host->free(g.count);
    return code;
}
