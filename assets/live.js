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
            const pieces = (rest + value).split('\n');
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

/* From an event's arrival to the frame that shows it, painted.  Events of one frame are one sample, its
 * time that of the first.  Frames without an event, and a page that nobody sees, are not measured. */
const loop = {
    last_ms: 0, worst_ms: 0, mean_ms: 0, count: 0, samples: [],
    begin: 0, heard: false, draws: new Set(),

    handle(work) {
        this.heard = true;
        this.want();
        work();
    },
    /* Does `draw` in the next frame, once however often it is asked. */
    later(draw) {
        this.draws.add(draw);
        this.want();
    },
    want() {
        if (this.begin)
            return;
        this.begin = performance.now();
        requestAnimationFrame(() => this.frame());
    },
    frame() {
        const begin = this.heard ? this.begin : NaN, draws = [...this.draws];
        this.begin = 0;
        this.heard = false;
        this.draws.clear();
        draws.forEach((draw) => draw());
        const channel = new MessageChannel(); /* its message comes when the frame has been painted */
        channel.port1.onmessage = () => this.painted(performance.now() - begin);
        channel.port2.postMessage(0);
    },
    painted(took) {
        if (document.hidden || !(took >= 0))
            return;
        this.last_ms = took;
        this.worst_ms = Math.max(this.worst_ms, took);
        this.mean_ms += (took - this.mean_ms) / ++this.count;
        this.samples[(this.count - 1) % SAMPLES] = took;
    },
    /* The time below which a share of the last samples lie. */
    quantile(share) {
        const sorted = [...this.samples].sort((a, b) => a - b);
        return sorted.length ? sorted[Math.ceil(share * sorted.length) - 1] : 0;
    },
    reset() {
        Object.assign(this, { last_ms: 0, worst_ms: 0, mean_ms: 0, count: 0, samples: [] });
    },
};

document.addEventListener('visibilitychange', () => {
    if (loop.begin)
        loop.begin = performance.now();
});

export { ask, get, follow, token, loop, Refusal };
window.rondo = { loop };
