/* dashboard.js - the page: where one is (the hash of the address), the list of jobs, workers, the token.
 *
 *     #/                          jobs, newest first; ?state= and ?before= as in /v1/jobs
 *     #/jobs/17                   a job (job.js)
 *     #/submit                    a spec to be submitted (submit.js)
 *
 * What comes from jobs becomes text by textContent alone. */

import { closeJob, openJob, startJob } from './job.js';
import { follow, get, loop, token } from './live.js';
import { startSubmit } from './submit.js';
import { $, announce, between, duration, ended, keyed, make, moment, number, rough, say, stateWord, title,
         trouble } from './words.js';

const ROWS = 100;
const STATES = ['', 'running', 'queued', 'completed', 'failed', 'cancelled'];
const LINKS = { live: 'live', lost: 'connection lost, trying again', over: '', wait: 'connecting' };

const list = {
    state: '', before: '', next: null, known: false,
    jobs: new Map(),     /* by id */
    counts: null,        /* of each state, where they are known */
    workers: [],
    last: null,          /* the id of the job that was looked at */
    late: new Set(),     /* for each list that is on its way, what events have told since it was asked for */
};

/* ---- the stream's state --------------------------------------------------------------------------------- */

function link(state, pause) {
    const element = $('link');
    if (element.dataset.state === state)
        return;
    if (state === 'lost' || element.dataset.state === 'lost')
        announce(LINKS[state]);
    element.dataset.state = state;
    say($('link-text'), LINKS[state]);
    element.title = pause ? 'The next try is in about ' + duration(pause / 1000) : '';
}

/* ---- jobs ----------------------------------------------------------------------------------------------- */

function query(state, before) {
    const words = [];
    if (state)
        words.push('state=' + state);
    if (before)
        words.push('before=' + before);
    return words.length ? '?' + words.join('&') : '';
}

function row() {
    const name = make('a'), state = make('span', { class: 'state' });
    return make('tr', {},
                make('td', { class: 'c-id' }), make('td', { class: 'c-name' }, name),
                make('td', { class: 'c-app' }), make('td', { class: 'c-state' }, state),
                make('td', { class: 'c-when' }), make('td', { class: 'c-took' }),
                make('td', { class: 'c-why' }));
}

function fillRow(element, job) {
    const [id, name, app, state, when, took, why] = element.children;
    const word = stateWord(job), reason = ended(job) ? job.error || job.stop_reason : pace(job.glance);
    say(id, job.id);
    say(name.firstElementChild, title(job));
    name.firstElementChild.setAttribute('href', '#/jobs/' + job.id);
    say(app, job.app);
    say(state.firstElementChild, word);
    state.firstElementChild.dataset.state = word;
    say(when, moment(job.submitted));
    say(took, job.started ? duration(between(job.started, job.ended)) : '–');
    say(why, reason);
    why.dataset.state = job.state;
    why.title = reason;
}

const pace = (glance) => (glance && glance.rounds > 0
    ? 'round ' + number(glance.rounds) + (glance.rounds_s > 0 ? ' · ' + number(rough(glance.rounds_s)) + '/s' : '') : '');

function drawJobs() {
    if ($('view-jobs').hidden) /* asked for before it was left: the focus is not to be spent on what is hidden */
        return;
    const rows = [...list.jobs.values()].sort((a, b) => Number(b.id) - Number(a.id)).slice(0, ROWS);
    keyed($('jobs').tBodies[0], rows, (job) => job.id, row, fillRow);
    $('jobs').hidden = rows.length === 0;
    $('jobs-none').hidden = rows.length > 0 || !list.known;
    say($('jobs-none'), list.state ? 'No job is ' + list.state + '.' : 'No jobs yet.');
    for (const chip of $('chips').children) {
        const count = list.counts && list.counts[chip.dataset.key];
        say(chip.lastElementChild, typeof count === 'number' ? number(count) : '');
    }
    const last = rows[rows.length - 1];
    $('older').hidden = !list.next;
    $('older').href = '#/' + query(list.state, last && last.id);
    $('newest').hidden = !list.before;
    $('newest').href = '#/' + query(list.state, '');
    say($('range'), rows.length ? 'Jobs ' + rows[0].id + ' to ' + last.id : '');
    if (list.last && rows.some((job) => job.id === list.last)) {
        const link = $('jobs').querySelector('tr[data-key="' + list.last + '"] a');
        list.last = null;
        link.focus({ preventScroll: false });
    }
}

/* Whether a job belongs to the page that is shown. */
function belongs(job) {
    if (list.state && job.state !== list.state)
        return false;
    if (list.before && Number(job.id) >= Number(list.before))
        return false;
    if (!list.next)
        return true;
    const ids = [...list.jobs.keys()].map(Number);
    return Number(job.id) >= Math.min(...ids);
}

function takeOne(job) {
    const old = list.jobs.get(job.id);
    if (old && ended(job) && !ended(old))
        announce(title(job) + ' is ' + job.state);
    if (belongs(job))
        list.jobs.set(job.id, { ...old, ...job });
    else
        list.jobs.delete(job.id);
}

function takeJobs(data) {
    data.jobs.forEach(takeOne);
    list.late.forEach((told) => told.push(...data.jobs));
    if (list.jobs.size > ROWS) {
        const ids = [...list.jobs.keys()].sort((a, b) => Number(b) - Number(a));
        ids.slice(ROWS).forEach((id) => list.jobs.delete(id));
        list.next = ids[ROWS - 1];
    }
    list.counts = { ...data.counts, '': data.total };
    if (data.more) /* than an event tells */
        loadJobs().catch(() => {});
    loop.later(drawJobs);
}

