/* figure.js - what the plots of plots.js are made of: a figure, and lines, a canvas or bars in it.
 *
 * Wants dygraph.js before it, and the colours of plots.css.  What is told becomes text, never markup.  Nothing
 * here asks for a place or a size while it draws: the browser would lay out the page to answer.  Sizes come from
 * an observer, colours are read once (`recolour` when the theme has changed).
 */
'use strict';

window.rondoFigure = (() => {
    const WHOLE = new Intl.NumberFormat('en'), DIGITS = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
    const NAMES = ['ink', 'muted', 'line', 'axis', '1', '2', '3', '4', '5', '6'].map((name) => '--plot-' + name);

    /* The rest writes style attributes and markup, which a strict policy of the page forbids. */
    if (window.Dygraph)
        window.Dygraph.PLUGINS = [window.Dygraph.Plugins.Axes, window.Dygraph.Plugins.Grid];

    /* ---- words and numbers --------------------------------------------------------------------------- */

    const spaced = (text) => text.replace(/,/g, '\u202f').replace('-', '\u2212');

    const known = (x) => typeof x === 'number' && Number.isFinite(x);

    function plain(x) {
        if (!known(x))
            return '\u2013';
        const size = Math.abs(x);
        if (Number.isInteger(x) && size < 1e9)
            return spaced(WHOLE.format(x));
        if (size !== 0 && (size < 1e-3 || size >= 1e6))
            return x.toExponential(3).replace(/\.?0+e/, 'e').replace('e+', 'e').replace(/-/g, '\u2212');
        return spaced(DIGITS.format(x));
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

    /* ---- colours ---------------------------------------------------------------------------------------- */

    let look = null; /* colours by name, and the font of a canvas */

    function read() {
        const probe = make('div', 'plots', ...NAMES.map((name) => { const i = make('i'); i.style.color = `var(${name})`; return i; }));
        document.body.append(probe);
        look = new Map([...probe.children].map((i, at) => [NAMES[at], getComputedStyle(i).color]));
        look.set('font', '11px ' + getComputedStyle(probe).fontFamily);
        probe.remove();
        return look;
    }

    const colour = (name) => (look || read()).get(name);
    const recolour = () => { look = null; };

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
            this.empty = true; /* it shows nothing yet */
            this.root.setAttribute('aria-label', title);
            this.field.setAttribute('role', 'img');
            this.field.tabIndex = 0;
            parent.append(this.root);
            this.part = null; /* the Lines or the Canvas in the field */
            this.sizes = new ResizeObserver(([{ contentRect }]) => this.part && this.part.sized(contentRect.width, contentRect.height));
            this.sizes.observe(this.field);
        }

        destroy() {
            this.sizes.disconnect();
            if (this.part)
                this.part.destroy();
        }

        /* Nothing to show, and why. */
        none(why) {
            this.empty = true;
            this.root.classList.add('plot-none');
            say(this.says, why);
        }

        tell(summary) {
            this.empty = false;
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

    /* All there is; around a single point some room. */
    const span = (rows) => (rows.length > 0 && rows[0][0] === rows[rows.length - 1][0] ? [0, 2 * rows[0][0] || 1] : null);

    /* what: rows [[x, y, ...]], names, colours [--plot-n], log, range, x and y as words, ticks of x. */
    class Lines {
        constructor(figure) {
            this.figure = figure;
            this.holder = make('div');
            figure.field.append(this.holder);
            figure.part = this;
            figure.field.addEventListener('keydown', (event) => this.key(event));
        }

        options(what) {
            return {
                labels: ['x', ...what.names], colors: what.colours.map((c) => colour(c)), legend: 'never',
                logscale: Boolean(what.log), valueRange: what.range || null, dateWindow: what.window || span(what.rows),
                strokeWidth: 1.6, highlightCircleSize: 3.5, connectSeparatedPoints: true, drawPoints: what.rows.length < 3, pointSize: 2.5,
                includeZero: false, axisLineColor: colour('--plot-axis'), gridLineColor: colour('--plot-line'),
                gridLineWidth: 1, axisLabelFontSize: 11, xRangePad: 2, yRangePad: 6, animatedZooms: false, rightGap: what.rightGap || 14,
                series: what.series || {},
                axes: {
                    x: { axisLabelFormatter: (x) => what.xText(x), pixelsPerLabel: 62,
                         ticker: what.ticker || ((from, to, pixels) => ticks(from, to, pixels / 62).map((v) => ({ v, label: what.xText(v) }))) },
                    y: { axisLabelFormatter: (y) => what.yText(y), axisLabelWidth: 58, pixelsPerLabel: 34,
                         ticker: what.log ? logTicks : window.Dygraph.numericTicks },
                },
                highlightCallback: (event, x, points, row) => this.read(row),
                unhighlightCallback: () => say(this.figure.at, ''),
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

        sized(width, height) {
            const now = this.graph && this.graph.size();
            if (now && width > 0 && (now.width !== width || now.height !== height))
                this.graph.resize(width, height);
        }

        destroy() { if (this.graph) this.graph.destroy(); }
    }

    /* ---- a canvas of our own ---------------------------------------------------------------------------- */

    /* paint(pen, width, height), in CSS pixels, on a canvas as large as the field. */
    class Canvas {
        constructor(figure, paint) {
            this.paint = paint;
            this.canvas = make('canvas');
            this.pen = this.canvas.getContext('2d');
            this.width = this.height = 0;
            this.asked = false;
            figure.field.append(this.canvas);
            figure.part = this;
        }

        draw() {
            const { canvas, pen, width, height } = this, ratio = window.devicePixelRatio || 1;
            const w = Math.round(width * ratio), h = Math.round(height * ratio);
            this.asked = true;
            if (width < 1)
                return; /* not laid out yet, or out of sight */
            if (canvas.width !== w || canvas.height !== h) {
                canvas.width = w;
                canvas.height = h;
                canvas.style.width = width + 'px';
                canvas.style.height = height + 'px';
            }
            pen.setTransform(ratio, 0, 0, ratio, 0, 0);
            pen.clearRect(0, 0, width, height);
            pen.font = colour('font');
            pen.lineWidth = 1;
            this.paint(pen, width, height);
        }

        sized(width, height) {
            if (width === this.width && height === this.height)
                return;
            this.width = width;
            this.height = height;
            if (this.asked)
                this.draw();
        }

        destroy() {}
    }

    /* ---- bars in a table ---------------------------------------------------------------------------------- */

    /* Rows of a name, numbers, and a bar as long as the last number, a share. */
    class Bars {
        constructor(figure, heads) {
            this.body = make('tbody');
            const row = make('tr', '', ...heads.map((head) => { const th = make('th', '', head); th.scope = 'col'; return th; }), make('td'));
            this.wide = heads.length;
            for (const part of [figure.keys, figure.unit.parentNode, figure.under])
                part.remove();
            figure.field.replaceWith(make('div', 'plot-scroll plot-part', make('table', '', make('thead', '', row), this.body)));
        }

        draw(rows) {
            const { body, wide } = this;
            while (body.rows.length > rows.length)
                body.lastChild.remove();
            while (body.rows.length < rows.length)
                body.append(make('tr', '', ...Array.from({ length: wide }, () => make('td')), make('td', 'plot-bar', make('i'))));
            rows.forEach(({ cells, share, colour: name }, at) => {
                const row = body.rows[at], fill = row.lastChild.firstChild;
                cells.forEach((cell, i) => say(row.cells[i], cell));
                fill.style.width = 100 * (share || 0) + '%';
                fill.style.background = `var(${name})`;
            });
        }
    }

    return { Figure, Lines, Canvas, Bars, colour, recolour, known, make, offer, percent, plain, say, seconds, table, ticks, words };
})();
