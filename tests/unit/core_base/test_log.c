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
        log_rationed(&ration, "number %d", i);
    ration.since_ns -= INT64_C(2000000000);
    log_rationed(&ration, "later");
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