async function loadJobs() {
    const { state, before } = list, told = [];
    list.late.add(told);
    const page = await get('/v1/jobs' + query(state, before) + (state || before ? '&' : '?') + 'limit=' + ROWS)
        .finally(() => list.late.delete(told));
    if (state !== list.state || before !== list.before)
        return;
    list.jobs = new Map(page.jobs.map((job) => [job.id, job]));
    list.next = page.next;
    list.known = true;
    told.forEach(takeOne);
    trouble($('jobs-trouble'), null);
    loop.later(drawJobs);
}

/* ---- workers -------------------------------------------------------------------------------------------- */

function drawWorkers() {
    say($('workers-count'), list.workers.length ? number(list.workers.length) : '');
    $('workers-none').hidden = list.workers.length > 0 || !list.known;
    keyed($('workers'), list.workers, (worker) => worker.id,
          () => make('li', {}, make('b'), make('span', { class: 'state' }), make('small'), make('a')),
          (element, worker) => {
              const [name, state, about, job] = element.children;
              say(name, worker.name);
              say(state, worker.state);
              state.dataset.state = worker.state;
              say(about, [worker.host, worker.threads + (worker.threads === 1 ? ' thread' : ' threads'),
                          worker.device, worker.isa].filter(Boolean).join(' · '));
              say(job, worker.job ? 'job ' + worker.job : '');
              job.hidden = !worker.job;
              if (worker.job)
                  job.setAttribute('href', '#/jobs/' + worker.job);
          });
}

function takeWorkers(data) {
    list.workers = data.workers || [];
    loop.later(drawWorkers);
}

/* ---- where one is --------------------------------------------------------------------------------------- */

let leave = () => {};
let first = true;

function openList(words) {
    const state = words.get('state') || '', before = words.get('before') || '';
    if (state !== list.state || before !== list.before) {
        list.jobs = new Map();
        list.known = false;
    }
    Object.assign(list, { state: STATES.includes(state) ? state : '', before: /^\d+$/.test(before) ? before : '' });
    for (const chip of $('chips').children) {
        if (chip.dataset.key === list.state)
            chip.setAttribute('aria-current', 'true');
        else
            chip.removeAttribute('aria-current');
    }
    document.title = 'Jobs · Rondo';
    const fill = () => Promise.all([loadJobs(), get('/v1/workers').then(takeWorkers)])
        .catch((error) => trouble($('jobs-trouble'), error.status ? error : null));
    leave = follow('/v1/events', { jobs: takeJobs, workers: takeWorkers }, (state, pause) => {
        link(state, pause);
        if (state === 'live')
            fill();
    });
    const tick = setInterval(() => loop.later(drawJobs), 1000);
    const stop = leave;
    leave = () => { clearInterval(tick); stop(); };
}

/* The view that the address names: its section and what opens it. */
function route() {
    const [path, words] = location.hash.replace(/^#/, '').split('?');
    const job = /^\/jobs\/(\d+)$/.exec(path);
    if (job)
        return { view: 'view-job', heading: 'job-title', open: () => {
            list.last = job[1];
            openJob(job[1], link);
            leave = closeJob;
        } };
    if (path === '/submit')
        return { view: 'view-submit', heading: 'submit-title', open: () => {
            document.title = 'Submit · Rondo';
            link('over');
        } };
    return { view: 'view-jobs', heading: 'jobs-title', open: () => openList(new URLSearchParams(words)) };
}

function go() {
    leave();
    leave = () => {};
    const { view, heading, open } = route();
    const same = !$(view).hidden;
    for (const section of document.querySelectorAll('main > section'))
        section.hidden = section.id !== view;
    for (const [id, of] of [['nav-jobs', 'view-jobs'], ['nav-submit', 'view-submit']]) {
        if (of === view)
            $(id).setAttribute('aria-current', 'page');
        else
            $(id).removeAttribute('aria-current');
    }
    link('wait');
    open();
    if (!first && !(same && view === 'view-jobs'))
        $(heading).focus({ preventScroll: true });
    if (!same)
        scrollTo(0, 0);
    first = false;
}

/* ---- the token ------------------------------------------------------------------------------------------ */

token.form = (refused) => new Promise((resolve) => {
    const dialog = $('token'), input = $('token-input');
    say($('token-text'), (refused ? 'That token was refused. ' : '')
        + 'This service asks who you are. The token is kept until this tab is closed.');
    input.value = '';
    dialog.showModal();
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('close', () => {
        token.set(input.value.trim());
        $('forget').hidden = false;
        resolve();
    }, { once: true });
});

/* ---- the start ------------------------------------------------------------------------------------------ */

function start() {
    keyed($('chips'), STATES, (state) => state,
          (state) => make('a', { href: '#/' + query(state, '') }, state || 'all', ' ', make('span', { class: 'count' })),
          () => {});
    $('forget').hidden = !token.get();
    $('forget').addEventListener('click', () => {
        token.forget();
        location.reload();
    });
    addEventListener('keydown', (event) => {
        const typing = event.target.closest('dialog, textarea, input');
        if (event.key === 'Escape' && !typing && $('view-jobs').hidden)
            location.hash = '#/';
    });
    startJob();
    startSubmit();
    addEventListener('hashchange', go);
    go();
}

start();
