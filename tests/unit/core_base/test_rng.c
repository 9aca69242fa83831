/* Expected numbers: the known-answer vectors of the authors of Philox (Random123, kat_vectors), and,
 * for keys made from a stream, an implementation written independently in Python. */
#include <criterion/criterion.h>
#include <math.h>
#include <rondo/rng.h>

enum { DRAWS = 1000000 };

static void expect_pair(struct rondo_rng_pair got, uint64_t a, uint64_t b)
{
    cr_expect_eq(got.a, a, "%016llx", (unsigned long long)got.a);
    cr_expect_eq(got.b, b, "%016llx", (unsigned long long)got.b);
}

Test(rng, is_philox_2x64_10)
{
    expect_pair(rondo_rng_pair(0, 0, 0, 0), UINT64_C(0xca00a0459843d731),
                UINT64_C(0x66c24222c9a845b5));
    expect_pair(rondo_rng_pair(UINT64_MAX, UINT64_MAX, 0, UINT64_MAX), UINT64_C(0x65b021d60cd8310f),
                UINT64_C(0x4d02f3222f86df20));
    expect_pair(rondo_rng_pair(UINT64_C(0xa4093822299f31d0), UINT64_C(0x13198a2e03707344), 0,
                               UINT64_C(0x243f6a8885a308d3)),
                UINT64_C(0x0a5e742c2997341c), UINT64_C(0xb0f883d38000de5d));
}

Test(rng, mixes_the_stream_into_the_key)
{
    expect_pair(rondo_rng_pair(1, 1, 1, 0), UINT64_C(0x2ABEFA38CC82D2C1),
                UINT64_C(0x3A577B57510A88BE));
    expect_pair(rondo_rng_pair(1, 1, 1, 1), UINT64_C(0x7C06CE03FFBA42E9),
                UINT64_C(0x94B2B84A82C90B39));
    expect_pair(rondo_rng_pair(42, 7, 256, 123456789), UINT64_C(0x3A4EB8ACDE63732A),
                UINT64_C(0xCFFE117438F3C28D));
    expect_pair(rondo_rng_pair(UINT64_C(0xDEADBEEF), UINT64_C(1) << 40, UINT32_MAX,
                               (UINT64_C(1) << 63) + 5),
                UINT64_C(0x26C42EA96F6BD4C1), UINT64_C(0xBC5BDCDA3811C4E9));
}

Test(rng, u64_is_the_first_of_the_pair)
{
    for (uint64_t item = 0; item < 100; item++)
        cr_assert_eq(rondo_rng_u64(3, 4, 5, item), rondo_rng_pair(3, 4, 5, item).a);
}

Test(rng, unit_is_the_upper_53_bits)
{
    for (uint64_t item = 0; item < 1000; item++) {
        double unit = rondo_rng_unit(3, 4, 5, item);
        cr_assert(unit >= 0 && unit < 1);
        cr_assert_eq(unit, ldexp((double)(rondo_rng_u64(3, 4, 5, item) >> 11), -53));
    }
}

/* Mean 1/2 and variance 1/12, within five standard errors. */
Test(rng, unit_has_the_moments_of_the_uniform_law)
{
    double sum = 0, squares = 0;
    for (uint64_t item = 0; item < DRAWS; item++) {
        double centred = rondo_rng_unit(11, 0, 0, item) - 0.5;
        sum += centred;
        squares += centred * centred;
    }
    cr_expect_lt(fabs(sum / DRAWS), 5 * sqrt(1.0 / 12 / DRAWS));
    cr_expect_lt(fabs(squares / DRAWS - 1.0 / 12), 5 * sqrt(1.0 / 180 / DRAWS));
}

/* Chi-square over 256 cells: mean 255, standard deviation sqrt(510). */
Test(rng, unit_fills_its_cells_evenly)
{
    int count[256] = { 0 };
    double chi = 0, expected = DRAWS / 256.0;
    for (uint64_t item = 0; item < DRAWS; item++)
        count[(int)(rondo_rng_unit(12, 0, 0, item) * 256)]++;
    for (int i = 0; i < 256; i++)
        chi += (count[i] - expected) * (count[i] - expected) / expected;
    cr_expect_lt(fabs(chi - 255), 5 * sqrt(510.0), "chi-square %g", chi);
}

/* Neighbours along each of the four coordinates: correlation 0 within five standard errors. */
Test(rng, neighbours_are_uncorrelated)
{
    double sum[4] = { 0 };
    for (uint32_t i = 0; i < DRAWS / 10; i++) {
        double here = rondo_rng_unit(i, i, i, i) - 0.5;
        sum[0] += here * (rondo_rng_unit(i + 1, i, i, i) - 0.5);
        sum[1] += here * (rondo_rng_unit(i, i + 1, i, i) - 0.5);
        sum[2] += here * (rondo_rng_unit(i, i, i + 1, i) - 0.5);
        sum[3] += here * (rondo_rng_unit(i, i, i, i + 1) - 0.5);
    }
    for (int i = 0; i < 4; i++)
        cr_expect_lt(fabs(sum[i] * 12 / (DRAWS / 10)), 5 / sqrt(DRAWS / 10.0), "coordinate %d", i);
}

/* A bit of the input changes half of the output's 128 bits. */
Test(rng, one_bit_changes_half_of_all)
{
    for (int bit = 0; bit < 64; bit++) {
        int changed = 0;
        for (uint64_t item = 0; item < 200; item++) {
            struct rondo_rng_pair one = rondo_rng_pair(5, 6, 7, item);
            struct rondo_rng_pair other = rondo_rng_pair(5, 6, 7, item ^ UINT64_C(1) << bit);
            changed += __builtin_popcountll(one.a ^ other.a) + __builtin_popcountll(one.b ^ other.b);
        }
        cr_expect_lt(abs(changed - 64 * 200), 5 * 80 + 1, "bit %d: %d", bit, changed);
    }
}
