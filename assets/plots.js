/* plots.js - the plots of a job's digest (docs/formats/trace.md), for the dashboard and an export's page.
 *
 *     const plots = rondoPlots.render(element, digest);   fills the element
 *     plots.update(digest);                               draws another state of it: 10 to 25 ms for a full one
 *     plots.destroy();
 *
 * Wants dygraph.js before it, and the colours of plots.css, which are read anew when the theme changes.  What a
 * digest says becomes text, never markup.  Each plot has a summary in words below it, can be reached by the
 * keyboard (arrows move along it), and says why where it has nothing to show.
 */
'use strict';

window.rondoPlots = (() => {
    const WORKS = ['push', 'pull', 'push and pull', 'couplings', 'planning'];
    const WORK_COLOUR = ['--plot-1', '--plot-3', '--plot-6', '--plot-2', '--plot-4'];

    /* The rest writes style attributes and markup, which a strict policy of the page forbids. */
    if (window.Dygraph)
        window.Dygraph.PLUGINS = [window.Dygraph.Plugins.Axes, window.Dygraph.Plugins.Grid];

    /* ---- words and numbers --------------------------------------------------------------------------- */

    const known = (x) => typeof x === 'number' && Number.isFinite(x);

    function plain(x) {
        if (!known(x))
            return '\u2013';
        const size = Math.abs(x);
        if (Number.isInteger(x) && size < 1e9)
            return x.toLocaleString('en').replace('-', '\u2212');
        if (size !== 0 && (size < 1e-3 || size >= 1e6))
            return x.toExponential(3).replace(/\.?0+e/, 'e').replace('e+', 'e').replace(/-/g, '\u2212');
        return x.toLocaleString('en', { maximumSignificantDigits: 4 }).replace('-', '\u2212');
    }

    const percent = (x) => (!known(x) ? '\u2013' : x > 0 && x < 1e-4 ? '< 0.01\u00a0%' : Number((100 * x).toPrecision(3)) + '\u00a0%');

    function seconds(x) {
        if (!known(x))
            return '\u2013';
        const size = Math.abs(x);
        if (size >= 1 || size === 0)
            return Number(x.toPrecision(4)) + '\u00a0s';
        return size >= 1e-3 ? Number((1e3 * x).toPrecision(3)) + '\u00a0ms' : Number((1e6 * x).toPrecision(3)) + '\u00a0\u00b5s';
    }

    const power = (e) => '10' + String(e).replace('-', '\u207b').replace(/\d/g, (d) => '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079'[d]);

    const words = (key) => key.replace(/_/g, ' ');

    function make(tag, name, ...inside) {
        const node = document.createElement(tag);
        if (name)
            node.className = name;
        node.append(...inside);
        return node;
    }

    function say(node, text) {
        if (node.textContent !== text)
            node.textContent = text;
    }

    /* Rows of {keys, rows} as functions of a key. */
    function table(part) {
        const keys = part ? part.keys : [], rows = part ? part.rows : [];
        return { keys, rows, column: (key) => { const k = keys.indexOf(key); return rows.map((row) => (k < 0 ? null : row[k])); } };
    }

    /* ---- a figure: title, choices, field, summary ------------------------------------------------------- */

    class Figure {
        constructor(parent, title, wide) {
            this.head = make('div', 'plot-head', make('h3', '', title));
            this.keys = make('ul', 'plot-keys');
            this.unit = make('span');
            this.at = make('span', 'plot-at');
            this.at.setAttribute('aria-live', 'polite');
            this.field = make('div', 'plot-field');
            this.under = make('p', 'plot-under');
            this.says = make('p', 'plot-says');
            this.root = make('figure', 'plot' + (wide ? ' plot-wide' : ''), this.head, this.keys,
                make('div', 'plot-unit', this.unit, this.at), this.field, this.under, this.says);
            this.title = title;
            this.root.setAttribute('aria-label', title);
            this.field.setAttribute('role', 'img');
            this.field.tabIndex = 0;
            parent.append(this.root);
        }

        colour(name) { return getComputedStyle(this.root).getPropertyValue(name).trim() || '#888888'; }

        /* Nothing to show, and why. */
        none(why) {
            this.root.classList.add('plot-none');
            say(this.says, why);
        }

        tell(summary) {
            this.root.classList.remove('plot-none');
            say(this.says, summary);
            this.field.setAttribute('aria-label', this.title + '. ' + summary);
        }

        legend(entries) {
            const now = JSON.stringify(entries);
            if (now === this.legendNow)
                return;
            this.legendNow = now;
            this.keys.replaceChildren(...entries.map(([name, colour, value]) => {
                const mark = make('i');
                mark.style.background = `var(${colour})`;
                return make('li', '', mark, name, ...(value === undefined ? [] : [' ', make('b', '', value)]));
            }));
        }

        choice(label, change) {
            const select = make('select'), whole = make('label', '', label, select);
            select.addEventListener('change', change);
            this.head.append(whole);
            return select;
        }
    }

    /* The options of a select, keeping what was chosen. */
    function offer(select, options) {
        const now = options.map(([value, text]) => value + '\n' + text).join('\n');
        if (select.rondoOptions !== now) {
            const chosen = select.value;
            select.replaceChildren(...options.map(([value, text]) => { const o = make('option', '', text); o.value = value; return o; }));
            if (options.some(([value]) => value === chosen))
                select.value = chosen;
            select.rondoOptions = now;
        }
        select.parentNode.hidden = options.length < 2;
        return select.value;
    }

    /* Round numbers between low and high, about `count` of them. */
    function ticks(low, high, count) {
        const raw = (high - low) / Math.max(1, count), ten = 10 ** Math.floor(Math.log10(raw));
        const step = [1, 2, 5, 10].map((m) => m * ten).find((s) => s >= raw * 0.999) || raw, out = [];
        for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9 && out.length < 100; t += step)
            out.push(Math.abs(t) < step * 1e-9 ? 0 : t);
        return out;
    }

    /* Of a log scale: powers of ten, every one or every few; within two decades round numbers between them too. */
    function logTicks(low, high) {
        const from = Math.log10(low), to = Math.log10(high), out = [];
        if (!(low > 0) || to - from < 0.7)
            return ticks(low, high, 5).filter((v) => v > 0).map((v) => ({ v, label: plain(v) }));
        const each = Math.ceil((to - from) / 6);
        for (let e = Math.floor(from); e <= Math.ceil(to); e++)
            for (const m of to - from < 2 ? [1, 2, 5] : [1])
                if (m * 10 ** e >= low * 0.999 && m * 10 ** e <= high * 1.001)
                    out.push({ v: m * 10 ** e, label: e % each ? '' : m > 1 || (e > -3 && e < 6) ? plain(Number((m * 10 ** e).toPrecision(3))) : power(e) });
        return out;
    }

    /* ---- lines, by dygraphs ---------------------------------------------------------------------------- */

    /* what: rows [[x, y, ...]], names, colours [--plot-n], log, range, x and y as words, ticks of x. */
    class Lines {
        constructor(figure) {
            this.figure = figure;
            this.holder = make('div');
            figure.field.append(this.holder);
            figure.field.addEventListener('keydown', (event) => this.key(event));
        }

        options(what) {
            const { figure } = this;
            return {
                labels: ['x', ...what.names], colors: what.colours.map((c) => figure.colour(c)), legend: 'never',
                logscale: Boolean(what.log), valueRange: what.range || null, dateWindow: what.window || null,
                strokeWidth: 1.6, highlightCircleSize: 3.5, connectSeparatedPoints: true, drawPoints: what.rows.length < 3, pointSize: 2.5,
                includeZero: false, axisLineColor: figure.colour('--plot-axis'), gridLineColor: figure.colour('--plot-line'),
                gridLineWidth: 1, axisLabelFontSize: 11, xRangePad: 2, yRangePad: 6, animatedZooms: false, rightGap: what.rightGap || 14,
                series: what.series || {},
                axes: {
                    x: { axisLabelFormatter: (x) => what.xText(x), pixelsPerLabel: 62,
                         ticker: what.ticker || ((from, to, pixels) => ticks(from, to, pixels / 62).map((v) => ({ v, label: what.xText(v) }))) },
                    y: { axisLabelFormatter: (y) => what.yText(y), axisLabelWidth: 58, pixelsPerLabel: 34,
                         ticker: what.log ? logTicks : window.Dygraph.numericTicks },
                },
                highlightCallback: (event, x, points, row) => this.read(row),
                unhighlightCallback: () => say(figure.at, ''),
            };
        }

        draw(what) {
            const { figure } = this;
            this.what = what;
            say(figure.unit, what.yWord);
            say(figure.under, what.xWord);
            if (!window.Dygraph) {
                figure.none('The plotting library is not there.');
                return;
            }
            const shape = what.names.length + (what.ticker ? 't' : '');
            if (this.graph && this.shape === shape) {
                this.graph.updateOptions({ file: what.rows, ...this.options(what) });
                return;
            }
            if (this.graph)
                this.graph.destroy();
            this.shape = shape;
            this.graph = new window.Dygraph(this.holder, what.rows, this.options(what));
        }

        read(row) {
            const { what } = this, values = what.rows[row];
            this.row = row;
            if (values)
                say(this.figure.at, what.xText(values[0], true) + ': ' + what.names.map((name, i) => (what.names.length > 1 ? name + ' ' : '')
                    + (values[i + 1] === null ? '\u2013' : what.yText(values[i + 1], true))).join(', '));
        }

        key(event) {
            const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -1e9, End: 1e9 }[event.key];
            if (!step || !this.graph)
                return;
            event.preventDefault();
            const last = this.what.rows.length - 1;
            const row = Math.max(0, Math.min(last, (this.row === undefined ? last : this.row) + step));
            this.graph.setSelection(row);
            this.read(row);
        }

        resize() { if (this.graph) this.graph.resize(); }
        destroy() { if (this.graph) this.graph.destroy(); }
    }

    /* ---- bars, on a canvas of our own ------------------------------------------------------------------- */

    class Canvas {
        constructor(figure, paint) {
            this.figure = figure;
            this.paint = paint;
            this.canvas = make('canvas');
            figure.field.append(this.canvas);
        }

        draw() {
            const { width, height } = this.figure.field.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
            if (width < 1)
                return;
            const w = Math.round(width * ratio), h = Math.round(height * ratio);
            if (this.canvas.width !== w || this.canvas.height !== h) {
                this.canvas.width = w;
                this.canvas.height = h;
                this.canvas.style.width = width + 'px';
                this.canvas.style.height = height + 'px';
            }
            const pen = this.canvas.getContext('2d');
            pen.setTransform(ratio, 0, 0, ratio, 0, 0);
            pen.clearRect(0, 0, width, height);
            pen.font = '11px ' + getComputedStyle(this.figure.root).fontFamily;
            pen.lineWidth = 1;
            this.paint(pen, width, height);
        }

        resize() { this.draw(); }
        destroy() {}
    }

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
            const end = seconds(digest.seconds) + ', ' + plain(digest.rounds) + ' rounds';
            figure.tell(key === 'excess'
                ? `The objective came to ${plain(digest.objective)} in ${end}; it began ${plain(first)} away.`
                : `${chosen[1][0].toUpperCase() + chosen[1].slice(1)} went from ${plain(first)} to ${plain(last)} in ${end}.`);
        }
        return { draw, parts: [lines] };
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
            const line = figure.colour('--plot-line'), muted = figure.colour('--plot-muted'), ink = figure.colour('--plot-ink');
            const colours = WORK_COLOUR.map((c) => figure.colour(c)), each = Math.ceil(14 / tall);
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
        return { draw, parts: [canvas] };
    }

    function imbalance(parent) {
        const figure = new Figure(parent, 'Block imbalance'), lines = new Lines(figure);
        return {
            parts: [lines],
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
            parts: [lines],
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
            parts: [lines],
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
            const [joined, refused] = ['--plot-1', '--plot-2'].map((c) => figure.colour(c));
            pen.strokeStyle = figure.colour('--plot-line');
            pen.fillStyle = figure.colour('--plot-muted');
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
            parts: [canvas],
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

    /* Rows of a name, numbers, and a bar as long as the last number, a share. */
    class Bars {
        constructor(figure, heads) {
            this.body = make('tbody');
            const row = make('tr', '', ...heads.map((head) => { const th = make('th', '', head); th.scope = 'col'; return th; }), make('td'));
            figure.field.replaceWith(make('div', 'plot-scroll plot-part', make('table', '', make('thead', '', row), this.body)));
        }

        draw(rows) {
            this.body.replaceChildren(...rows.map(({ cells, share, colour }) => {
                const fill = make('i');
                fill.style.width = 100 * (share || 0) + '%';
                fill.style.background = `var(${colour})`;
                return make('tr', '', ...cells.map((cell) => make('td', '', cell)), make('td', 'plot-bar', fill));
            }));
        }
    }

    function shares(parent) {
        const figure = new Figure(parent, 'Where the time goes'), bars = new Bars(figure, ['part of a round', 'share']);
        const shown = [['plan', 'planning', '--plot-4'], ['run', 'push: computing', '--plot-1'], ['pull', 'pull: computing', '--plot-3'],
                       ['network', 'travel and waiting', '--plot-5'], ['commit', 'commit', '--plot-2']];
        return {
            parts: [],
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
            parts: [],
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

    /* Plots out of sight wait until they come into sight: what is seen is drawn in a frame's time. */
    function render(element, digest) {
        const root = make('div', 'plots');
        element.replaceChildren(root);
        const plots = [convergence, timeline, imbalance, rounds, concentration, couplings, shares, workers].map((plot) => plot(root));
        const figures = [...root.children], parts = plots.flatMap((plot) => plot.parts), stale = new Set();
        let last = digest, width = 0;
        const inSight = (figure) => { const box = figure.getBoundingClientRect(); return box.bottom > -100 && box.top < innerHeight + 100; };
        function draw(which) {
            for (const i of which) {
                stale.delete(i);
                plots[i].draw(last);
            }
        }
        function update(next) {
            last = next;
            plots.forEach((plot, i) => stale.add(i));
            draw([...stale].filter((i) => inSight(figures[i])));
        }
        const again = () => draw(plots.keys());
        const sizes = new ResizeObserver(() => {
            const now = root.clientWidth;
            if (now > 0 && now !== width)
                for (const part of parts)
                    part.resize();
            width = now;
        });
        const sights = new IntersectionObserver((entries) => draw(entries.filter((e) => e.isIntersecting).map((e) => figures.indexOf(e.target))
            .filter((i) => stale.has(i))), { rootMargin: '100px' });
        const dark = matchMedia('(prefers-color-scheme: dark)');
        const theme = new MutationObserver(again);
        again();
        width = root.clientWidth;
        sizes.observe(root);
        figures.forEach((figure) => sights.observe(figure));
        dark.addEventListener('change', again);
        addEventListener('beforeprint', again);
        theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
        return {
            update,
            destroy() {
                for (const watcher of [sizes, sights, theme])
                    watcher.disconnect();
                dark.removeEventListener('change', again);
                removeEventListener('beforeprint', again);
                for (const part of parts)
                    part.destroy();
                element.replaceChildren();
            },
        };
    }
    return { render };
})();
