/* digest_json.c - a digest becomes text.  Its state is copied under the lock and told without it, so that the
 * job that feeds it waits for a copy of 270 KB and no more. */
#include "core/trace/digest_i.h"

#include "core/base/mem.h"
#include "core/trace/listing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const double digest_fractions[24] = { 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.02, 0.03,
                                      0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0 };

static void real(FILE *out, double value, int digits)
{
    if (isfinite(value))
        fprintf(out, "%.*g", digits, value);
    else
        fputs("null", out);
}

static void real_at(FILE *out, const char *before, double value)
{
    fputs(before, out);
    real(out, value, 9);
}

static void seconds_at(FILE *out, const char *before, int64_t ns)
{
    fputs(before, out);
    real(out, (double)ns / 1e9, 12);
}

static double mean_of(struct digest_mean mean)
{
    return mean.count > 0 ? mean.sum / (double)mean.count : (double)NAN;
}

static void put_head(FILE *out, const struct digest_state *state, int64_t variables)
{
    static const char *const levels[] = { "off", "rounds", "blocks", "all" };
    int64_t dropped = 0, end_ns = 0;
    double objective = (double)NAN;
    for (int i = 0; i < state->points; i++) {
        dropped += state->point[i].dropped;
        end_ns = state->point[i].end_ns;
        objective = isnan(state->point[i].objective) ? objective : state->point[i].objective;
    }
    if (isnan(objective) && state->lines > 0)
        objective = state->line[state->lines - 1].value[0];
    fputs("{\"version\":1,\"app\":", out);
    listing_json_text(out, state->app);
    fprintf(out, ",\"level\":\"%s\",\"variables\":", levels[state->level]);
    real(out, variables > 0 ? (double)variables : (double)NAN, 15);
    fprintf(out, ",\"rounds\":%" PRId64 ",\"updates\":%" PRId64 ",\"dropped\":%" PRId64, state->last,
            state->updates, dropped);
    seconds_at(out, ",\"seconds\":", end_ns);
    fputs(",\"objective\":", out);
    real(out, objective, 15);
}

/* Updates up to a round, by the runs up to there: between their ends a straight line. */
static double updates_at(const struct digest_state *state, int64_t round, int *run, int64_t *before)
{
    while (*run < state->points && state->point[*run].last < round)
        *before += state->point[(*run)++].updates;
    if (*run == state->points)
        return (double)*before;
    const struct digest_point *point = &state->point[*run];
    double part = ((double)round - (double)point->first + 1.0) / (double)(point->last - point->first + 1);
    return part > 0.0 ? (double)*before + floor(part * (double)point->updates) : (double)*before;
}

static void put_convergence(FILE *out, const struct digest_state *state)
{
    int run = 0;
    int64_t before = 0;
    fputs(",\"convergence\":{\"keys\":[\"seconds\",\"round\",\"updates\"", out);
    for (int k = 0; k < state->metrics; k++) {
        putc(',', out);
        listing_json_text(out, state->metric[k]);
    }
    fputs("],\"rows\":[", out);
    for (int i = 0; i < state->lines; i++) {
        const struct digest_line *line = &state->line[i];
        seconds_at(out, i ? ",[" : "[", line->at_ns);
        fprintf(out, ",%" PRId64 ",%.0f", line->round, updates_at(state, line->round, &run, &before));
        for (int k = 0; k < state->metrics; k++) {
            putc(',', out);
            real(out, line->value[k], 15);
        }
        putc(']', out);
    }
    fputs("]}", out);
}

static void put_series(FILE *out, const struct digest_state *state)
{
    fputs(",\"series\":{\"keys\":[\"seconds\",\"round\",\"rounds\",\"objective\",\"imbalance\",\"fill\",\"weight\","
          "\"refused\",\"joined\",\"hits\"],\"rows\":[", out);
    for (int i = 0; i < state->points; i++) {
        const struct digest_point *point = &state->point[i];
        seconds_at(out, i ? ",[" : "[", point->end_ns);
        fprintf(out, ",%" PRId64 ",%" PRId64 ",", point->last, point->rounds);
        real(out, point->objective, 15);
        real_at(out, ",", mean_of(point->imbalance));
        real_at(out, ",", mean_of(point->fill));
        real_at(out, ",", mean_of(point->weight));
        fprintf(out, ",%" PRId64 ",%" PRId64, point->refused, point->joined);
        real_at(out, ",", mean_of(point->hits));
        putc(']', out);
    }
    fputs("]}", out);
}

static void put_shares(FILE *out, const struct digest_state *state)
{
    double plan = 0.0, run = 0.0, pull = 0.0, network = 0.0, commit = 0.0, couple = 0.0;
    for (int i = 0; i < state->points; i++) {
        const struct digest_point *point = &state->point[i];
        plan += (double)point->plan_ns;
        run += (double)point->run_ns;
        pull += (double)point->pull_ns;
        network += (double)point->network_ns;
        commit += (double)point->commit_ns;
        couple += (double)point->couple_ns;
    }
    double all = plan + run + pull + network + commit;
    real_at(out, ",\"shares\":{\"plan\":", plan / all); /* 0 / 0: null */
    real_at(out, ",\"run\":", run / all);
    real_at(out, ",\"pull\":", pull / all);
    real_at(out, ",\"network\":", network / all);
    real_at(out, ",\"commit\":", commit / all);
    real_at(out, ",\"couple\":", all > 0.0 ? couple / all : (double)NAN);
    putc('}', out);
}

