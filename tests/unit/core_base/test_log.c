/* What others say is said in one plain line, and not without end. */
#include "core/base/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(log, others_words_are_made_plain)
{
    char text[] = "a\x1b[2Jb\nc\x7f\xc2\x9b" "2J n\xc3\xb6 \xc2";
    log_plain(text);
    cr_expect_str_eq(text, "a?[2Jb?c???2J n\xc3\xb6 \xc2");
}

static const char *value(const char *text, size_t size)
{
    static char out[64];
    size_t length = log_value(text, out, size);
    cr_expect_eq(length, strlen(out));
    cr_expect_lt(length, size);
    return out;
}

Test(log, a_value_is_quoted_where_it_must_be)
{
    cr_expect_str_eq(value("tcp://a:1/x,y", 64), "tcp://a:1/x,y");
    cr_expect_str_eq(value("", 64), "\"\"");
    cr_expect_str_eq(value("two words", 64), "\"two words\"");
    cr_expect_str_eq(value("a=b", 64), "\"a=b\"");
    cr_expect_str_eq(value("a\"b\\", 64), "\"a\\\"b\\\\\"");
    cr_expect_str_eq(value("a\nb\t\x1b[2J\x7f", 64), "\"a\\nb\\t\\u001b[2J\\u007f\"");
    cr_expect_str_eq(value("n\xc3\xb6 \xc2\x9b", 64), "\"n\xc3\xb6 \\u009b\"");
    cr_expect_str_eq(value("\xff\xc3", 64), "\"\\ufffd\\ufffd\"");
    cr_expect_str_eq(value("\xed\xa0\x80", 64), "\"\\ufffd\\ufffd\\ufffd\"", "a surrogate is no character");
}

Test(log, a_long_value_is_cut_and_stays_whole)
{
    cr_expect_str_eq(value("abcdef", 7), "abcdef");
    cr_expect_str_eq(value("abcdef", 6), "\"abc\"");
    cr_expect_str_eq(value("ab\n\n\n", 8), "\"ab\\n\"", "no half an escape");
    cr_expect_str_eq(value("a \xc3\xb6", 6), "\"a \"", "no half a character");
    cr_expect_str_eq(value("x", 3), "x");
}

/* What `say` writes to stderr. */
static char *heard(void (*say)(void))
{
    static char text[1 << 16];
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    cr_assert(file && kept >= 0);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    say();
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void one_with_a_newline(void)
{
    log_line(LOG_WARNING, "it says %s", "yes\nrondo: no");
}

static void a_thousand(void)
{
    struct log_ration ration = { 0 };
    for (int i = 0; i < 1000; i++)
        log_rationed(&ration, NULL, "number %d", i);
    ration.since_ns -= INT64_C(2000000000);
    log_rationed(&ration, NULL, "later");
}

static void an_event(void)
{
    const struct log_about about = { .job = 17, .worker = "w 1", .peer = "127.0.0.1:7" };
    log_set_form(LOG_LOGFMT);
    log_event(LOG_WARNING, &about, "it says %s", "\"no\"\n");
    log_set_job(18);
    log_line(LOG_ERROR, "plain");
    log_line(LOG_DEBUG, "not shown");
}

Test(log, an_event_has_a_time_a_level_and_fields)
{
    char *text = heard(an_event);
    static const char wanted[] = "level=warning msg=\"it says \\\"no\\\"\\n\" job=17 worker=\"w 1\" peer=127.0.0.1:7\n"
                                 "time=";
    int year, month, day, hour, minute, second, ms, at = 0;
    sscanf(text, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute, &second, &ms, &at);
    cr_assert_eq(at, 30, "%s", text);
    cr_expect_eq(strncmp(text + at, wanted, sizeof wanted - 1), 0, "%s", text);
    cr_expect_str_eq(text + strlen(text) - 30, " level=error msg=plain job=18\n");
}

static int cleared;

static void count_clear(void *context)
{
    cleared += *(int *)context;
}

static void hooked(void)
{
    int one = 1;
    log_set_hook(count_clear, &one);
    log_line(LOG_INFO, "a");
    log_line(LOG_DEBUG, "not shown");
    log_set_hook(NULL, NULL);
    log_line(LOG_INFO, "b");
}

Test(log, who_draws_is_asked_to_clear_before_a_line)
{
    cr_expect_str_eq(heard(hooked), "rondo: a\nrondo: b\n");
    cr_expect_eq(cleared, 1);
}

Test(log, a_line_is_one_line)
{
    cr_expect_str_eq(heard(one_with_a_newline), "rondo: warning: it says yes?rondo: no\n");
}

Test(log, many_lines_are_rationed_and_counted)
{
    char *text = heard(a_thousand);
    int lines = 0;
    for (char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    cr_expect_eq(lines, 11, "%d", lines);
    cr_expect(strstr(text, "warning: later (990 more of late)\n"));
}
