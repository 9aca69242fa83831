/* export.js - the page of `rondo trace export --format html`: facts and plots from the data in the page. */
'use strict';

(() => {
    const read = (id) => JSON.parse(document.getElementById(id).textContent);
    const digest = read('digest'), meta = read('meta');
    let spec = null;
    try {
        spec = JSON.parse(meta.spec);
    } catch {
        /* a trace may be without one */
    }

    const count = (x) => (typeof x === 'number' ? x.toLocaleString('en').replace(/,/g, '\u202f') : null);
    const name = (spec && spec.name) || (digest.app ? 'A job of ' + digest.app : 'A job');
    const lead = [digest.app, meta.state, count(digest.rounds) + (digest.rounds === 1 ? ' round' : ' rounds'), digest.seconds ? Number(digest.seconds.toPrecision(4)) + ' s of solving' : null];
    document.title = name + ' \u00b7 Rondo';
    document.getElementById('title').textContent = name;
    document.getElementById('lead').textContent = lead.filter(Boolean).join(', ');

    const facts = [
        ['job', meta.job], ['rounds', count(digest.rounds)], ['updates', count(digest.updates)],
        ['rounds not in the trace', Number(meta.dropped) ? count(Number(meta.dropped)) : null],
        ['seconds of solving', digest.seconds], ['rounds per second', digest.seconds ? Number((digest.rounds / digest.seconds).toPrecision(4)) : null],
        ['objective', digest.objective], ['variables', count(digest.variables)], ['trace level', digest.level],
    ];
    const told = new Set(['spec', 'spec_dir', 'job', 'app', 'state', 'level', 'rounds', 'updates', 'variables', 'objective', 'dropped']);
    for (const [key, value] of Object.entries(meta))
        if (!told.has(key))
            facts.push([key.replace(/_/g, ' '), /^\d{4,15}$/.test(value) ? count(Number(value)) : value]);
    for (const [word, value] of facts) {
        if (value === null || value === undefined || value === '')
            continue;
        const row = document.getElementById('facts').insertRow(), head = document.createElement('th');
        head.scope = 'row';
        head.textContent = word;
        row.append(head);
        row.insertCell().textContent = value;
    }
    if (spec) {
        document.getElementById('spec').textContent = JSON.stringify(spec, null, 2);
        document.getElementById('spec-part').hidden = false;
    }
    /* A page that nobody sees, in a tab behind or without a screen, has no frames. */
    window.rondoPlots.render(document.getElementById('plots'), digest, (draw) => setTimeout(draw));
})();
