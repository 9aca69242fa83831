/* runner.c - runs the tests that criterion.h registered, one child process each. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77 };

enum outcome { PASSED, FAILED, CRASHED, LEFT_OUT };

static struct crt_test *first_test, **last_test = &first_test;
static struct crt_suite *first_suite;
static bool failed; /* in the child: a check did not hold */

void crt_add_test(struct crt_test *test)
{
    *last_test = test;
    last_test = &test->next;
}

void crt_add_suite(struct crt_suite *suite)
{
    suite->next = first_suite;
    first_suite = suite;
}

void crt_check(bool fatal, const char *file, int line, bool holds, const char *text,
               const char *format, ...)
{
    if (holds)
        return;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "[----] %s:%d: Assertion Failed: %s\n[----]   ", file, line, text);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    failed = true;
    if (fatal)
        exit(1);
}

_Noreturn void crt_skip(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "[SKIP] ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(SKIPPED);
}

void crt_log(const char *level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "[----] %s: ", level);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* A test's own options first, its suite's where it has none. */
static struct crt_options options_of(const struct crt_test *test)
{
    struct crt_options options = test->options;
    for (const struct crt_suite *suite = first_suite; suite; suite = suite->next) {
        if (strcmp(suite->name, test->suite) != 0)
            continue;
        options.init = options.init ? options.init : suite->options.init;
        options.fini = options.fini ? options.fini : suite->options.fini;
        options.timeout = options.timeout > 0 ? options.timeout : suite->options.timeout;
        options.disabled = options.disabled || suite->options.disabled;
        options.signal = options.signal ? options.signal : suite->options.signal;
        options.exit_code = options.exit_code ? options.exit_code : suite->options.exit_code;
    }
    return options;
}

static _Noreturn void child(const struct crt_test *test, const struct crt_options *options)
{
    if (options->timeout > 0)
        alarm((unsigned)ceil(options->timeout));
    if (options->init)
        options->init();
    test->run();
    if (options->fini)
        options->fini();
    exit(failed ? 1 : 0);
}

static enum outcome run(const struct crt_test *test)
{
    struct crt_options options = options_of(test);
    int status = 0;

    if (options.disabled)
        return LEFT_OUT;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        child(test, &options);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return CRASHED;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == options.signal ? PASSED : CRASHED;
    if (options.signal)
        return FAILED;
    if (WEXITSTATUS(status) == SKIPPED && options.exit_code != SKIPPED)
        return LEFT_OUT;
    return WEXITSTATUS(status) == options.exit_code ? PASSED : FAILED;
}

/* Arguments are Criterion's and are not read. */
int main(void)
{
    int count[4] = { 0 };

    for (const struct crt_test *test = first_test; test; test = test->next) {
        enum outcome outcome = run(test);
        count[outcome]++;
        if (outcome == FAILED || outcome == CRASHED)
            fprintf(stderr, "[%s] %s::%s\n", outcome == FAILED ? "FAIL" : "CRSH", test->suite,
                    test->name);
    }
    fprintf(stderr, "[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: %d\n",
            count[PASSED] + count[FAILED] + count[CRASHED], count[PASSED],
            count[FAILED] + count[CRASHED], count[CRASHED]); /* as Criterion counts */
    return count[FAILED] + count[CRASHED] ? 1 : 0;
}
