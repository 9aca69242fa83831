/* Every inner loop on packed genotypes, of each instruction set of this machine, against one row at a
 * time.  Columns lie in memory of just their length, at odd addresses, with bits behind the last row. */
#include "apps/lasso/genotype.h"
#include "tests/support/lasso_drive.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 7, LARGEST = 300 };

static int kernels(const struct genotype_kernel **list)
{
    int count = 0;
    __builtin_cpu_init();
    list[count++] = &lasso_genotype_v2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("bmi2"))
        list[count++] = &lasso_genotype_v3;
    if (count == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl"))
        list[count++] = &lasso_genotype_v4;
    return count;
}

struct fixture {
    const struct genotype_kernel *kernel;
    struct dice dice;
    int64_t n;
    bool missing;                /* some are */
    uint8_t *room[COLUMNS], *x[COLUMNS]; /* x: one byte behind room, to its end */
    double *v;                   /* [GENOTYPE_VECTORS * n] */
    double table[4];
};

static void *must(void *block)
{
    cr_assert(block != NULL);
    return block;
}

static void *aligned(size_t size)
{
    return must(aligned_alloc(64, (size + 63) / 64 * 64 + 64));
}

static void fill(struct fixture *f)
{
    int64_t bytes = (f->n + 3) / 4;
    for (int c = 0; c < COLUMNS; c++) {
        int one = (int)dice_below(&f->dice, 12); /* below 4: the same code everywhere */
        f->room[c] = must(malloc((size_t)bytes + 1));
        f->x[c] = f->room[c] + 1;
        for (int64_t i = 0; i < bytes * 4; i++) {
            int code = one < 4 ? one : (int)dice_below(&f->dice, 4);
            if (i < f->n && !f->missing && code == RONDO_MISSING)
                code = RONDO_HET;
            if (i % 4 == 0)
                f->x[c][i / 4] = 0;
            f->x[c][i / 4] = (uint8_t)(f->x[c][i / 4] | code << i % 4 * 2);
        }
    }
    f->v = must(malloc(GENOTYPE_VECTORS * (size_t)f->n * sizeof *f->v));
    for (int64_t i = 0; i < GENOTYPE_VECTORS * f->n; i++)
        f->v[i] = dice_normal(&f->dice);
    for (int code = 0; code < 4; code++)
        f->table[code] = dice_normal(&f->dice);
}

static void empty(struct fixture *f)
{
    for (int c = 0; c < COLUMNS; c++)
        free(f->room[c]);
    free(f->v);
}

static void each(void (*check)(struct fixture *))
{
    const struct genotype_kernel *list[3];
    int count = kernels(list);
    static const int64_t large[] = { 511, 512, 513, 1000, 4096, 5001, 70001 };
    for (int k = 0; k < count; k++)
        for (int64_t i = 1; i <= LARGEST + 7; i++)
            for (int missing = 0; missing < 2; missing++) {
                struct fixture f = { .kernel = list[k], .missing = missing,
                                     .n = i <= LARGEST ? i : large[i - LARGEST - 1] };
                f.dice = (struct dice){ .seed = (uint64_t)f.n };
                fill(&f);
                check(&f);
                empty(&f);
            }
}

static int code_of(const struct fixture *f, int column, int64_t i)
{
    return f->x[column][i / 4] >> i % 4 * 2 & 3;
}

/* ---- counts --------------------------------------------------------------------------------------- */

static void check_count(struct fixture *f)
{
    uint64_t *rows = must(calloc((size_t)(f->n + 63) / 64, sizeof *rows));
    int64_t all[4] = { 0 }, some[4] = { 0 }, counts[4];
    for (int64_t i = 0; i < (f->n + 63) / 64 * 64; i++)
        rows[i / 64] |= (uint64_t)dice_below(&f->dice, 2) << i % 64;
    for (int64_t i = 0; i < f->n; i++) {
        all[code_of(f, 0, i)]++;
        some[code_of(f, 0, i)] += (int64_t)(rows[i / 64] >> i % 64 & 1);
    }
    f->kernel->count(f->x[0], f->n, NULL, counts);
    cr_assert_arr_eq(counts, all, sizeof all, "%s, n %lld", f->kernel->isa, (long long)f->n);
    f->kernel->count(f->x[0], f->n, rows, counts);
    cr_assert_arr_eq(counts, some, sizeof some, "%s, n %lld", f->kernel->isa, (long long)f->n);
    free(rows);
}

Test(genotype, counts_of_all_rows_and_of_a_set)
{
    each(check_count);
}

/* ---- doubles -------------------------------------------------------------------------------------- */

