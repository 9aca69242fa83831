/* criterion.h - the part of Criterion that our tests use, for builds with ThreadSanitizer.
 *
 * Place:   tests/support, in the place of <criterion/criterion.h> where RONDO_SANITIZE is thread:
 *          Criterion 2.4.1 does not start there.
 * Threads: checks are made by the test's own thread.
 * Memory:  none; a test runs in a child process, as Criterion's do.
 *
 * Test and TestSuite with init, fini, signal, exit_code, timeout, disabled and description; the
 * cr_assert and cr_expect families of <criterion/assert.h> (not those of new/assert.h); cr_assert_fail,
 * cr_skip_test, cr_log_*.  Parameterized tests, theories and redirections are not here.
 */
#ifndef TSAN_CRITERION_H
#define TSAN_CRITERION_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct crt_options {
    void (*init)(void);
    void (*fini)(void);
    int signal;
    int exit_code;
    double timeout; /* seconds; 0: none */
    bool disabled;
    const char *description;
};

struct crt_test {
    const char *suite, *name, *file;
    void (*run)(void);
    struct crt_options options;
    struct crt_test *next;
};

struct crt_suite {
    const char *name;
    struct crt_options options;
    struct crt_suite *next;
};

void crt_add_test(struct crt_test *test);
void crt_add_suite(struct crt_suite *suite);
/* Says what failed; ends the test where fatal. */
void crt_check(bool fatal, const char *file, int line, bool holds, const char *text,
               const char *format, ...);
_Noreturn void crt_skip(const char *format, ...);
void crt_log(const char *level, const char *format, ...);

