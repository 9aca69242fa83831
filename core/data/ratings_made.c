#include "core/data/ratings_made.h"

#include "core/base/bitset.h"
#include "core/base/mem.h"
#include "core/data/matrix.h"
#include "core/data/normals.h"

#include <stdlib.h>
#include <string.h>

/* Streams of rng.h, behind those of documents.c.  Rounds are users, or items of their own factors and biases. */
enum { USER_ORDER = 111, ITEM_ORDER, USER_FACTORS, ITEM_FACTORS, USER_BIASES, ITEM_BIASES, CELLS, TASTES, KEYS,
       NOISE, SPLIT };
enum { RANK_MOST = 4096 };
static const double STEEPEST = 10, DECIMALS = 1e4, FAINTEST = 1e-200;

struct ratings_key {
    double at;
    int32_t item;
};

/* A whole number in [0, n). */
static int64_t below(uint64_t bits, int64_t n)
{
    __extension__ typedef unsigned __int128 u128;
    return (int64_t)(uint64_t)((u128)bits * (uint64_t)n >> 64);
}

static double weight(int64_t rank, double zipf, double shift)
{
    return pow((double)rank + 1 + shift, -zipf);
}

/* Who has which rank (Fisher and Yates). */
static void shuffle(uint64_t seed, uint32_t stream, int32_t *who, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        who[i] = (int32_t)i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = below(rondo_rng_u64(seed, 0, stream, (uint64_t)i), i + 1);
        int32_t kept = who[i];
        who[i] = who[j];
        who[j] = kept;
    }
}

/* ---- how many ratings a user has ------------------------------------------------------------------- */

/* What the ranks from `first` to `last` have of `left`, which those from `first` on share; exact where all ranks are
 * alike. */
static int64_t share_of(int64_t left, const double *tail, int64_t first, int64_t last)
{
    return (int64_t)((double)left * (tail[first] - tail[last + 1]) / tail[first]);
}

/* Those of the first ranks whose share is more than there are items have all of them; the others share what is
 * left, rounded so that the sums are off by less than one.  tail [users + 1] is room. */
static void deal_counts(struct ratings_made *m, const int32_t *who, double *tail)
{
    const struct ratings_recipe *r = &m->recipe;
    int64_t left = r->ratings, full = 0, dealt = 0;
    tail[r->users] = 0;
    for (int64_t rank = r->users; rank-- > 0;)
        tail[rank] = tail[rank + 1] + weight(rank, r->user_zipf, r->user_shift);
    for (; full < r->users && share_of(left, tail, full, full) >= r->items; full++) {
        m->count[who[full]] = (int32_t)r->items;
        left -= r->items;
    }
    for (int64_t rank = full; rank < r->users; rank++) {
        int64_t share = share_of(left, tail, full, rank) - dealt;
        share = share < r->items ? share : r->items;
        m->count[who[rank]] = (int32_t)share;
        dealt += share;
    }
    for (int64_t rank = full; dealt < left; rank = rank + 1 < r->users ? rank + 1 : full) /* what rounding left */
        if (m->count[who[rank]] < r->items) {
            m->count[who[rank]]++;
            dealt++;
        }
}

/* ---- items by popularity ---------------------------------------------------------------------------- */

/* Place i is kept with probability keep, else it stands for other (Walker 1977; Vose, IEEE TSE 17, 1991).
 * stack [items] is room: places of less than their share from the front, of more from the back. */
static void make_alias(struct ratings_made *m, int32_t *stack)
{
    int64_t n = m->recipe.items, poor = 0, rich = n;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += m->popularity[i];
    for (int64_t i = 0; i < n; i++) {
        m->keep[i] = m->popularity[i] / sum * (double)n;
        m->other[i] = (int32_t)i;
        stack[m->keep[i] < 1 ? poor++ : --rich] = (int32_t)i;
    }
    while (poor > 0 && rich < n) {
        int32_t from = stack[--poor], to = stack[rich];
        m->other[from] = to;
        m->keep[to] -= 1 - m->keep[from];
        if (m->keep[to] < 1) {
            rich++;
            stack[poor++] = to;
        }
    }
    while (poor > 0)
        m->keep[stack[--poor]] = 1;
}

static double score(const struct ratings_made *m, int64_t user, int64_t item)
{
    const double *p = m->user + user * m->recipe.rank, *q = m->item + item * m->recipe.rank;
    double sum = 0;
    for (int64_t f = 0; f < m->recipe.rank; f++)
        sum += p[f] * q[f];
    return sum;
}

/* By how much the user's taste lowers an item's weight. */
static double taste(const struct ratings_made *m, int64_t user, int64_t item)
{
    return m->recipe.implicit ? fmax(1 / (1 + exp(-score(m, user, item))), FAINTEST) : 1;
}

