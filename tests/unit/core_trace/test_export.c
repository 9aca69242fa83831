/* The page of an export: its digest is that of the trace's rounds, though another thread makes it. */
#include "core/trace/digest.h"
#include "core/trace/export.h"
#include "tests/unit/core_trace/sample.h"

TestSuite(export, .init = sample_setup, .fini = sample_teardown);

enum { MANY = 400 }; /* some batches of a relay */

static int digest_it(void *digest, const struct trace_round *round)
{
    digest_round(digest, round);
    return 0;
}

/* By one thread. */
static void digest_of(struct trace_reader *reader, struct rondo_buf *json)
{
    struct digest *digest = NULL;
    cr_assert_eq(digest_create(&digest, NULL), RONDO_OK);
    digest_job(digest, "", TRACE_ALL, 0);
    cr_assert_eq(reader_scan(reader, sample_all, digest_it, digest, NULL), RONDO_OK);
    cr_assert_eq(digest_json(digest, json), RONDO_OK);
    cr_assert_eq(buf_append(json, "", 1), RONDO_OK);
    digest_destroy(digest);
}

/* Freed by free(). */
static char *page_of(struct trace_reader *reader, int *code, struct rondo_error *err)
{
    char *page = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&page, &size);
    *code = export_html(reader, out, err);
    cr_assert_eq(fclose(out), 0);
    return page;
}

Test(export, the_page_of_many_rounds_has_their_digest)
{
    struct rondo_buf want = { 0 };
    int code = 0;
    sample_trace(TRACE_ALL, MANY);
    struct trace_reader *reader = sample_reader();
    digest_of(reader, &want);
    char *page = page_of(reader, &code, NULL), *got = page ? strstr(page, "id=\"digest\">") : NULL;
    cr_assert_eq(code, RONDO_OK);
    cr_assert_not_null(got);
    got += strlen("id=\"digest\">");
    cr_assert_eq(strncmp(got, (const char *)want.data, strlen((const char *)want.data)), 0);
    free(page);
    reader_close(reader);
    buf_fini(&want);
}

Test(export, any_allocation_may_fail)
{
    bool failed = true;
    sample_trace(TRACE_ALL, MANY);
    struct trace_reader *reader = sample_reader();
    const int64_t live = mem_live();
    for (uint64_t k = 1; failed; k++) {
        struct rondo_error err = { 0 };
        int code = 0;
        const uint64_t before = mem_count();
        mem_fail_at(k);
        free(page_of(reader, &code, &err));
        failed = mem_count() - before >= k;
        cr_assert(code == RONDO_OK || (failed && code == RONDO_ENOMEM && err.code == code), "%d: %s", code, err.what);
        cr_assert_eq(mem_live(), live);
    }
    mem_fail_at(0);
    reader_close(reader);
}