#define Test(Suite, Name, ...)                                                                     \
    static void Suite##_##Name##_run(void);                                                        \
    static struct crt_test Suite##_##Name##_test = { .suite = #Suite, .name = #Name,               \
        .file = __FILE__, .run = Suite##_##Name##_run, .options = { __VA_ARGS__ } };               \
    __attribute__((constructor)) static void Suite##_##Name##_add(void)                            \
    {                                                                                              \
        crt_add_test(&Suite##_##Name##_test);                                                      \
    }                                                                                              \
    static void Suite##_##Name##_run(void)

#define TestSuite(Name, ...)                                                                       \
    static struct crt_suite Name##_suite = { .name = #Name, .options = { __VA_ARGS__ } };          \
    __attribute__((constructor)) static void Name##_add_suite(void)                                \
    {                                                                                              \
        crt_add_suite(&Name##_suite);                                                              \
    }                                                                                              \
    struct crt_suite

/* A last empty string stands for a message that was not given; behind one it is not read. */
#define CRT_1(fatal, what, ...) CRT_1_(fatal, what, __VA_ARGS__, "")
#define CRT_1_(fatal, what, a, ...)                                                                \
    crt_check(fatal, __FILE__, __LINE__, what(a), #what " " #a, __VA_ARGS__)
#define CRT_2(fatal, what, ...) CRT_2_(fatal, what, __VA_ARGS__, "")
#define CRT_2_(fatal, what, a, b, ...)                                                             \
    crt_check(fatal, __FILE__, __LINE__, what(a, b), #what " " #a ", " #b, __VA_ARGS__)
#define CRT_3(fatal, what, ...) CRT_3_(fatal, what, __VA_ARGS__, "")
#define CRT_3_(fatal, what, a, b, c, ...)                                                          \
    crt_check(fatal, __FILE__, __LINE__, what(a, b, c), #what " " #a ", " #b ", " #c, __VA_ARGS__)

#define CRT_true(a) (!!(a))
#define CRT_not(a) (!(a))
#define CRT_null(a) ((a) == NULL)
#define CRT_not_null(a) ((a) != NULL)
#define CRT_str_empty(a) ((a)[0] == '\0')
#define CRT_str_not_empty(a) ((a)[0] != '\0')
#define CRT_eq(a, b) ((a) == (b))
#define CRT_neq(a, b) ((a) != (b))
#define CRT_lt(a, b) ((a) < (b))
#define CRT_leq(a, b) ((a) <= (b))
#define CRT_gt(a, b) ((a) > (b))
#define CRT_geq(a, b) ((a) >= (b))
#define CRT_str_eq(a, b) (strcmp(a, b) == 0)
#define CRT_str_neq(a, b) (strcmp(a, b) != 0)
#define CRT_str_lt(a, b) (strcmp(a, b) < 0)
#define CRT_str_gt(a, b) (strcmp(a, b) > 0)
#define CRT_str_leq(a, b) (strcmp(a, b) <= 0)
#define CRT_str_geq(a, b) (strcmp(a, b) >= 0)
#define CRT_float_eq(a, b, c) (fabs((double)(a) - (double)(b)) <= (double)(c))
#define CRT_float_neq(a, b, c) (!CRT_float_eq(a, b, c))
#define CRT_arr_eq(a, b, c) (memcmp(a, b, c) == 0)
#define CRT_arr_neq(a, b, c) (memcmp(a, b, c) != 0)

#define cr_assert(...) CRT_1(true, CRT_true, __VA_ARGS__)
#define cr_assert_not(...) CRT_1(true, CRT_not, __VA_ARGS__)
#define cr_assert_null(...) CRT_1(true, CRT_null, __VA_ARGS__)
#define cr_assert_not_null(...) CRT_1(true, CRT_not_null, __VA_ARGS__)
#define cr_assert_str_empty(...) CRT_1(true, CRT_str_empty, __VA_ARGS__)
#define cr_assert_str_not_empty(...) CRT_1(true, CRT_str_not_empty, __VA_ARGS__)
#define cr_assert_eq(...) CRT_2(true, CRT_eq, __VA_ARGS__)
#define cr_assert_neq(...) CRT_2(true, CRT_neq, __VA_ARGS__)
#define cr_assert_lt(...) CRT_2(true, CRT_lt, __VA_ARGS__)
#define cr_assert_leq(...) CRT_2(true, CRT_leq, __VA_ARGS__)
#define cr_assert_gt(...) CRT_2(true, CRT_gt, __VA_ARGS__)
#define cr_assert_geq(...) CRT_2(true, CRT_geq, __VA_ARGS__)
#define cr_assert_str_eq(...) CRT_2(true, CRT_str_eq, __VA_ARGS__)
#define cr_assert_str_neq(...) CRT_2(true, CRT_str_neq, __VA_ARGS__)
#define cr_assert_str_lt(...) CRT_2(true, CRT_str_lt, __VA_ARGS__)
#define cr_assert_str_gt(...) CRT_2(true, CRT_str_gt, __VA_ARGS__)
#define cr_assert_str_leq(...) CRT_2(true, CRT_str_leq, __VA_ARGS__)
#define cr_assert_str_geq(...) CRT_2(true, CRT_str_geq, __VA_ARGS__)
#define cr_assert_float_eq(...) CRT_3(true, CRT_float_eq, __VA_ARGS__)
#define cr_assert_float_neq(...) CRT_3(true, CRT_float_neq, __VA_ARGS__)
#define cr_assert_arr_eq(...) CRT_3(true, CRT_arr_eq, __VA_ARGS__)
#define cr_assert_arr_neq(...) CRT_3(true, CRT_arr_neq, __VA_ARGS__)
#define cr_assert_fail(...) CRT_1_(true, CRT_not, true, "" __VA_ARGS__)

#define cr_expect(...) CRT_1(false, CRT_true, __VA_ARGS__)
#define cr_expect_not(...) CRT_1(false, CRT_not, __VA_ARGS__)
#define cr_expect_null(...) CRT_1(false, CRT_null, __VA_ARGS__)
#define cr_expect_not_null(...) CRT_1(false, CRT_not_null, __VA_ARGS__)
#define cr_expect_str_empty(...) CRT_1(false, CRT_str_empty, __VA_ARGS__)
#define cr_expect_str_not_empty(...) CRT_1(false, CRT_str_not_empty, __VA_ARGS__)
#define cr_expect_eq(...) CRT_2(false, CRT_eq, __VA_ARGS__)
#define cr_expect_neq(...) CRT_2(false, CRT_neq, __VA_ARGS__)
#define cr_expect_lt(...) CRT_2(false, CRT_lt, __VA_ARGS__)
#define cr_expect_leq(...) CRT_2(false, CRT_leq, __VA_ARGS__)
#define cr_expect_gt(...) CRT_2(false, CRT_gt, __VA_ARGS__)
#define cr_expect_geq(...) CRT_2(false, CRT_geq, __VA_ARGS__)
#define cr_expect_str_eq(...) CRT_2(false, CRT_str_eq, __VA_ARGS__)
#define cr_expect_str_neq(...) CRT_2(false, CRT_str_neq, __VA_ARGS__)
#define cr_expect_str_lt(...) CRT_2(false, CRT_str_lt, __VA_ARGS__)
#define cr_expect_str_gt(...) CRT_2(false, CRT_str_gt, __VA_ARGS__)
#define cr_expect_str_leq(...) CRT_2(false, CRT_str_leq, __VA_ARGS__)
#define cr_expect_str_geq(...) CRT_2(false, CRT_str_geq, __VA_ARGS__)
#define cr_expect_float_eq(...) CRT_3(false, CRT_float_eq, __VA_ARGS__)
#define cr_expect_float_neq(...) CRT_3(false, CRT_float_neq, __VA_ARGS__)
#define cr_expect_arr_eq(...) CRT_3(false, CRT_arr_eq, __VA_ARGS__)
#define cr_expect_arr_neq(...) CRT_3(false, CRT_arr_neq, __VA_ARGS__)
#define cr_expect_fail(...) CRT_1_(false, CRT_not, true, "" __VA_ARGS__)

#define cr_skip_test(...) crt_skip("" __VA_ARGS__)
#define cr_skip(...) crt_skip("" __VA_ARGS__)
#define cr_log_info(...) crt_log("info", __VA_ARGS__)
#define cr_log_warn(...) crt_log("warning", __VA_ARGS__)
#define cr_log_error(...) crt_log("error", __VA_ARGS__)

#endif
