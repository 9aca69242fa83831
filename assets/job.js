/* job.js - one job: facts, how far it is, plots, files, spec, cancelling. */

import { ask, follow, get, loop, token } from './live.js';
import { goal } from './goal.js';
import { $, announce, between, bytes, duration, ended, keyed, make, moment, number, rough, say, stateWord, title,
         trouble } from './words.js';

/* Keys of progress as they are called here; null: they have a place of their own. */
const NAMES = {
    t: null, round: null, updates: null, objective: null, nnz: 'Nonzeros', rmse: 'RMSE', test_rmse: 'Test RMSE',
    ndcg: 'NDCG', log_likelihood_per_token: 'Log-lik./token',
};
const DAY_S = 86400;

let shown = null; /* { id, job, digest, plots, stop, timer, and what is drawn } of the job that is looked at */

/* ---- facts -------------------------------------------------------------------------------------------- */

function facts(job) {
    const progress = job.progress || {}, glance = job.glance;
    const later = (a, b) => Math.max(a || 0, b || 0); /* one may be a second behind the other */
    const list = [
        ['App', job.app],
        ['Submitted', moment(job.submitted)],
        ['Started', moment(job.started)],
        ended(job) ? ['Ended', moment(job.ended)] : ['Workers', number(job.workers)],
        ['Took', duration(between(job.started, job.ended))],
        ['Rounds', number(later(progress.round, glance && glance.rounds))],
        ['Updates', number(later(progress.updates, glance && glance.updates))],
    ];
    if (!ended(job))
        list.push(['Rounds/s', glance ? number(rough(glance.rounds_s)) : '–'],
                  ['Updates/s', glance ? number(rough(glance.updates_s)) : '–']);
    list.push(['Objective', number(glance ? glance.objective : progress.objective)]);
    for (const [key, value] of Object.entries(progress))
        if (NAMES[key] !== null)
            list.push([NAMES[key] || key.replace(/_/g, ' '), number(value)]);
    if (job.starts > 1)
        list.push(['Taken up', job.starts + ' times']);
    return list;
}

function showFacts(job) {
    keyed($('facts'), facts(job), ([name]) => name,
          () => make('div', {}, make('dt'), make('dd')),
          (element, [name, value]) => {
              say(element.firstElementChild, name);
              say(element.lastElementChild, value);
          });
}

