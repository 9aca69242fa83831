#include "tools/pace.h"

#include <math.h>
#include <string.h>

/* ---- a figure over time --------------------------------------------------------------------------------- */

/* The last point moves along until the one before is far enough behind. */
static void track_add(struct pace_track *track, double t, double value)
{
    double apart = fmax(0.25, t / 64);
    int n = track->count;
    if (n && t < track->point[n - 1].t)
        n = 0; /* it began anew */
    if (n >= 2 && t - track->point[n - 2].t < apart)
        n--;
    if (n == PACE_POINTS) {
        memmove(&track->point[0], &track->point[1], (PACE_POINTS - 1) * sizeof track->point[0]);
        n--;
    }
    track->point[n].t = t;
    track->point[n].value = value;
    track->count = n + 1;
}

/* NaN: two points are needed. */
static double track_slope(const struct pace_track *track)
{
    if (track->count < 2)
        return (double)NAN;
    double t = track->point[track->count - 1].t - track->point[0].t;
    return t > 0 ? (track->point[track->count - 1].value - track->point[0].value) / t : (double)NAN;
}

/* ---- aims ------------------------------------------------------------------------------------------------- */

static void aim_at(struct pace *pace, const char *key, bool log, double end)
{
    if (end > 0 && pace->aims < PACE_AIMS)
        pace->aim[pace->aims++] = (struct pace_aim){ .key = key, .end = end, .log = log };
}

void pace_init(struct pace *pace, const struct jsonin *spec)
{
    static const struct { const char *stop, *key; bool log; double fence; } aims[] = {
        { "gap", "gap", true, 1 }, { "iterations", "iterations", false, 1e15 },
        { "epochs", "epochs", false, 1e15 }, { "rounds", "round", false, 1000000 },
        { "seconds", "t", false, 1e15 },
    };
    const struct jsonin *stop = jsonin_get(spec, "stop"), *params = jsonin_get(spec, "params");
    const struct jsonin *path = jsonin_get(params, "path"), *folds = jsonin_get(params, "cv");
    double end;
    *pace = (struct pace){ 0 };
    for (size_t i = 0; stop && i < sizeof aims / sizeof *aims; i++)
        if (jsonin_number(stop, aims[i].stop, &end) && end < aims[i].fence
            && !((path || folds) && aims[i].log)) /* each lambda has a gap */
            aim_at(pace, aims[i].key, aims[i].log, end);
    if (jsonin_number(path, "count", &end))
        aim_at(pace, "lambdas", false, end);
}

static void aim_reach(struct pace_aim *aim, double t, double value)
{
    if (!isfinite(value))
        return;
    if (aim->log && value > 0 && aim->first <= 0)
        aim->first = value;
    if (!aim->log)
        aim->share = value / aim->end;
    else if (value <= aim->end)
        aim->share = 1;
    else
        aim->share = log(aim->first / value) / log(aim->first / aim->end);
    aim->share = fmin(fmax(aim->share, 0), 1);
    track_add(&aim->track, t, aim->share);
}

static struct pace_aim *aim_of(struct pace *pace, const char *key)
{
    for (int i = 0; i < pace->aims; i++)
        if (strcmp(pace->aim[i].key, key) == 0)
            return &pace->aim[i];
    return NULL;
}

void pace_report(struct pace *pace, double t, const struct rondo_report *report)
{
    for (int32_t i = 0; i < report->count; i++) {
        struct pace_aim *aim = aim_of(pace, report->metric[i].name);
        if (aim)
            aim_reach(aim, t, report->metric[i].value);
    }
}

void pace_count(struct pace *pace, double t, int64_t round, int64_t updates)
{
    struct pace_track *track = &pace->rounds;
    if (round <= 0 || (track->count && track->point[track->count - 1].value == (double)round))
        return;
    track_add(&pace->rounds, t, (double)round);
    track_add(&pace->updates, t, (double)updates);
    struct pace_aim *aim = aim_of(pace, "round");
    if (aim)
        aim_reach(aim, t, (double)round);
}

/* ---- what follows from it ----------------------------------------------------------------------------------- */

double pace_end(const struct pace *pace, const char *name)
{
    for (int i = 0; i < pace->aims; i++)
        if (strcmp(pace->aim[i].key, name) == 0 && !pace->aim[i].log)
            return pace->aim[i].end;
    return 0;
}

static bool by_clock(const struct pace_aim *aim)
{
    return strcmp(aim->key, "t") == 0;
}

static double share_of(const struct pace_aim *aim, double t)
{
    return by_clock(aim) ? fmin(t / aim->end, 1) : aim->share;
}

static const struct pace_aim *nearest(const struct pace *pace, double t)
{
    const struct pace_aim *best = NULL;
    for (int i = 0; i < pace->aims; i++)
        if (!best || share_of(&pace->aim[i], t) > share_of(best, t))
            best = &pace->aim[i];
    return best;
}

double pace_share(const struct pace *pace, double t)
{
    const struct pace_aim *aim = nearest(pace, t);
    return aim ? share_of(aim, t) : -1;
}

/* From the last point on, less what has passed since; a point that is overdue says nothing any more. */
static double left_of(const struct pace_aim *aim, double t)
{
    double slope = track_slope(&aim->track), left;
    if (by_clock(aim))
        return fmax(aim->end - t, 0);
    if (aim->share >= 1)
        return 0;
    if (!(slope > 0))
        return (double)NAN;
    left = (1 - aim->share) / slope - (t - aim->track.point[aim->track.count - 1].t);
    return left >= 0 ? left : (double)NAN;
}

double pace_left(const struct pace *pace, double t)
{
    const struct pace_aim *aim = nearest(pace, t);
    double left = aim ? left_of(aim, t) : (double)NAN;
    for (int i = 0; i < pace->aims; i++)
        if (by_clock(&pace->aim[i]))
            left = fmin(left, left_of(&pace->aim[i], t)); /* fmin passes over a NaN */
    return left;
}

double pace_rounds(const struct pace *pace)
{
    return track_slope(&pace->rounds);
}

double pace_updates(const struct pace *pace)
{
    return track_slope(&pace->updates);
}
