/* What may be submitted, and what not. */
#include "tests/unit/service/place.h"

#include "core/base/mem.h"
#include "service/admit.h"

static const char *roots[3];

static void setup(void)
{
    static char one[PATH_MAX];
    place_setup();
    place_make("data");
    place_make("data2");
    place_make("data/sub");
    place_write("data/x.svm", "1 1:1\n");
    place_write("data2/x.svm", "1 1:1\n");
    snprintf(one, sizeof one, "%s", place_path("data"));
    roots[0] = one;
}

TestSuite(admit, .init = setup, .fini = place_teardown);

static enum fault look(const char *path, struct admit *admit, struct rondo_error *err)
{
    char text[PATH_MAX + 300];
    snprintf(text, sizeof text, "{\"version\":1,\"app\":\"lasso\",\"name\":\"n\",\"data\":{\"x\":\"%s\"},"
             "\"queue\":{\"priority\":-3}}", path);
    *err = (struct rondo_error){ 0 };
    return admit_spec(text, strlen(text), roots, admit, err);
}

static void refused(const char *path, enum fault wanted)
{
    struct admit admit;
    struct rondo_error err;
    int64_t live = mem_live();
    enum fault fault = look(path, &admit, &err);
    cr_expect_eq(fault, wanted, "%s: %s, not %s", path, fault_code(fault), fault_code(wanted));
    cr_expect(strncmp(err.where, "/data/x (body:", 14) == 0, "%s", err.where);
    cr_expect_null(admit.spec);
    cr_expect_eq(mem_live(), live);
}

Test(admit, a_sound_spec_is_taken_with_all_its_defaults)
{
    struct admit admit;
    struct rondo_error err;
    cr_assert_eq(look(place_path("data/./x.svm"), &admit, &err), FAULT_NONE, "%s", err.what);
    cr_expect_str_eq(admit.name, "n");
    cr_expect_str_eq(admit.app, "lasso");
    cr_expect_eq(admit.priority, -3);
    cr_expect(strstr(admit.spec, place_path("data/x.svm")), "%s", admit.spec);
    cr_expect(strstr(admit.spec, "\"seed\":1"), "%s", admit.spec);
    admit_fini(&admit);
}

Test(admit, links_are_resolved_before_they_are_judged_and_stay_so)
{
    struct admit admit;
    struct rondo_error err;
    cr_assert_eq(symlink("../data2/x.svm", place_path("data/out.svm")), 0);
    cr_assert_eq(symlink("data", place_path("link")), 0);
    refused(place_path("data/out.svm"), FAULT_OUTSIDE);
    cr_assert_eq(look(place_path("link/x.svm"), &admit, &err), FAULT_NONE, "%s", err.what);
    cr_expect(strstr(admit.spec, place_path("data/x.svm")), "%s", admit.spec);
    cr_expect_null(strstr(admit.spec, "link"));
    admit_fini(&admit);
}

Test(admit, what_lies_elsewhere_is_refused_whether_it_is_there_or_not)
{
    refused("/etc/passwd", FAULT_OUTSIDE);
    refused("/etc/no such file", FAULT_OUTSIDE);
    refused(place_path("data2/x.svm"), FAULT_OUTSIDE);
    refused(place_path("data/../data2/x.svm"), FAULT_OUTSIDE);
    refused(place_path("data/../data2/none.svm"), FAULT_OUTSIDE);
    refused(place_path("data3"), FAULT_OUTSIDE);
}

Test(admit, what_is_missing_or_no_file_is_said)
{
    refused(place_path("data/none.svm"), FAULT_NO_DATA);
    refused(place_path("data/none/deeper.svm"), FAULT_NO_DATA);
    refused(place_path("data/sub"), FAULT_NO_DATA);
    cr_assert_eq(mkfifo(place_path("data/pipe"), 0600), 0);
    refused(place_path("data/pipe"), FAULT_NO_DATA);
    refused("data/x.svm", FAULT_RELATIVE_PATH);
    refused("./x.svm", FAULT_RELATIVE_PATH);
}

Test(admit, words_that_are_no_spec_are_told_apart)
{
    static const struct {
        const char *text;
        enum fault fault;
    } cases[] = {
        { "", FAULT_BAD_JSON }, { "{", FAULT_BAD_JSON }, { "{\"a\":1,\"a\":2}", FAULT_BAD_JSON },
        { "[]", FAULT_BAD_SPEC }, { "{}", FAULT_BAD_SPEC },
        { "{\"version\":2,\"app\":\"lasso\",\"data\":{}}", FAULT_BAD_SPEC },
        { "{\"version\":1,\"app\":\"none\",\"data\":{}}", FAULT_BAD_SPEC },
        { "{\"version\":1,\"app\":\"lasso\",\"data\":{}}", FAULT_BAD_SPEC },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct admit admit;
        struct rondo_error err = { 0 };
        enum fault fault = admit_spec(cases[i].text, strlen(cases[i].text), roots, &admit, &err);
        cr_expect_eq(fault, cases[i].fault, "%s: %s", cases[i].text, fault_code(fault));
        cr_expect(*err.what);
    }
}

Test(admit, an_apps_own_rules_are_asked)
{
    struct admit admit;
    struct rondo_error err = { 0 };
    char text[PATH_MAX + 300];
    snprintf(text, sizeof text, "{\"version\":1,\"app\":\"lasso\",\"data\":{\"x\":\"%s\"},"
             "\"params\":{\"lambda\":1,\"lambda_ratio\":0.1}}", place_path("data/x.svm"));
    cr_expect_eq(admit_spec(text, strlen(text), roots, &admit, &err), FAULT_BAD_SPEC);
}

Test(admit, a_root_holds_what_is_below_it_by_whole_names)
{
    static const char *const some[] = { "/data", "/srv/", NULL }, *const all[] = { "/", NULL };
    cr_expect(admit_inside("/data", some) && admit_inside("/data/x", some));
    cr_expect(admit_inside("/srv/x", some));
    cr_expect(!admit_inside("/data2/x", some) && !admit_inside("/", some));
    cr_expect(admit_inside("/anything", all));
}

Test(admit, any_allocation_may_fail)
{
    int failures = 0;
    for (uint64_t k = 1;; k++, failures++) {
        struct admit admit;
        struct rondo_error err;
        int64_t live = mem_live();
        mem_fail_at(k);
        enum fault fault = look(place_path("data/x.svm"), &admit, &err);
        mem_fail_at(0);
        admit_fini(&admit);
        cr_assert_eq(mem_live(), live, "leaked when allocation %d failed", (int)k);
        if (fault == FAULT_NONE)
            break;
        cr_assert_eq(fault, FAULT_INTERNAL);
    }
    cr_expect(failures > 20);
}
