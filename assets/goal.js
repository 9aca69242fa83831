/* goal.js - how far a job is, and when it will be there, where that can be known. */

import { number, brief } from './words.js';

const column = (table, name) => (table ? table.keys.indexOf(name) : -1);

/* Pairs (seconds, value) of one column of a table of the digest, positive values alone. */
function points(table, name) {
    const s = column(table, 'seconds'), v = column(table, name);
    return s < 0 || v < 0 ? [] : table.rows.filter((row) => row[v] > 0).map((row) => [row[s], row[v]]);
}

/* The gap falls geometrically: log g(t) is fitted by least squares over the later half of its time, and
 * meets the log of the goal at t + (log g - log goal) / -slope. */
function gap(table, now, goal) {
    const all = points(table, 'gap');
    if (!(goal > 0) || !(now > 0) || !all.length)
        return null;
    const share = Math.log(all[0][1] / now) / Math.log(all[0][1] / goal);
    const from = all[all.length - 1][0] / 2, late = all.filter(([t]) => t >= from);
    let st = 0, sy = 0, stt = 0, sty = 0;
    for (const [t, value] of late) {
        const y = Math.log(value);
        st += t; sy += y; stt += t * t; sty += t * y;
    }
    const n = late.length, slope = (n * sty - st * sy) / (n * stt - st * st);
    const eta = n >= 4 && slope < 0 ? Math.log(now / goal) / -slope : NaN;
    return { what: 'gap ' + number(now) + ' of ' + brief(goal), share: now <= goal ? 1 : share, eta };
}

/* So many of so many, at the rate of the later half. */
function count(table, name, now, goal, word) {
    if (!(goal > 0) || !(now >= 0))
        return null;
    const all = points(table, name), last = all[all.length - 1];
    const first = last && all.find(([t]) => t >= last[0] / 2);
    const rate = last && last[0] > first[0] ? (last[1] - first[1]) / (last[0] - first[0]) : NaN;
    return { what: word + ' ' + number(now) + ' of ' + brief(goal), share: now / goal,
             eta: rate > 0 ? (goal - now) / rate : NaN };
}

/* Several lambdas: each has its gap, and later ones take longer, so that there is no ETA. */
function lambdas(job, progress) {
    const path = (job.spec.params || {}).path, cv = (job.spec.params || {}).cv;
    if (!path)
        return null;
    const all = path.count * (1 + (cv ? cv.folds || 0 : 0));
    const done = (progress.lambdas || 1) - 1 + (progress.fold_lambdas || 0);
    return { what: 'lambda ' + number(done + 1) + ' of ' + number(all), share: done / all, eta: NaN };
}

/* { what, share in [0, 1], eta in seconds or NaN } of the limit that will be reached first; null: nothing
 * is known.  What the job is for (gap, iterations, epochs) is named before mere limits. */
export function goal(job, digest) {
    const progress = job.progress, stop = (job.spec || {}).stop || {};
    if (!progress || !job.spec)
        return null;
    const table = digest && digest.convergence;
    const seconds = stop.seconds > 0
        ? { what: '', share: progress.t / stop.seconds, eta: stop.seconds - progress.t } : null;
    const own = lambdas(job, progress) || gap(table, progress.gap, stop.gap)
        || count(table, 'iterations', progress.iterations, stop.iterations, 'sweep')
        || count(table, 'epochs', progress.epochs, stop.epochs, 'epoch');
    const all = [own, count(table, 'round', progress.round, stop.rounds, 'round'), seconds].filter(Boolean);
    if (!all.length)
        return null;
    const eta = Math.min(...all.map((one) => one.eta).filter(Number.isFinite));
    return {
        what: (own || all[0]).what,
        share: Math.min(Math.max(...all.map((one) => one.share || 0), 0), 1),
        eta: own && !Number.isFinite(own.eta) && !seconds ? NaN : Math.max(eta, 0),
    };
}
