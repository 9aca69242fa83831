/* export_html.c - the page of an export: assets/export.html with each @word@ replaced.  The policy in its head
 * lets the browser run the scripts and styles whose hashes it names, load nothing and send nothing. */
#include "core/trace/export.h"

#include "assets/assets.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trace/details.h"
#include "core/trace/digest.h"
#include "core/trace/listing.h"
#include "core/trace/relay.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct page {
    struct trace_reader *reader;
    FILE *out;
    struct rondo_buf style, digest, meta;
};

/* ---- the digest of a trace ------------------------------------------------------------------ */

struct facts {
    char app[64];
    int64_t variables;
    FILE *meta;
    bool begun;
};

static int each_meta(void *context, const char *key, const char *value)
{
    struct facts *facts = context;
    if (strcmp(key, "app") == 0)
        snprintf(facts->app, sizeof facts->app, "%s", value);
    if (strcmp(key, "variables") == 0)
        facts->variables = strtoll(value, NULL, 10);
    putc(facts->begun ? ',' : '{', facts->meta);
    facts->begun = true;
    listing_json_text(facts->meta, key);
    putc(':', facts->meta);
    listing_json_text(facts->meta, value);
    return RONDO_OK;
}

static int each_round(void *digest, const struct trace_round *round)
{
    digest_round(digest, round);
    return RONDO_OK;
}

static int hand_on(void *relay, const struct trace_round *round)
{
    return relay_give(relay, round);
}

static int each_report(void *digest, const struct trace_report *report)
{
    digest_report(digest, report);
    return RONDO_OK;
}

static const struct reader_window everything = { INT64_MIN, INT64_MAX };

static int read_meta(struct page *page, struct facts *facts, struct rondo_error *err)
{
    char *text = NULL;
    size_t size = 0;
    facts->meta = open_memstream(&text, &size);
    if (!facts->meta)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    int code = reader_meta(page->reader, each_meta, facts, err);
    fputs(facts->begun ? "}" : "{}", facts->meta);
    int failed = fclose(facts->meta);
    if (!code && (failed || buf_append(&page->meta, text, size)))
        code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    free(text);
    return code;
}

/* Rounds are read by this thread and digested by another. */
static int read_rounds(struct trace_reader *reader, struct digest *digest, struct rondo_error *err)
{
    const int kinds = 1 << DETAILS_BLOCKS | 1 << DETAILS_TASKS | 1 << DETAILS_CONFLICTS | DETAILS_BRIEF;
    struct relay relay;
    relay_open(&relay, each_round, digest);
    int code = details_scan(reader, everything, kinds, hand_on, &relay, err);
    const int ended = relay_end(&relay);
    relay_close(&relay);
    code = code ? code : ended;
    if (code == RONDO_ENOMEM && err && !err->code)
        rondo_error_set(err, code, reader_path(reader), NULL, "out of memory");
    return code;
}

static int read_digest(struct page *page, struct rondo_error *err)
{
    struct digest *digest = NULL;
    struct facts facts = { 0 };
    int code = read_meta(page, &facts, err);
    if (!code)
        code = digest_create(&digest, err);
    if (code)
        return code;
    digest_job(digest, facts.app, reader_level(page->reader), facts.variables);
    code = read_rounds(page->reader, digest, err);
    if (!code)
        code = reader_reports(page->reader, everything, each_report, digest, err);
    if (!code && digest_json(digest, &page->digest))
        code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    digest_destroy(digest);
    return code;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void put_bytes(FILE *out, const void *bytes, size_t size)
{
    fwrite(bytes, 1, size, out);
}

static struct rondo_bytes asset(const char *name)
{
    const struct asset *found = asset_find(name);
    assert(found); /* all are embedded */
    return (struct rondo_bytes){ found->bytes, found->size };
}

/* JSON within a script: no '<' of a text ends it or begins a comment. */
static void put_json(FILE *out, const struct rondo_buf *json)
{
    for (size_t i = 0; i < json->size; i++)
        if (json->data[i] == '<')
            fputs("\\u003c", out);
        else
            putc(json->data[i], out);
}

static void put_text(FILE *out, struct rondo_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        int c = ((const unsigned char *)text.data)[i];
        if (c == '<')
            fputs("&lt;", out);
        else if (c == '&')
            fputs("&amp;", out);
        else
            putc(c, out);
    }
}

/* 'sha256-...' in base 64, as a policy names a script. */
static void put_hash(FILE *out, struct rondo_bytes text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char hex[65];
    unsigned char hash[33] = { 0 }; /* one more, so that three at a time come out */
    file_sha256_of(text.data, text.size, hex);
    for (int i = 0; i < 32; i++) {
        const char two[3] = { hex[2 * i], hex[2 * i + 1], 0 };
        hash[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    fputs(" 'sha256-", out);
    for (int i = 0; i < 33; i += 3) {
        unsigned three = (unsigned)hash[i] << 16 | (unsigned)hash[i + 1] << 8 | hash[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            putc(i == 30 && shift == 0 ? '=' : digits[three >> shift & 63], out);
    }
    putc('\'', out);
}

/* As they stand in the page, and their hashes in its policy. */
static const struct {
    const char *word, *asset;
} scripts[] = {
    { "dygraph", "dygraph.js" }, { "figure", "figure.js" }, { "plots", "plots.js" }, { "page", "export.js" }
};

static void put_policy(FILE *out, const struct page *page)
{
    fputs("default-src 'none'; base-uri 'none'; form-action 'none'; style-src", out);
    put_hash(out, (struct rondo_bytes){ page->style.data, page->style.size });
    fputs("; script-src", out);
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        put_hash(out, asset(scripts[i].asset));
}

static void put_word(const struct page *page, const char *word, size_t length)
{
    FILE *out = page->out;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (strncmp(word, scripts[i].word, length) == 0) {
            struct rondo_bytes script = asset(scripts[i].asset);
            put_bytes(out, script.data, script.size);
            return;
        }
    if (strncmp(word, "policy", length) == 0)
        put_policy(out, page);
    else if (strncmp(word, "style", length) == 0)
        put_bytes(out, page->style.data, page->style.size);
    else if (strncmp(word, "licence", length) == 0)
        put_text(out, asset("dygraph.txt"));
    else
        put_json(out, strncmp(word, "digest", length) == 0 ? &page->digest : &page->meta);
}

static void put_page(const struct page *page)
{
    const char *at = asset("export.html").data;
    for (const char *mark; (mark = strchr(at, '@')); ) {
        const char *end = strchr(mark + 1, '@');
        assert(end);
        put_bytes(page->out, at, (size_t)(mark - at));
        put_word(page, mark + 1, (size_t)(end - mark - 1));
        at = end + 1;
    }
    fputs(at, page->out);
}

int export_html(struct trace_reader *reader, FILE *out, struct rondo_error *err)
{
    static const char *const styles[] = { "dygraph.css", "plots.css", "export.css" };
    struct page page = { .reader = reader, .out = out };
    int code = read_digest(&page, err);
    for (size_t i = 0; i < sizeof styles / sizeof *styles && !code; i++) {
        struct rondo_bytes style = asset(styles[i]);
        if (buf_append(&page.style, style.data, style.size))
            code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    }
    if (!code)
        put_page(&page);
    if (!code && ferror(out))
        code = rondo_error_set(err, RONDO_EIO, NULL, NULL, "cannot write: %s", strerror(errno));
    buf_fini(&page.style);
    buf_fini(&page.digest);
    buf_fini(&page.meta);
    return code;
}