static void near(const struct fixture *f, double value, long double truth, long double size)
{
    long double slack = (long double)(f->n + 8) * (DBL_EPSILON / 2) * size;
    cr_assert(fabsl(value - truth) <= slack, "%s, n %lld: %.17g, not %.17Lg", f->kernel->isa,
              (long long)f->n, value, truth);
}

static void check_dots(struct fixture *f)
{
    for (int vectors = 1; vectors <= GENOTYPE_VECTORS; vectors++) {
        double out[GENOTYPE_VECTORS], alone;
        f->kernel->dots(f->x[0], f->n, f->table, f->v, f->n, vectors, out);
        for (int k = 0; k < vectors; k++) {
            const double *v = f->v + k * f->n;
            long double sum = 0, size = 0;
            for (int64_t i = 0; i < f->n; i++) {
                long double term = (long double)f->table[code_of(f, 0, i)] * v[i];
                sum += term;
                size += fabsl(term);
            }
            near(f, out[k], sum, size);
            f->kernel->dots(f->x[0], f->n, f->table, v, f->n, 1, &alone);
            cr_assert_eq(memcmp(&alone, &out[k], sizeof alone), 0, "other bits beside others");
        }
    }
}

Test(genotype, dots_with_one_to_four_vectors)
{
    each(check_dots);
}

static void check_columns(struct fixture *f)
{
    double tables[COLUMNS][4], out[COLUMNS + 1], alone;
    for (int c = 0; c < COLUMNS; c++)
        for (int code = 0; code < 4; code++)
            tables[c][code] = dice_normal(&f->dice);
    for (int count = 0; count <= COLUMNS; count++) {
        out[count] = 77;
        f->kernel->columns((const uint8_t *const *)f->x, count, f->n, tables, f->v, out);
        cr_assert_eq(out[count], 77);
        for (int c = 0; c < count; c++) {
            f->kernel->dots(f->x[c], f->n, tables[c], f->v, f->n, 1, &alone);
            cr_assert_eq(memcmp(&alone, &out[c], sizeof alone), 0, "other bits beside others");
        }
    }
}

Test(genotype, columns_have_the_bits_of_dots)
{
    each(check_columns);
}

static void check_sums(struct fixture *f)
{
    double out[3];
    f->kernel->sums(f->x[1], f->n, f->v, out);
    for (int code = 0; code < 3; code++) {
        long double sum = 0, size = 0;
        for (int64_t i = 0; i < f->n; i++)
            if (code_of(f, 1, i) == code) {
                sum += f->v[i];
                size += fabs(f->v[i]);
            }
        near(f, out[code], sum, size);
    }
}

Test(genotype, sums_by_code)
{
    each(check_sums);
}

static void check_axpy(struct fixture *f)
{
    double *to = must(malloc((size_t)f->n * sizeof *to));
    memcpy(to, f->v, (size_t)f->n * sizeof *to);
    f->kernel->axpy(f->table, f->x[2], f->n, to);
    for (int64_t i = 0; i < f->n; i++)
        cr_assert_eq(to[i], f->v[i] + f->table[code_of(f, 2, i)]);
    free(to);
}

Test(genotype, axpy)
{
    each(check_axpy);
}

/* ---- fixed point ---------------------------------------------------------------------------------- */

/* What the digits say that q_i is. */
static int64_t q_of(const int8_t *digits, int count, int64_t i)
{
    int64_t q = 0, block = i / GENOTYPE_BLOCK, row = i % GENOTYPE_BLOCK;
    for (int d = count; d-- > 0;)
        q = q * 256 + digits[(block * count + d) * GENOTYPE_BLOCK + row % 4 * 64 + row / 4];
    return q;
}

static void check_fixed(struct fixture *f)
{
    for (int digits = 1; digits <= GENOTYPE_DIGITS; digits++) {
        int8_t *v = aligned(genotype_fixed_bytes(f->n, digits));
        struct genotype_total out[COLUMNS];
        double step = f->kernel->fix(f->v, f->n, digits, v);
        for (int64_t i = 0; i < f->n; i++)
            cr_assert(fabs(f->v[i] - step * (double)q_of(v, digits, i)) <= step / 2);
        f->kernel->fixed((const uint8_t *const *)f->x, COLUMNS, f->n, v, digits, f->missing, out);
        for (int c = 0; c < COLUMNS; c++) {
            static const int dose[4] = { 2, 0, 1, 0 };
            int64_t dosage = 0, missing = 0;
            for (int64_t i = 0; i < f->n; i++) {
                dosage += dose[code_of(f, c, i)] * q_of(v, digits, i);
                missing += (code_of(f, c, i) == RONDO_MISSING) * q_of(v, digits, i);
            }
            cr_assert(out[c].dosage == dosage && out[c].missing == missing,
                      "%s, n %lld, %d digits: %lld, not %lld", f->kernel->isa, (long long)f->n,
                      digits, (long long)out[c].dosage, (long long)dosage);
        }
        free(v);
    }
}

