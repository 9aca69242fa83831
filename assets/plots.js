/* plots.js - the plots of a job's digest (docs/formats/trace.md), for the dashboard and an export's page.
 *
 *     const plots = rondoPlots.render(element, digest, later);   fills the element
 *     plots.update(digest);                                      draws another state of it
 *     plots.destroy();
 *
 * Wants figure.js before it, and plots.css.  A frame draws plots for SHARE_MS at most, then the next one goes on:
 * those in sight, and those that have shown nothing yet; what is out of sight waits until it comes into sight.
 * later(work) does work in the next frame, or soon; requestAnimationFrame where it is not given.
 * What a digest says becomes text, never markup.  Each plot has a summary in words below it, can be reached by the
 * keyboard (arrows move along it), and says why where it has nothing to show.
 */
'use strict';

window.rondoPlots = (() => {
    const { Figure, Lines, Canvas, Bars, colour, recolour, known, make, offer, percent, plain, say, seconds, table, ticks, words } = window.rondoFigure;
    const WORKS = ['push', 'pull', 'push and pull', 'couplings', 'planning'];
    const WORK_COLOUR = ['--plot-1', '--plot-3', '--plot-6', '--plot-2', '--plot-4'];
    const SHARE_MS = 12;

    /* ---- the plots --------------------------------------------------------------------------------------- */

    function convergence(parent) {
        const figure = new Figure(parent, 'Convergence', true), lines = new Lines(figure);
        let digest = null;
        const again = () => draw(digest);
        const ySelect = figure.choice('show', again), xSelect = figure.choice('over', again);
        const log = make('input');
        log.type = 'checkbox';
        log.checked = true;
        log.addEventListener('change', again);
        figure.head.append(make('label', '', log, 'log scale'));

        /* What can be shown: key, words, and values. */
        function offers(data) {
            const objective = data.column('objective'), have = objective.filter(known), out = [];
            for (const key of data.keys.slice(data.keys.indexOf('updates') + 1).filter((k) => !['rounds', 'imbalance', 'fill', 'weight', 'refused', 'joined', 'hits', 'round', 'seconds'].includes(k)))
                if (data.column(key).some(known))
                    out.push([key, words(key), data.column(key)]);
            out.sort((a, b) => Number(b[0] === 'gap') - Number(a[0] === 'gap'));
            if (have.length > 1) {
                const rising = have[have.length - 1] > have[0], best = have.reduce((a, b) => (rising ? Math.max(a, b) : Math.min(a, b)));
                const at = out.length && out[0][0] === 'gap' ? 1 : 0;
                out.splice(at, 0, ['excess', 'objective excess', objective.map((o) => (known(o) ? Math.abs(o - best) : null))]);
            }
            return out;
        }

        function draw(next) {
            digest = next;
            const lined = table(digest.convergence), data = lined.rows.length > 1 ? lined : table(digest.series);
            const all = offers(data), key = offer(ySelect, all.map(([k, text]) => [k, text]));
            const chosen = all.find(([k]) => k === key);
            if (!chosen) {
                figure.none(digest.rounds ? 'No objective has been computed yet.' : 'No round has been committed yet.');
                return;
            }
            const xs = [['seconds', 'seconds'], ['round', 'rounds'], ['updates', 'updates']].filter(([k]) => data.keys.includes(k));
            const x = offer(xSelect, xs), at = data.column(x), wholly = chosen[2].every((v) => !known(v) || v >= 0);
            const canLog = wholly && chosen[2].some((v) => v > 0), isLog = canLog && log.checked;
            log.disabled = !canLog;
            const rows = [];
            for (let i = 0; i < at.length; i++) {
                const y = chosen[2][i];
                if (known(at[i]) && known(y) && !(isLog && y <= 0))
                    rows.push([at[i], y]);
            }
            const values = chosen[2].filter(known), first = values[0], last = values[values.length - 1];
            lines.draw({
                rows, names: [chosen[1]], colours: ['--plot-1'], log: isLog, xWord: x === 'seconds' ? 'seconds of solving' : x + (x === 'round' ? 's' : ''),
                yWord: (key === 'excess' ? 'distance of the objective to the best one' : chosen[1]) + (isLog ? ', log scale' : ''), xText: x === 'seconds' ? (v, long) => (long ? seconds(v) : plain(v)) : plain, yText: plain,
            });
            const end = seconds(digest.seconds) + ', ' + plain(digest.rounds) + (digest.rounds === 1 ? ' round' : ' rounds');
            const name = chosen[1][0].toUpperCase() + chosen[1].slice(1);
            figure.tell(values.length === 1 ? `${name} is ${plain(last)} after ${end}.` : key === 'excess'
                ? `The objective came to ${plain(digest.objective)} in ${end}; it began ${plain(first)} away.`
                : `${name} went from ${plain(first)} to ${plain(last)} in ${end}.`);
        }
        return { figure, draw };
    }

    function timeline(parent) {
        const figure = new Figure(parent, 'Who works on what', true), LEFT = 64, BOTTOM = 20;
        let digest = null, bars = [], lanes = [], low = 0, high = 1, view = null, hover = -1;
        const canvas = new Canvas(figure, paint);
        const button = (text, name, act) => {
            const b = make('button', '', text);
            b.type = 'button';
            b.setAttribute('aria-label', name);
            b.addEventListener('click', act);
            figure.head.append(b);
        };
        button('\u2212', 'Zoom out', () => zoom(2));
        button('+', 'Zoom in', () => zoom(0.5));
        button('all', 'Show all of the timeline', () => { view = [low, high]; canvas.draw(); });

        function clamp([from, to]) {
            const span = Math.min(Math.max(to - from, 1e-7), high - low), start = Math.min(Math.max(from, low), high - span);
            return [start, start + span];
        }
        function zoom(by, middle = (view[0] + view[1]) / 2) {
            view = clamp([middle - (middle - view[0]) * by, middle + (view[1] - middle) * by]);
            canvas.draw();
        }
        function pan(share) {
            const move = (view[1] - view[0]) * share;
            view = clamp([view[0] + move, view[1] + move]);
            canvas.draw();
        }
        const place = (width) => (t) => LEFT + ((t - view[0]) / (view[1] - view[0])) * (width - LEFT - 10);
        const timeAt = (px, width) => view[0] + ((px - LEFT) / (width - LEFT - 10)) * (view[1] - view[0]);

        function paint(pen, width, height) {
            const x = place(width), tall = (height - BOTTOM - 4) / lanes.length;
            const line = colour('--plot-line'), muted = colour('--plot-muted'), ink = colour('--plot-ink');
            const colours = WORK_COLOUR.map((c) => colour(c)), each = Math.ceil(14 / tall);
            pen.fillStyle = muted;
            pen.strokeStyle = line;
            pen.textBaseline = 'middle';
            pen.textAlign = 'right';
            lanes.forEach((worker, i) => {
                if (i % each === 0)
                    pen.fillText(worker < 0 ? 'planner' : 'worker ' + worker, LEFT - 8, 2 + (i + 0.5) * tall);
            });
            pen.textAlign = 'center';
            const span = view[1] - view[0], marks = ticks(view[0], view[1], Math.max(3, Math.floor((width - LEFT) / 95)));
            const step = marks.length > 1 ? marks[1] - marks[0] : span, places = Math.max(0, Math.min(9, Math.ceil(-Math.log10(step) - 1e-9)));
            for (const t of marks) {
                const at = Math.round(x(t)) + 0.5;
                pen.beginPath();
                pen.moveTo(at, 2);
                pen.lineTo(at, height - BOTTOM);
                pen.stroke();
                pen.fillText(t.toFixed(places) + ' s', Math.min(at, width - 34), height - BOTTOM / 2 + 1);
            }
            pen.save();
            pen.beginPath();
            pen.rect(LEFT, 0, width - LEFT - 10, height);
            pen.clip();
            const gap = tall > 12 ? Math.min(4, tall * 0.12) : 0.5;
            for (let i = 0; i < bars.length; i++) {
                const [worker, begin, end, round, , , work] = bars[i];
                if (end < view[0] || begin > view[1])
                    continue;
                const left = x(begin), wide = Math.max(x(end) - left, 0.6);
                pen.globalAlpha = round % 2 ? 1 : 0.62;
                pen.fillStyle = i === hover ? ink : colours[work];
                pen.fillRect(left, 2 + lanes.indexOf(worker) * tall + gap, wide > 3 ? wide - 0.7 : wide, tall - 2 * gap);
            }
            pen.restore();
        }

        function describe(i) {
            if (hover === i)
                return;
            hover = i;
            const b = bars[i];
            say(figure.at, b ? `round ${plain(b[3])}, ${WORKS[b[6]]}` + (b[0] < 0 ? '' : `, block ${b[5]}, phase ${b[4]}, worker ${b[0]}`) + ': ' + seconds(b[2] - b[1]) : '');
            canvas.draw();
        }
        figure.field.addEventListener('pointermove', (event) => {
            const box = figure.field.getBoundingClientRect(), t = timeAt(event.clientX - box.left, box.width);
            if (event.buttons & 1) {
                pan(-event.movementX / (box.width - LEFT));
                return;
            }
            const lane = lanes[Math.floor(((event.clientY - box.top - 2) / (box.height - BOTTOM - 4)) * lanes.length)];
            describe(bars.findIndex((b) => b[0] === lane && b[1] <= t && t <= b[2]));
        });
        figure.field.addEventListener('pointerleave', () => describe(-1));
        figure.field.addEventListener('wheel', (event) => {
            if (!event.ctrlKey && !event.shiftKey)
                return; /* the page scrolls */
            event.preventDefault();
            const box = figure.field.getBoundingClientRect();
            zoom(event.deltaY + event.deltaX > 0 ? 1.3 : 1 / 1.3, timeAt(event.clientX - box.left, box.width));
        }, { passive: false });
        figure.field.addEventListener('keydown', (event) => {
            const act = { ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), '+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2),
                          Home: () => pan(-1e9), End: () => pan(1e9), 0: () => { view = [low, high]; canvas.draw(); } }[event.key];
            if (act && view) {
                event.preventDefault();
                act();
            }
        });

        function draw(next) {
            const end = high, span = view ? view[1] - view[0] : 0, follows = view && view[1] >= end - span * 0.02;
            digest = next;
            bars = digest.timeline ? digest.timeline.bars : [];
            hover = -1;
            if (!bars.length) {
                figure.none(digest.level === 'rounds' || digest.level === 'off'
                    ? `Tasks are not kept at trace level "${digest.level}": "blocks" and "all" keep them.` : 'No task has been kept yet.');
                return;
            }
            low = bars.reduce((a, b) => Math.min(a, b[1]), Infinity);
            high = bars.reduce((a, b) => Math.max(a, b[2]), -Infinity);
            lanes = [...new Set(bars.map((b) => b[0]))].sort((a, b) => a - b);
            figure.field.style.height = Math.min(420, Math.max(120, 34 * lanes.length + BOTTOM + 4)) + 'px';
            if (!view)
                view = clamp([bars.slice(-160).reduce((a, b) => Math.min(a, b[1]), Infinity), high]);
            else
                view = clamp(follows ? [high - span, high] : view);
            const used = WORKS.map((name, work) => [name, WORK_COLOUR[work], work]).filter(([, , work]) => bars.some((b) => b[6] === work));
            figure.legend(used.map(([name, colour]) => [name, colour]));
            say(figure.unit, 'a bar is a task; rounds alternate in tone');
            say(figure.under, 'time since solving began; drag or arrows move, + and \u2212 zoom');
            const busy = bars.filter((b) => b[0] >= 0).reduce((a, b) => a + b[2] - b[1], 0), hands = lanes.filter((w) => w >= 0).length;
            figure.tell(`The last ${plain(bars.length)} tasks, ${seconds(high - low)} from round ${plain(bars[0][3])} on: `
                + (hands ? `${plain(hands)} worker${hands > 1 ? 's' : ''} computed ${percent(Math.min(1, busy / hands / (high - low)))} of the time.` : 'planning alone.'));
            canvas.draw();
        }
        return { figure, draw };
    }

    function imbalance(parent) {
        const figure = new Figure(parent, 'Block imbalance'), lines = new Lines(figure);
        return {
            figure,
            draw(digest) {
                const data = table(digest.series), t = data.column('seconds'), y = data.column('imbalance');
                const rows = t.map((s, i) => [s, y[i]]).filter((r) => known(r[1])), many = data.column('rounds');
                if (!rows.length) {
                    figure.none(data.rows.length ? 'No round has more than one block yet.' : 'No round has been committed yet.');
                    return;
                }
                let sum = 0, all = 0, worst = 0;
                y.forEach((v, i) => { if (known(v)) { sum += v * many[i]; all += many[i]; worst = Math.max(worst, v); } });
                lines.draw({ rows, names: ['imbalance'], colours: ['--plot-2'], range: [1, Math.max(1.1, 1 + (worst - 1) * 1.1)], xWord: 'seconds of solving',
                             yWord: 'dearest block / mean block (1: even)', xText: (v, long) => (long ? seconds(v) : plain(v)), yText: (v) => Number(v.toPrecision(4)) + '\u00d7' });
                figure.tell(worst < 1.0005 ? 'All blocks of a round cost the same.' : `The dearest block costs ${Number((sum / all).toPrecision(3))} times the mean one, ${Number(worst.toPrecision(3))} times at the worst point.`);
            },
        };
    }

    /* Means over the points around each, so that a line can be followed; null where there is no number. */
    function smooth(column, reach) {
        return column.map((v, i) => {
            const near = column.slice(Math.max(0, i - reach), i + reach + 1).filter(known);
            return known(v) && near.length ? near.reduce((a, b) => a + b, 0) / near.length : null;
        });
    }

    function rounds(parent) {
        const figure = new Figure(parent, 'How rounds are filled'), lines = new Lines(figure);
        const shown = [['fill', 'taken of wanted', '--plot-1'], ['hits', 'couplings known', '--plot-3'], ['weight', 'priority taken', '--plot-4']];
        return {
            figure,
            draw(digest) {
                const data = table(digest.series), t = data.column('seconds');
                const used = shown.map(([key, name, colour]) => ({ name, colour, column: smooth(data.column(key), Math.floor(data.rows.length / 100)) })).filter((s) => s.column.some(known));
                if (!used.length) {
                    figure.none(data.rows.length ? 'No round was sampled: this job works by fixed plans or whole sweeps, nothing is drawn by priority.' : 'No round has been committed yet.');
                    return;
                }
                const rows = t.map((s, i) => [s, ...used.map((u) => (known(u.column[i]) ? u.column[i] : null))]);
                lines.draw({ rows, names: used.map((u) => u.name), colours: used.map((u) => u.colour), range: [0, 1.03], xWord: 'seconds of solving',
                             yWord: 'share, means of rounds side by side', xText: (v, long) => (long ? seconds(v) : plain(v)), yText: percent });
                figure.legend(used.map((u) => [u.name, u.colour]));
                const total = (key) => data.column(key).reduce((a, b) => a + (b || 0), 0);
                figure.tell(`${plain(total('refused'))} candidates were refused and ${plain(total('joined'))} joined to a block because of a coupling.`);
            },
        };
    }

    function concentration(parent) {
        const figure = new Figure(parent, 'Priority concentration'), lines = new Lines(figure), lg = Math.log10;
        const back = (x) => Number((100 * 10 ** x).toPrecision(3)) + '\u00a0%';
        const ticker = (from, to) => [-4, -3, -2, -1, 0].filter((v) => v >= from - 0.01 && v <= to + 0.01).map((v) => ({ v, label: back(v) }));
        return {
            figure,
            draw(digest) {
                const c = digest.concentration;
                if (!c || !c.updates) {
                    figure.none(digest.level === 'rounds' || digest.level === 'off'
                        ? `Blocks are not kept at trace level "${digest.level}": "blocks" and "all" keep them.` : 'No block of a sampled round has been kept: fixed plans update all variables alike.');
                    return;
                }
                const all = digest.variables || c.moved, least = Math.max(-4, lg(1 / all));
                const rows = c.curve.filter(([f]) => lg(f) >= least - 1e-9).map(([f, share]) => [lg(f), share, f]);
                lines.draw({ rows, names: ['of the updates', 'if spread evenly'], colours: ['--plot-1', '--plot-5'], range: [0, 1.03], window: [least, 0.01], rightGap: 26,
                             series: { 'if spread evenly': { strokePattern: [4, 4], strokeWidth: 1.2 } }, ticker, xText: back, yText: percent,
                             yWord: 'share of all updates', xWord: 'hottest share of the variables' });
                figure.legend([['of the updates', '--plot-1'], ['if spread evenly', '--plot-5']]);
                figure.tell(`The hottest 1 % of ${plain(all)} variables took ${percent(c.top)} of ${plain(c.updates)} updates; ${plain(c.moved)} moved at all. `
                    + `Entropy ${plain(c.entropy)} (1: even).` + (known(c.longest_wait) ? ` The longest wait between two updates was ${plain(c.longest_wait)} rounds.` : ''));
            },
        };
    }

    function couplings(parent) {
        const figure = new Figure(parent, 'Couplings that decided'), LEFT = 58, BOTTOM = 20, TOP = 6;
        let bins = null, hover = -1;
        const canvas = new Canvas(figure, (pen, width, height) => {
            const most = Math.max(...bins.map((b) => b.refused + b.joined)), marks = ticks(0, most, 4), top = Math.max(most, marks[marks.length - 1]);
            const y = (v) => height - BOTTOM - (v / top) * (height - BOTTOM - TOP), wide = (width - LEFT - 12) / bins.length;
            const [joined, refused] = ['--plot-1', '--plot-2'].map((c) => colour(c));
            pen.strokeStyle = colour('--plot-line');
            pen.fillStyle = colour('--plot-muted');
            pen.textBaseline = 'middle';
            pen.textAlign = 'right';
            for (const t of marks) {
                pen.beginPath();
                pen.moveTo(LEFT, Math.round(y(t)) + 0.5);
                pen.lineTo(width - 12, Math.round(y(t)) + 0.5);
                pen.stroke();
                pen.fillText(plain(t), LEFT - 6, Math.max(y(t), 6));
            }
            pen.textAlign = 'center';
            for (let i = 0; i <= bins.length; i += bins.length / 5)
                pen.fillText(plain(i < bins.length ? bins[i].from : bins[i - 1].to), LEFT + i * wide, height - BOTTOM / 2 + 2);
            bins.forEach((bin, i) => {
                pen.globalAlpha = hover < 0 || hover === i ? 1 : 0.5;
                pen.fillStyle = joined;
                pen.fillRect(LEFT + i * wide + 1, y(bin.joined), wide - 2, y(0) - y(bin.joined));
                pen.fillStyle = refused;
                pen.fillRect(LEFT + i * wide + 1, y(bin.joined + bin.refused), wide - 2, y(bin.joined) - y(bin.joined + bin.refused));
            });
            pen.globalAlpha = 1;
        });
        function describe(i) {
            hover = bins && bins[i] ? i : -1;
            const b = bins[i];
            say(figure.at, b ? `${plain(b.from)} to ${plain(b.to)}: ${plain(b.refused)} refused, ${plain(b.joined)} joined` : '');
            canvas.draw();
        }
        figure.field.addEventListener('pointermove', (event) => {
            const box = figure.field.getBoundingClientRect();
            describe(Math.floor(((event.clientX - box.left - LEFT) / (box.width - LEFT - 12)) * bins.length));
        });
        figure.field.addEventListener('pointerleave', () => describe(-1));
        figure.field.addEventListener('keydown', (event) => {
            const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (step && bins) {
                event.preventDefault();
                describe(Math.max(0, Math.min(bins.length - 1, hover + step)));
            }
        });
        return {
            figure,
            draw(digest) {
                const c = digest.couplings, sum = (list) => list.reduce((a, b) => a + b, 0);
                const refused = c ? sum(c.refused) : 0, joined = c ? sum(c.joined) : 0;
                if (refused + joined === 0) {
                    bins = null;
                    figure.none(digest.level === 'all' ? 'No coupling has decided about a candidate: none was refused, none joined to another\u2019s block.'
                        : `Couplings are not kept at trace level "${digest.level}": "all" keeps them.`);
                    return;
                }
                bins = c.refused.map((r, i) => ({ from: c.edges[i], to: c.edges[i + 1], refused: r, joined: c.joined[i] }));
                say(figure.unit, 'candidates');
                say(figure.under, 'absolute coupling to a variable in flight');
                figure.legend([['refused', '--plot-2', plain(refused)], ['joined', '--plot-1', plain(joined)]]);
                const strong = bins.reduce((a, b) => a + (b.from >= 0.5 ? b.refused + b.joined : 0), 0);
                figure.tell(`${plain(refused)} candidates were refused and ${plain(joined)} joined to the block of another; ${percent(strong / (refused + joined))} by a coupling above 0.5.`);
                canvas.draw();
            },
        };
    }

    function shares(parent) {
        const figure = new Figure(parent, 'Where the time goes'), bars = new Bars(figure, ['part of a round', 'share']);
        const shown = [['plan', 'planning', '--plot-4'], ['run', 'push: computing', '--plot-1'], ['pull', 'pull: computing', '--plot-3'],
                       ['network', 'travel and waiting', '--plot-5'], ['commit', 'commit', '--plot-2']];
        return {
            figure,
            draw(digest) {
                const s = digest.shares || {};
                if (!shown.some(([key]) => known(s[key]))) {
                    figure.none('No round has been committed yet.');
                    return;
                }
                bars.draw(shown.map(([key, name, colour]) => ({ cells: [name, percent(s[key])], share: s[key], colour })));
                const most = shown.reduce((a, b) => ((s[b[0]] || 0) > (s[a[0]] || 0) ? b : a));
                figure.tell(`Most of the time of the rounds, ${percent(s[most[0]])}, is ${most[1]}.`
                    + (s.couple > 0 ? ` Couplings take ${percent(s.couple)}, within planning and push.` : ''));
            },
        };
    }

    function workers(parent) {
        const figure = new Figure(parent, 'Workers'), bars = new Bars(figure, ['worker', 'tasks', 'computed', 'share']), MOST = 64;
        return {
            figure,
            draw(digest) {
                const all = digest.workers || [];
                if (!all.length) {
                    figure.none(digest.level === 'rounds' || digest.level === 'off'
                        ? `Tasks are not kept at trace level "${digest.level}": "blocks" and "all" keep them.` : 'No task has been kept yet.');
                    return;
                }
                bars.draw(all.slice(0, MOST).map((w) => ({ cells: [String(w.worker), plain(w.tasks), seconds(w.run_s), percent(w.share)], share: w.share, colour: '--plot-1' })));
                const most = all.reduce((a, b) => Math.max(a, b.share || 0), 0);
                figure.tell(`The busiest of ${plain(all.length)} did ${percent(most)} of the computing; even would be ${percent(1 / all.length)}.`
                    + (all.length > MOST ? ` The first ${MOST} are listed.` : ''));
            },
        };
    }

    /* ---- all of them ------------------------------------------------------------------------------------- */

    function render(element, digest, later = requestAnimationFrame) {
        const root = make('div', 'plots');
        const all = [convergence, timeline, imbalance, rounds, concentration, couplings, shares, workers].map((plot) => plot(root));
        let last = digest, asked = false, gone = false;
        for (const plot of all)
            Object.assign(plot, { stale: true, seen: false });
        element.replaceChildren(root);

        /* One that showed nothing stands behind the others, and is to come to its place when it has something. */
        const next = () => all.find((plot) => plot.stale && plot.seen) || all.find((plot) => plot.stale && plot.figure.empty);
        function draw(plot) {
            plot.stale = false;
            plot.draw(last);
        }
        function frame() {
            const until = performance.now() + SHARE_MS;
            asked = false;
            for (let plot; !gone && (plot = next()); ) {
                draw(plot);
                if (performance.now() >= until)
                    break;
            }
            ask();
        }
        function ask() {
            if (asked || gone || !next())
                return;
            asked = true;
            later(frame);
        }
        function update(digest) {
            last = digest;
            for (const plot of all)
                plot.stale = true;
            frame();
        }
        const again = () => {
            recolour();
            for (const plot of all)
                plot.stale = true;
            ask();
        };
        const print = () => all.filter((plot) => plot.stale).forEach(draw);
        const sights = new IntersectionObserver((entries) => {
            for (const { target, isIntersecting } of entries)
                all.find((plot) => plot.figure.root === target).seen = isIntersecting;
            ask();
        }, { rootMargin: '100px' });
        const dark = matchMedia('(prefers-color-scheme: dark)'), theme = new MutationObserver(again);
        all.forEach((plot) => sights.observe(plot.figure.root));
        dark.addEventListener('change', again);
        addEventListener('beforeprint', print);
        theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
        ask();
        return {
            update,
            destroy() {
                gone = true;
                sights.disconnect();
                theme.disconnect();
                dark.removeEventListener('change', again);
                removeEventListener('beforeprint', print);
                all.forEach((plot) => plot.figure.destroy());
                element.replaceChildren();
            },
        };
    }
    return { render };
})();