static void put_timeline(FILE *out, const struct digest_state *state)
{
    const char *comma = "";
    fputs(",\"timeline\":{\"workers\":[", out);
    for (int w = 0; w < state->workers; w++)
        if (state->worker[w].tasks > 0) {
            fprintf(out, "%s%d", comma, w);
            comma = ",";
        }
    fputs("],\"bars\":[", out);
    int64_t from = state->bars - DIGEST_BARS > state->bars_kept ? state->bars - DIGEST_BARS : state->bars_kept;
    for (int64_t i = from; i < state->bars; i++) {
        const struct digest_bar *bar = &state->bar[i % DIGEST_BARS];
        fprintf(out, "%s[%" PRId32, i > from ? "," : "", bar->worker);
        seconds_at(out, ",", bar->begin_ns);
        seconds_at(out, ",", bar->end_ns);
        fprintf(out, ",%" PRId64 ",%" PRId32 ",%" PRId32 ",%" PRId32 "]", bar->round, bar->phase, bar->block,
                bar->work);
    }
    fputs("]}", out);
}

static void put_heat(FILE *out, const struct digest_heat *heat)
{
    if (heat->updates == 0) {
        fputs(",\"concentration\":null", out);
        return;
    }
    fprintf(out, ",\"concentration\":{\"moved\":%" PRId64 ",\"updates\":%" PRId64, heat->moved, heat->updates);
    real_at(out, ",\"top\":", heat->top);
    real_at(out, ",\"entropy\":", heat->entropy);
    real_at(out, ",\"longest_wait\":", heat->longest_wait < 0 ? (double)NAN : (double)heat->longest_wait);
    fputs(",\"curve\":[", out);
    for (int i = 0; i < 24; i++) {
        real_at(out, i ? ",[" : "[", digest_fractions[i]);
        real_at(out, ",", heat->curve[i]);
        putc(']', out);
    }
    fputs("]}", out);
}

static void put_couplings(FILE *out, const struct digest_state *state)
{
    fputs(",\"couplings\":{\"edges\":[", out);
    for (int i = 0; i <= DIGEST_BINS; i++)
        real_at(out, i ? "," : "", (double)i / DIGEST_BINS);
    fputs("],\"refused\":[", out);
    for (int i = 0; i < DIGEST_BINS; i++)
        fprintf(out, "%s%" PRId64, i ? "," : "", state->refused[i]);
    fputs("],\"joined\":[", out);
    for (int i = 0; i < DIGEST_BINS; i++)
        fprintf(out, "%s%" PRId64, i ? "," : "", state->joined[i]);
    fputs("]}", out);
}

static void put_workers(FILE *out, const struct digest_state *state)
{
    double all = 0.0;
    const char *comma = "";
    for (int w = 0; w < state->workers; w++)
        all += (double)state->worker[w].run_ns;
    fputs(",\"workers\":[", out);
    for (int w = 0; w < state->workers; w++) {
        const struct digest_worker *worker = &state->worker[w];
        if (worker->tasks == 0)
            continue;
        fprintf(out, "%s{\"worker\":%d,\"tasks\":%" PRId64, comma, w, worker->tasks);
        seconds_at(out, ",\"run_s\":", worker->run_ns);
        real_at(out, ",\"share\":", (double)worker->run_ns / all);
        putc('}', out);
        comma = ",";
    }
    putc(']', out);
}

static struct digest_heat heat_of(const struct tally *tally, bool gaps)
{
    struct digest_heat heat = {
        .moved = tally->moved * tally->stride, .updates = tally->updates * tally->stride,
        .longest_wait = gaps ? -1 : tally->longest_wait,
        .top = tally_share(tally, 0.01), .entropy = tally_entropy(tally),
    };
    for (int i = 0; i < 24; i++)
        heat.curve[i] = tally_share(tally, digest_fractions[i]);
    return heat;
}

int digest_json(struct digest *digest, struct rondo_buf *json)
{
    struct digest_state *state = mem_alloc(sizeof *state);
    char *text = NULL;
    size_t size = 0;
    FILE *out = state ? open_memstream(&text, &size) : NULL;
    if (!out) {
        mem_free(state);
        return RONDO_ENOMEM;
    }
    pthread_mutex_lock(&digest->lock);
    *state = digest->state;
    struct digest_heat heat = heat_of(&digest->tally, digest->state.gaps);
    int64_t variables = digest->tally.variables;
    pthread_mutex_unlock(&digest->lock);

    put_head(out, state, variables);
    put_convergence(out, state);
    put_series(out, state);
    put_shares(out, state);
    put_timeline(out, state);
    put_heat(out, &heat);
    put_couplings(out, state);
    put_workers(out, state);
    putc('}', out);
    int failed = ferror(out);
    failed |= fclose(out);
    int code = failed ? RONDO_ENOMEM : buf_append(json, text, size);
    free(text);
    mem_free(state);
    return code;
}