Test(genotype, fixed_point_sums_are_exact_and_within_their_bound)
{
    each(check_fixed);
}

Test(genotype, fixed_point_of_the_largest_the_least_and_nothing)
{
    const struct genotype_kernel *list[3];
    int count = kernels(list);
    static const double scales[] = { 0, 5e-324, 1e-300, 1, 1e300, 1.7e308 };
    for (int k = 0; k < count; k++)
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
            const double v[3] = { scales[s], -scales[s], scales[s] / 3 };
            int8_t *out = aligned(genotype_fixed_bytes(3, 3));
            double step = list[k]->fix(v, 3, 3, out);
            for (int i = 0; i < 3; i++)
                cr_assert(fabs(v[i] - step * (double)q_of(out, 3, i)) <= step / 2);
            cr_assert_eq(step == 0, scales[s] == 0);
            free(out);
        }
}

/* The largest digits in more rows than a sum of 32 bits holds. */
Test(genotype, fixed_point_does_not_overflow)
{
    const struct genotype_kernel *list[3];
    int count = kernels(list);
    int64_t n = (INT64_C(1) << 26) + 5;
    uint8_t *x = must(calloc((size_t)n / 4 + 1, 1)); /* 2 everywhere */
    int8_t *v = aligned(genotype_fixed_bytes(n, 1));
    memset(v, -128, genotype_fixed_bytes(n, 1));
    for (int64_t row = n; row % GENOTYPE_BLOCK; row++)
        v[row / GENOTYPE_BLOCK * GENOTYPE_BLOCK + row % 4 * 64 + row % GENOTYPE_BLOCK / 4] = 0;
    for (int k = 1; k < count; k++) {
        struct genotype_total out;
        const uint8_t *const columns[] = { x };
        list[k]->fixed(columns, 1, n, v, 1, true, &out);
        cr_assert(out.dosage == -256 * n && out.missing == 0);
    }
    free(x);
    free(v);
}

/* ---- pairs ---------------------------------------------------------------------------------------- */

static void check_inner(const struct fixture *f, int a, int b, const struct genotype_joint *joint)
{
    const double mean_a = 0.7, mean_b = f->table[1];
    const double value_a[4] = { 2, mean_a, 1, 0 }, value_b[4] = { 2, mean_b, 1, 0 };
    long double sum = 0, size = 0;
    int32_t want[4][4] = { 0 };
    struct genotype_joint turned;
    for (int64_t i = 0; i < f->n; i++) {
        long double term = (long double)value_a[code_of(f, a, i)] * value_b[code_of(f, b, i)];
        sum += term;
        size += fabsl(term);
        want[code_of(f, a, i)][code_of(f, b, i)]++;
    }
    for (int i = 0; i < 3; i++) {
        cr_assert_arr_eq(joint->count[i], want[i], 3 * sizeof want[i][0], "%s, n %lld",
                         f->kernel->isa, (long long)f->n);
        for (int k = 0; k < 3; k++)
            turned.count[k][i] = joint->count[i][k];
    }
    double inner = genotype_inner(joint, mean_a, mean_b);
    near(f, inner, sum, size);
    cr_assert_eq(inner, genotype_inner(&turned, mean_b, mean_a), "a'b is not b'a");
}

static void check_pairs(struct fixture *f)
{
    int64_t words = genotype_words(f->n), counts[COLUMNS][4], plain[4];
    uint64_t *set = aligned((size_t)words * 3 * COLUMNS * sizeof *set);
    const uint64_t *column[COLUMNS];
    struct genotype_joint joint[COLUMNS * COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        column[c] = set + c * 3 * words;
        f->kernel->planes(f->x[c], f->n, set + c * 3 * words, counts[c]);
        f->kernel->count(f->x[c], f->n, NULL, plain);
        cr_assert_arr_eq(counts[c], plain, sizeof plain);
    }
    for (int rows = 1; rows <= COLUMNS; rows += 3)
        for (int cols = 1; cols <= COLUMNS; cols += 2) {
            memset(joint, 0x55, sizeof joint);
            f->kernel->pairs(column, rows, column + COLUMNS - cols, cols, words, f->missing, joint);
            for (int a = 0; a < rows; a++)
                for (int b = 0; b < cols; b++)
                    check_inner(f, a, COLUMNS - cols + b, &joint[a * cols + b]);
        }
    free(set);
}

Test(genotype, joint_counts_and_inner_products_of_panels)
{
    each(check_pairs);
}
