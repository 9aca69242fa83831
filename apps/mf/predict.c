/* predict.c - what is asked, and ratings for pairs. */
#include "predict.h"

#include "recommend.h"

#include <math.h>

enum { BLOCK = 4096 };

const struct rondo_param mf_predict_options[] = {
    { "top", RONDO_INTEGER, NULL, 1, 100000, false, NULL, "items",
      "so many of the best items that the file does not pair with the user, for each of its users" },
    { .key = NULL },
};

struct tally {
    int64_t lines, known;          /* with a rating; of a user and an item that the model has */
    double squares, known_squares;
};

/* What is known of a pair; of implicit feedback that is 0 unless both are. */
static double foretell(const struct saved *saved, int64_t user, int64_t item)
{
    const struct factors *f = &saved->factors;
    const bool has_user = user < f->users, has_item = item < f->items;
    if (has_user && has_item)
        return factors_score(f, user, item);
    if (!f->user_bias || saved->implicit)
        return saved->mean;
    return saved->mean + (has_user ? (double)f->user_bias[user] : 0) + (has_item ? (double)f->item_bias[item] : 0);
}

static void count(struct tally *tally, double error, bool known)
{
    tally->lines++;
    tally->squares += error * error;
    tally->known += known;
    tally->known_squares += known ? error * error : 0;
}

static int pairs(const struct saved *saved, const struct rondo_predict *what, struct tally *tally,
                 struct rondo_error *err)
{
    const struct rondo_lines *lines = what->lines;
    double score[BLOCK];
    int code = RONDO_OK;
    for (int64_t first = 0; first < lines->count && !code; first += BLOCK) {
        const int64_t left = lines->count - first, here = left < BLOCK ? left : BLOCK;
        for (int64_t i = 0; i < here; i++) {
            const int64_t u = lines->user[first + i], v = lines->item[first + i];
            score[i] = foretell(saved, u, v);
            if (lines->rating)
                count(tally, (double)lines->rating[first + i] - score[i], u < saved->factors.users && v < saved->factors.items);
        }
        code = saved->host->put(what->model, score, here, 1, err);
    }
    return code;
}

static void tell(struct rondo_report *report, const char *name, double value, bool whole)
{
    report->metric[report->count++] = (struct rondo_metric){ name, value, whole };
}

static void tell_errors(struct rondo_report *report, const struct tally *tally)
{
    if (tally->lines)
        tell(report, "rmse", sqrt(tally->squares / (double)tally->lines), false);
    if (tally->known)
        tell(report, "known_rmse", sqrt(tally->known_squares / (double)tally->known), false);
    if (tally->lines)
        tell(report, "known_pairs", (double)tally->known, true);
}

int mf_predict(const struct rondo_host *host, const struct rondo_predict *what, struct rondo_report *report,
               struct rondo_error *err)
{
    const struct rondo_value *top = host->option(what->model, "top");
    const struct rondo_ids *ids = what->ids;
    struct saved saved = { 0 };
    struct tally tally = { 0 };
    int code = saved_load(&saved, host, what, err);
    if (!code)
        code = top->given ? recommend(&saved, what, top->integer, report, err) : pairs(&saved, what, &tally, err);
    if (!code) {
        if (!saved.implicit)
            tell_errors(report, &tally);
        tell(report, "unknown_users", (double)(ids->user.count - ids->known_users), true);
        tell(report, "unknown_items", (double)(ids->item.count - ids->known_items), true);
    }
    saved_free(&saved);
    return code;
}