static int by_key(const void *one, const void *two)
{
    const struct ratings_key *a = one, *b = two;
    return a->at != b->at ? (a->at < b->at ? -1 : 1) : (a->item > b->item) - (a->item < b->item);
}

/* The first `left` arrivals of those not taken, each after an exponential wait at its weight: as if drawn one
 * after the other (Efraimidis, Spirakis, Inf. Proc. Letters 97, 2006). */
static void take_rest(struct ratings_made *m, int64_t user, int64_t left)
{
    int64_t n = 0;
    for (int64_t i = 0; i < m->recipe.items; i++)
        if (!bitset_has(m->taken, i)) {
            double wait = -log(normals_unit(rondo_rng_u64(m->recipe.seed, (uint64_t)user, KEYS, (uint64_t)i)));
            m->key[n++] = (struct ratings_key){ wait / (m->popularity[i] * taste(m, user, i)), (int32_t)i };
        }
    if (left < n)
        qsort(m->key, (size_t)n, sizeof *m->key, by_key);
    for (int64_t k = 0; k < left; k++)
        bitset_add(m->taken, m->key[k].item);
}

/* Draws with replacement, what is taken already thrown away; when many were, the rest at one stroke, which
 * is the same in law. */
static void take_items(struct ratings_made *m, int64_t user)
{
    const struct ratings_recipe *r = &m->recipe;
    int64_t left = m->count[user], tries = left < r->items ? 8 * left + 64 : 0;
    for (int64_t t = 0; left > 0 && t < tries; t++) {
        struct rondo_rng_pair bits = rondo_rng_pair(r->seed, (uint64_t)user, CELLS, (uint64_t)t);
        int64_t item = below(bits.a, r->items);
        item = normals_unit(bits.b) <= m->keep[item] ? item : m->other[item];
        if (bitset_has(m->taken, item))
            continue;
        if (r->implicit && rondo_rng_unit(r->seed, (uint64_t)user, TASTES, (uint64_t)t) >= taste(m, user, item))
            continue;
        bitset_add(m->taken, item);
        left--;
    }
    if (left > 0)
        take_rest(m, user, left);
}

/* ---- ratings ------------------------------------------------------------------------------------------ */

static double rate(const struct ratings_made *m, int64_t user, int64_t item)
{
    const struct ratings_recipe *r = &m->recipe;
    if (r->implicit)
        return 1;
    double value = r->mean + m->user_bias[user] + m->item_bias[item] + score(m, user, item);
    if (r->noise > 0)
        value += r->noise * normals_at(r->seed, user, NOISE, item).a;
    if (r->nonnegative)
        value = fmax(value, 0);
    return r->noise > 0 ? round(value * DECIMALS) / DECIMALS : (double)(float)value;
}

int64_t ratings_made_row(struct ratings_made *made, int64_t user, struct rating_made *out)
{
    const struct ratings_recipe *r = &made->recipe;
    int64_t n = 0;
    take_items(made, user);
    for (size_t w = 0; w < bitset_words(r->items); w++) {
        for (uint64_t bits = made->taken[w]; bits; bits &= bits - 1) {
            int32_t item = (int32_t)(w * 64) + __builtin_ctzll(bits);
            bool test = rondo_rng_unit(r->seed, (uint64_t)user, SPLIT, (uint64_t)item) < r->test;
            out[n++] = (struct rating_made){ rate(made, user, item), item, test };
        }
        made->taken[w] = 0;
    }
    return n;
}

/* ---- the door ------------------------------------------------------------------------------------------ */

static bool deviation(double value)
{
    return isfinite(value) && value >= 0 && value <= 1e6;
}

