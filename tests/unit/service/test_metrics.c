/* Prometheus text: escapes, and a buffer that cannot grow.  tests/e2e/test_metrics.py reads all of it. */
#include "core/base/mem.h"
#include "service/metrics.h"
#include "service/process.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

Test(metrics, names_values_and_labels)
{
    struct rondo_buf buf = { 0 };
    struct metrics metrics = { .buf = &buf };
    metrics_family(&metrics, METRICS_COUNTER, "a_total", "Words.");
    metrics_whole(&metrics, NULL, NULL, 9007199254740993);
    metrics_family(&metrics, METRICS_GAUGE, "b_seconds", "More.");
    metrics_real(&metrics, "x", "a\\b\"c\nd", 0.25);
    cr_assert(!metrics.failed && buf_append(&buf, "", 1) == 0);
    cr_expect_str_eq((const char *)buf.data, "# HELP a_total Words.\n# TYPE a_total counter\n"
                     "a_total 9007199254740993\n# HELP b_seconds More.\n# TYPE b_seconds gauge\n"
                     "b_seconds{x=\"a\\\\b\\\"c\\nd\"} 0.25\n");
    buf_fini(&buf);
}

Test(metrics, a_buffer_that_cannot_grow_is_said_once)
{
    struct rondo_buf buf = { 0 };
    struct metrics metrics = { .buf = &buf };
    mem_fail_at(1);
    metrics_family(&metrics, METRICS_GAUGE, "a", "Words.");
    mem_fail_at(0);
    metrics_whole(&metrics, NULL, NULL, 1);
    cr_expect(metrics.failed);
    buf_fini(&buf);
}

Test(metrics, a_process_knows_itself)
{
    struct process process = process_look();
    double now = (double)time(NULL);
    cr_expect(process.resident_bytes > 100000 && process.virtual_bytes > process.resident_bytes);
    cr_expect(process.cpu_seconds > 0 && process.cpu_seconds < 60);
    cr_expect(process.began_seconds > now - 60 && process.began_seconds < now + 2, "%f", process.began_seconds);
    cr_expect(process.open_files >= 3 && process.open_files < process.most_files);
    int copy = dup(0);
    cr_expect_eq(process_look().open_files, process.open_files + 1);
    close(copy);
}
