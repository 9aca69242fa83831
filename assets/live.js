/* live.js - asking the service and following it; and how long the page takes to show what it was told,
 * which is window.rondo.loop.
 *
 * A token, where the service wants one, is typed once and kept in sessionStorage; every request bears it,
 * which is why events are read by fetch() and not by EventSource. */
const KEY = 'rondo.token';
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15000];
const SILENCE_MS = 40000; /* the service says something every 15 s */
const SAMPLES = 1024;

/* ---- the token ------------------------------------------------------------------------------ */

let asking = null; /* the form is open: everybody waits for the same answer */

const token = {
    get: () => sessionStorage.getItem(KEY),
    set: (text) => sessionStorage.setItem(KEY, text),
    forget: () => sessionStorage.removeItem(KEY),
    /* Set by the page: shows its form, and resolves when a token was typed. */
    form: () => Promise.reject(new Error('no form')),
};

function typed(refused) {
    if (!asking)
        asking = token.form(refused).finally(() => { asking = null; });
    return asking;
}

/* ---- requests ------------------------------------------------------------------------------- */

class Refusal extends Error {
    constructor(status, error) {
        super(error.message || 'the service answered ' + status);
        Object.assign(this, { status, code: error.code, where: error.where, hint: error.hint });
    }
}

async function refusal(reply) {
    const body = await reply.json().catch(() => ({}));
    return new Refusal(reply.status, body.error || {});
}

/* A reply that is well; a refusal is thrown.  Asks for a token as often as it is refused. */
async function ask(path, options = {}) {
    for (;;) {
        const used = token.get();
        const headers = { ...options.headers };
        if (used)
            headers.Authorization = 'Bearer ' + used;
        const reply = await fetch(path, { ...options, headers, cache: 'no-store' });
        if (reply.ok)
            return reply;
        if (reply.status !== 401)
            throw await refusal(reply);
        if (token.get() === used) /* else another request has asked meanwhile */
            await typed(Boolean(used));
    }
}

const get = async (path) => (await ask(path)).json();

/* ---- events --------------------------------------------------------------------------------- */

/* Calls `event` with the name and the text of each event of a stream, to its end. */
async function parse(body, event) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '', timer = 0, name = '', lines = [];
    const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => reader.cancel(), SILENCE_MS);
    };
    const line = (text) => {
        if (text === '') {
            if (lines.length)
                event(name || 'message', lines.join('\n'));
            name = '';
            lines = [];
        } else if (text.startsWith('data:')) {
            lines.push(text.slice(text[5] === ' ' ? 6 : 5));
        } else if (text.startsWith('event:')) {
            name = text.slice(6).trim();
        }
    };
    try {
        for (;;) {
            alive();
            const { value, done } = await reader.read();
            if (done)
                return;
            const pieces = value.split('\n');
            pieces[0] = rest + pieces[0];
            rest = pieces.pop();
            pieces.forEach((piece) => line(piece.endsWith('\r') ? piece.slice(0, -1) : piece));
        }
    } finally {
        clearTimeout(timer);
        reader.cancel().catch(() => {}); /* an event that was not understood leaves the stream open */
    }
}

/* Follows a stream of events until it is told to stop, or an event is called `end`; connects again
 * where it breaks.  on: { NAME: function(data) }, state: function('live' | 'lost' | 'over', pause_ms).
 * Returns what stops it. */
function follow(path, on, state) {
    const stop = new AbortController();
    let failures = 0, over = false;
    const event = (name, text) => {
        failures = 0;
        over = over || name === 'end';
        if (on[name] && !stop.signal.aborted)
            loop.handle(() => on[name](JSON.parse(text)));
    };
    const once = async () => {
        const reply = await ask(path, { signal: stop.signal, headers: { Accept: 'text/event-stream' } });
        state('live', 0);
        await parse(reply.body, event);
    };
    const run = async () => {
        while (!over && !stop.signal.aborted) {
            let refused = false;
            try {
                await once();
            } catch (error) {
                refused = error instanceof Refusal && error.status < 500;
                if (error.name === 'SyntaxError')
                    console.error(path, error);
            }
            if (over || refused || stop.signal.aborted)
                break;
            const pause = PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)];
            state('lost', pause);
            await rest(pause, stop.signal);
        }
        if (!stop.signal.aborted)
            state('over', 0);
    };
    run();
    return () => stop.abort();
}

function rest(ms, signal) {
    return new Promise((resolve) => {
        const done = () => {
            clearTimeout(timer);
            signal.removeEventListener('abort', done);
            removeEventListener('online', done);
            resolve();
        };
        const timer = setTimeout(done, ms * (0.8 + 0.4 * Math.random()));
        signal.addEventListener('abort', done);
        addEventListener('online', done);
    });
}

/* ---- how long the page takes ------------------------------------------------------------------ */

/* Milliseconds of one kind. */
class Times {
    constructor() {
        Object.assign(this, { worst: 0, mean: 0, count: 0, samples: [] });
    }

    add(ms) {
        this.worst = Math.max(this.worst, ms);
        this.mean += (ms - this.mean) / ++this.count;
        this.samples[(this.count - 1) % SAMPLES] = ms;
    }

    /* The time below which a share of the last samples lie. */
    quantile(share) {
        const sorted = [...this.samples].sort((a, b) => a - b);
        return sorted.length ? sorted[Math.ceil(share * sorted.length) - 1] : 0;
    }
}

/* An update goes from an event's arrival to the frame that shows the last of it, painted: what comes meanwhile
 * belongs to it.  `shown` is that time, most of it waiting for a frame; `held` the longest stretch of it in which
 * the page answered to nobody: reading an event, or a frame's drawing, style, layout and paint.  Frames without an
 * event, and a page that nobody sees, are not measured. */
const loop = {
    shown: new Times(), held: new Times(),
    draws: new Set(),
    now: null, /* { begin, held, heard } of the update under way */

    handle(work) {
        const begin = performance.now(), now = this.want();
        now.heard = true;
        try {
            work();
        } finally {
            now.held = Math.max(now.held, performance.now() - begin);
        }
    },
    /* Does `draw` in the next frame, once however often it is asked; one that asks again there goes on in the
     * frame behind it. */
    later(draw) {
        this.draws.add(draw);
        this.want();
    },
    want() {
        if (!this.now) {
            this.now = { begin: performance.now(), held: 0, heard: false };
            requestAnimationFrame(() => this.frame());
        }
        return this.now;
    },
    frame() {
        const { now } = this, begin = performance.now(), draws = [...this.draws];
        this.draws.clear();
        try {
            draws.forEach((draw) => draw());
        } finally {
            const over = this.draws.size === 0;
            if (over)
                this.now = null;
            else
                requestAnimationFrame(() => this.frame());
            const channel = new MessageChannel(); /* its message comes when the frame has been painted */
            channel.port1.onmessage = () => this.painted(now, begin, over);
            channel.port2.postMessage(0);
        }
    },
    painted(now, begin, over) {
        const end = performance.now();
        now.held = Math.max(now.held, end - begin);
        if (!over || !now.heard || document.hidden)
            return;
        this.shown.add(end - now.begin);
        this.held.add(now.held);
    },
    reset() {
        Object.assign(this, { shown: new Times(), held: new Times() });
    },
};

document.addEventListener('visibilitychange', () => {
    if (loop.now)
        loop.now.begin = performance.now();
});

export { ask, get, follow, token, loop, Refusal };
window.rondo = { loop };
