/* made_mf.c - rondo data generate mf: ratings as lines, their factors, a spec. */
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/data/rowfile.h"
#include "tools/cli.h"
#include "tools/made.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 128, PATH = 4096, EPOCHS = 20 };

/* train.txt and test.txt. */
struct side {
    struct file_atomic file;
    int64_t lines;
};

/* ---- a line: user, item, rating ----------------------------------------------------------------------- */

static char *put_whole(char *at, uint64_t number)
{
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

/* Four decimals where they are all, else the nine digits that give the float back. */
static char *put_rating(char *at, double value)
{
    double size = fabs(value), scaled = round(size * 1e4);
    if (size > 1e10 || scaled / 1e4 != size)
        return at + snprintf(at, 32, "%.9g", value);
    uint64_t whole = (uint64_t)scaled, rest = whole % 10000;
    if (value < 0)
        *at++ = '-';
    at = put_whole(at, whole / 10000);
    if (rest)
        *at++ = '.';
    for (uint64_t unit = 1000; rest; rest %= unit, unit /= 10)
        *at++ = (char)('0' + rest / unit);
    return at;
}

static void put_line(struct side *side, bool text, int64_t user, const struct rating_made *rating)
{
    char line[LINE], *at = line;
    if (text)
        *at++ = 'u';
    at = put_whole(at, (uint64_t)user);
    *at++ = '\t';
    if (text)
        *at++ = 'i';
    at = put_whole(at, (uint64_t)rating->item);
    *at++ = '\t';
    at = put_rating(at, rating->value);
    *at++ = '\n';
    fwrite(line, 1, (size_t)(at - line), side->file.stream); /* a failure is the commit's to tell */
    side->lines++;
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static int commit(struct side *side, const struct ratings_recipe *r)
{
    struct rondo_error err = { 0 };
    char path[PATH];
    memcpy(path, side->file.path, sizeof path);
    if (file_commit(&side->file, &err))
        return cli_fail(&err);
    printf("%s: %lld x %lld, %lld values\n", path, (long long)r->users, (long long)r->items,
           (long long)side->lines);
    return 0;
}

/* sides: train, test.  Where the share of the test came to no rating at all there is no file of it. */
static int write_ratings(struct ratings_made *made, const char *dir, bool text, struct side sides[2])
{
    struct rondo_error err = { 0 };
    const struct ratings_recipe *r = &made->recipe;
    struct rating_made *row = mem_alloc((size_t)r->items * sizeof *row);
    if (!row)
        (void)rondo_error_set(&err, RONDO_ENOMEM, NULL, NULL, "out of memory");
    if (!row || file_begin(&sides[0].file, dir, "train.txt", &err) ||
        file_begin(&sides[1].file, dir, "test.txt", &err)) {
        mem_free(row);
        return cli_fail(&err);
    }
    for (int64_t user = 0; user < r->users; user++)
        for (int64_t i = 0, n = ratings_made_row(made, user, row); i < n; i++)
            put_line(&sides[row[i].test], text, user, &row[i]);
    mem_free(row);
    if (sides[0].lines == 0)
        return cli_usage("data generate", "--test leaves no rating to train on");
    int status = commit(&sides[0], r);
    return status || sides[1].lines == 0 ? status : commit(&sides[1], r);
}

static int write_rows(const char *dir, const char *name, const double *rows, int64_t count, int64_t width)
{
    struct rondo_error err = { 0 };
    struct rowfile file = { 0 };
    char path[PATH];
    snprintf(path, sizeof path, "%.4000s/truth/%s.npy", dir, name);
    int code = rowfile_open(&file, path, &err);
    if (!code)
        code = rowfile_put(&file, rows, count, width, &err);
    if (!code)
        code = rowfile_commit(&file, &err);
    rowfile_abandon(&file);
    if (code)
        return cli_fail(&err);
    printf("%s: %lld x %lld\n", path, (long long)count, (long long)width);
    return 0;
}

static bool biased(const struct ratings_recipe *r)
{
    return r->mean != 0 || r->user_bias > 0 || r->item_bias > 0;
}

static int write_truth(const struct ratings_made *made, const char *dir)
{
    const struct ratings_recipe *r = &made->recipe;
    int status = write_rows(dir, "user_factors", made->user, r->users, r->rank);
    if (!status)
        status = write_rows(dir, "item_factors", made->item, r->items, r->rank);
    if (!status && biased(r))
        status = write_rows(dir, "user_bias", made->user_bias, r->users, 1);
    if (!status && biased(r))
        status = write_rows(dir, "item_bias", made->item_bias, r->items, 1);
    return status;
}

/* Without noise next to nothing is to be gained by a penalty. */
static int write_spec(const struct ratings_recipe *r, const char *dir, bool test)
{
    char params[160];
    snprintf(params, sizeof params, "\"rank\": %lld%s%s%s", (long long)r->rank,
             r->implicit    ? ", \"implicit\": true"
             : r->noise > 0 ? ", \"lambda\": 0.05"
                            : ", \"lambda\": 1e-6",
             r->nonnegative ? ", \"nonnegative\": true" : "", biased(r) ? ", \"biases\": true" : "");
    return made_spec(dir, "mf", test ? "\"train\": \"train.txt\", \"test\": \"test.txt\"" : "\"train\": \"train.txt\"",
                     params, EPOCHS);
}

int made_mf(const struct ratings_recipe *recipe, const char *dir, bool text)
{
    struct rondo_error err = { 0 };
    struct ratings_made *made;
    struct side sides[2] = { 0 };
    char truth[PATH];
    if (ratings_made_create(recipe, &made, &err))
        return made_refused(&err);
    snprintf(truth, sizeof truth, "%.4000s/truth", dir);
    int status = file_make_dir(truth, &err) ? cli_fail(&err) : write_ratings(made, dir, text, sides);
    if (!status)
        status = write_truth(made, dir);
    if (!status)
        status = write_spec(recipe, dir, sides[1].lines > 0);
    file_abandon(&sides[0].file);
    file_abandon(&sides[1].file);
    ratings_made_destroy(made);
    return status;
}