function showGoal(job, digest) {
    const bar = $('job-goal').querySelector('.bar');
    const aim = ended(job) ? null : goal(job, digest);
    const percent = aim ? Math.floor(aim.share * 100) : 0;
    $('job-goal').hidden = ended(job);
    bar.firstElementChild.style.transform = 'scaleX(' + (aim ? aim.share : 0) + ')';
    bar.setAttribute('aria-valuenow', percent);
    const waiting = job.waiting && (job.waiting.startsWith('for ') ? 'waits ' : '') + job.waiting;
    const why = job.state === 'queued' ? 'waits for its turn' : 'begins';
    say($('goal-what'), aim ? aim.what : waiting || why);
    const eta = aim && Number.isFinite(aim.eta) && aim.eta < 30 * DAY_S ? 'about ' + duration(aim.eta) + ' left' : '';
    say($('goal-eta'), aim && waiting || eta);
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

function draw() {
    if (!shown || !shown.job)
        return;
    const { job, digest } = shown, word = stateWord(job);
    document.title = title(job) + ' · Rondo';
    say($('job-title'), title(job));
    say($('job-state'), word);
    $('job-state').dataset.state = word;
    say($('job-why'), job.error || job.stop_reason || '');
    $('job-why').dataset.state = job.state;
    $('cancel').hidden = ended(job);
    $('cancel').disabled = Boolean(job.cancel_asked);
    showFacts(job);
    showGoal(job, digest);
    showFiles(job);
    if (job.spec !== shown.specified)
        say($('spec'), JSON.stringify(shown.specified = job.spec, null, 2));
    showPlots(digest);
}

function showPlots(digest) {
    const empty = !digest || !(digest.convergence.rows.length || digest.series.rows.length);
    $('plots-none').hidden = !empty;
    say($('plots-none'), ended(shown.job) ? 'This job left nothing to plot.' : 'Nothing to plot yet.');
    $('plots').hidden = empty;
    if (empty || shown.drawn === digest)
        return;
    if (shown.plots)
        shown.plots.update(digest);
    else
        shown.plots = window.rondoPlots.render($('plots'), digest, (draw) => loop.later(draw));
    $('plots').dataset.points = digest.convergence.rows.length;
    shown.drawn = digest;
}

function take(job) {
    const before = shown.job;
    if (before && ended(before) && !ended(job))
        return; /* a reply that was overtaken by an event */
    shown.job = { ...before, ...job };
    for (const key of ['cancel_asked', 'glance', 'waiting', 'workers'])
        if (!(key in job))
            delete shown.job[key];
    if (before && stateWord(before) !== stateWord(shown.job))
        announce(title(shown.job) + ' is ' + stateWord(shown.job)
                 + (job.stop_reason ? ': ' + job.stop_reason : '') + (job.error ? ': ' + job.error : ''));
    loop.later(draw);
}

function clear(id) {
    for (const part of ['plots', 'facts', 'files'])
        $(part).replaceChildren();
    for (const part of ['cancel', 'files-part', 'job-goal', 'plots-none'])
        $(part).hidden = true;
    for (const part of ['job-state', 'job-why', 'spec'])
        say($(part), '');
    say($('job-title'), 'Job ' + id);
    $('spec-part').open = false;
    $('job-all').hidden = false;
    trouble($('job-trouble'), null);
}

/* Opens a job; link tells how its stream is.  What comes when another one is looked at is dropped. */
export function openJob(id, link) {
    const mine = shown = { id };
    const current = (work) => (...words) => mine === shown && work(...words);
    const failed = current((error) => {
        const gone = error.status === 404;
        $('job-all').hidden = gone;
        if (error.status)
            trouble($('job-trouble'), gone ? new Error('There is no job ' + id + '.') : error);
    });
    clear(id);
    mine.stop = follow('/v1/jobs/' + id + '/events', {
        job: current(take),
        digest: current((digest) => { mine.digest = digest; loop.later(draw); }),
        end: current(() => { clearInterval(mine.timer); look(mine).catch(failed); }),
    }, current((state, pause) => {
        link(state === 'over' && mine.job ? 'live' : state, pause);
        if (state !== 'lost')
            look(mine).catch(failed);
    }));
    mine.timer = setInterval(() => loop.later(draw), 1000);
}

/* The job as it is, with what its events leave out. */
async function look(mine) {
    const job = await get('/v1/jobs/' + mine.id);
    if (mine === shown)
        take(job);
}

export function closeJob() {
    shown.stop();
    if ($('confirm').open)
        $('confirm').close('no'); /* it asked about this job, not about the next */
    if (shown.plots)
        shown.plots.destroy();
    clearInterval(shown.timer);
    shown = null;
}

/* ---- files -------------------------------------------------------------------------------------------- */

function showFiles(job) {
    $('files-part').hidden = !(job.files && job.files.length);
    keyed($('files'), job.files || [], (file) => file.name,
          (file) => make('li', {}, make('a', { href: address(job, file), download: file.name }), make('span')),
          (element, file) => {
              say(element.firstElementChild, file.name);
              say(element.lastElementChild, bytes(file.size));
          });
}

const address = (job, file) => '/v1/jobs/' + job.id + '/files/' + encodeURIComponent(file.name);

/* A link bears no token: with one the file is fetched here. */
async function download(event) {
    const link = event.target.closest('a');
    if (!link || !token.get())
        return;
    event.preventDefault();
    try {
        const blob = await (await ask(link.getAttribute('href'))).blob();
        const url = URL.createObjectURL(blob);
        make('a', { href: url, download: link.download }).click();
        setTimeout(() => URL.revokeObjectURL(url), 60000);
    } catch (error) {
        trouble($('job-trouble'), error);
    }
}

/* ---- cancelling --------------------------------------------------------------------------------------- */

async function cancel() {
    const { id } = shown;
    try {
        const job = await (await ask('/v1/jobs/' + id + '/cancel', { method: 'POST' })).json();
        if (shown && shown.id === id)
            take(job);
        if (ended(job) && shown && shown.id === id)
            await look(shown);
    } catch (error) {
        if (error.code !== 'already_ended')
            trouble($('job-trouble'), error);
    }
}

export function startJob() {
    const dialog = $('confirm');
    $('cancel').addEventListener('click', () => {
        say($('confirm-title'), 'Cancel ' + title(shown.job) + '?');
        dialog.returnValue = 'no';
        dialog.showModal();
    });
    dialog.addEventListener('close', () => {
        if (dialog.returnValue === 'yes' && shown)
            cancel();
    });
    $('files').addEventListener('click', download);
    $('spec-copy').addEventListener('click', () => {
        navigator.clipboard.writeText($('spec').textContent)
            .then(() => announce('copied'), () => announce('the browser does not let this page copy'));
    });
    $('spec-again').addEventListener('click', () => { $('spec-text').value = $('spec').textContent; });
}