static int check(const struct ratings_recipe *r, struct rondo_error *err)
{
    bool shape = r->users >= 1 && r->users <= MATRIX_ROWS_MAX && r->items >= 1 && r->items <= MATRIX_ROWS_MAX;
    const struct {
        const char *name, *range;
        bool good;
    } rules[] = {
        { "users", "from 1 to 2147483647", r->users >= 1 && r->users <= MATRIX_ROWS_MAX },
        { "items", "from 1 to 2147483647", r->items >= 1 && r->items <= MATRIX_ROWS_MAX },
        { "ratings", "from 1 to users x items", shape && r->ratings >= 1 && r->ratings <= r->users * r->items },
        { "rank", "from 1 to 4096", r->rank >= 1 && r->rank <= RANK_MOST },
        { "mean", "from -1e6 to 1e6", r->mean >= -1e6 && r->mean <= 1e6 },
        { "user-bias", "from 0 to 1e6", deviation(r->user_bias) },
        { "item-bias", "from 0 to 1e6", deviation(r->item_bias) },
        { "spread", "from 0 to 1e6", deviation(r->spread) },
        { "noise", "from 0 to 1e6", deviation(r->noise) },
        { "user-zipf", "from 0 to 10", r->user_zipf >= 0 && r->user_zipf <= STEEPEST },
        { "user-shift", "from 0 to 1e9", r->user_shift >= 0 && r->user_shift <= 1e9 },
        { "item-zipf", "from 0 to 10", r->item_zipf >= 0 && r->item_zipf <= STEEPEST },
        { "item-shift", "from 0 to 1e9", r->item_shift >= 0 && r->item_shift <= 1e9 },
        { "test", "at least 0, below 1", r->test >= 0 && r->test < 1 },
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (!rules[i].good)
            return rondo_error_set(err, RONDO_EINPUT, rules[i].name, NULL, "must be %s", rules[i].range);
    size_t bytes = (size_t)(r->users + r->items) * (size_t)(r->rank + 4) * sizeof(double);
    return matrix_enough_memory(bytes + (size_t)r->items * 16, "", err);
}

static bool reserve(struct ratings_made *m)
{
    size_t users = (size_t)m->recipe.users, items = (size_t)m->recipe.items, rank = (size_t)m->recipe.rank;
    return (m->user = mem_alloc(users * rank * sizeof *m->user)) &&
           (m->item = mem_alloc(items * rank * sizeof *m->item)) &&
           (m->user_bias = mem_alloc(users * sizeof *m->user_bias)) &&
           (m->item_bias = mem_alloc(items * sizeof *m->item_bias)) &&
           (m->count = mem_alloc(users * sizeof *m->count)) &&
           (m->popularity = mem_alloc(items * sizeof *m->popularity)) &&
           (m->keep = mem_alloc(items * sizeof *m->keep)) && (m->other = mem_alloc(items * sizeof *m->other)) &&
           (m->taken = mem_calloc(bitset_words(m->recipe.items), sizeof *m->taken)) &&
           (m->key = mem_alloc(items * sizeof *m->key));
}

/* Of users or of items. */
static void make_factors(const struct ratings_recipe *r, uint32_t stream, double *out, int64_t rows)
{
    /* var p'q = rank s^4 of normals; of their magnitudes, whose mean is s sqrt(2 / pi), 1 - (2 / pi)^2 of it. */
    double square = 2 / acos(-1), whole = r->nonnegative ? 1 - square * square : 1;
    double size = sqrt(r->spread / sqrt((double)r->rank * whole));
    for (int64_t row = 0; row < rows; row++)
        for (int64_t f = 0; f < r->rank; f++) {
            double z = normals_at(r->seed, row, stream, f).a;
            out[row * r->rank + f] = size * (r->nonnegative ? fabs(z) : z);
        }
}

static void make_biases(uint64_t seed, uint32_t stream, double size, double *out, int64_t rows)
{
    for (int64_t row = 0; row < rows; row++)
        out[row] = size * normals_at(seed, row, stream, 0).a;
}

static void make(struct ratings_made *m, int32_t *who, double *tail)
{
    const struct ratings_recipe *r = &m->recipe;
    make_factors(r, USER_FACTORS, m->user, r->users);
    make_factors(r, ITEM_FACTORS, m->item, r->items);
    make_biases(r->seed, USER_BIASES, r->user_bias, m->user_bias, r->users);
    make_biases(r->seed, ITEM_BIASES, r->item_bias, m->item_bias, r->items);
    shuffle(r->seed, USER_ORDER, who, r->users);
    deal_counts(m, who, tail);
    shuffle(r->seed, ITEM_ORDER, who, r->items);
    for (int64_t rank = 0; rank < r->items; rank++)
        m->popularity[who[rank]] = weight(rank, r->item_zipf, r->item_shift);
    make_alias(m, who);
}

int ratings_made_create(const struct ratings_recipe *recipe, struct ratings_made **made, struct rondo_error *err)
{
    int code = check(recipe, err);
    if (code)
        return code;
    size_t most = (size_t)(recipe->users > recipe->items ? recipe->users : recipe->items);
    int32_t *who = mem_alloc(most * sizeof *who);
    double *tail = mem_alloc(((size_t)recipe->users + 1) * sizeof *tail);
    struct ratings_made *m = mem_calloc(1, sizeof *m);
    if (m)
        m->recipe = *recipe;
    if (!m || !who || !tail || !reserve(m)) {
        code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "out of memory");
        ratings_made_destroy(m);
    } else {
        make(m, who, tail);
        *made = m;
    }
    mem_free(who);
    mem_free(tail);
    return code;
}

void ratings_made_destroy(struct ratings_made *made)
{
    if (!made)
        return;
    void *const blocks[] = { made->user, made->item, made->user_bias, made->item_bias, made->count,
                             made->popularity, made->keep, made->other, made->taken, made->key };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        mem_free(blocks[i]);
    mem_free(made);
}
