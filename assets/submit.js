/* submit.js - the form that submits a spec, and shows where it is wrong. */

import { ask } from './live.js';
import { $, trouble } from './words.js';

/* The place in a JSON text that a pointer (/params/lambda) or a place (body:3:5) means; -1: none.  Walks
 * the text once, and keeps the pointer of where it is. */
export function placeOf(text, where) {
    const place = /^body:(\d+):(\d+)$/.exec(where || '');
    if (place) {
        const lines = text.split('\n').slice(0, Number(place[1]) - 1);
        return Math.min(lines.join('\n').length + (lines.length ? 1 : 0) + Number(place[2]) - 1, text.length);
    }
    if (!where || where[0] !== '/')
        return -1;
    const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g, path = [];
    let best = -1, depth = 0, match;
    while ((match = tokens.exec(text)) !== null) {
        const [word] = match, top = path[path.length - 1];
        if (top && top.key === null && word[0] === '"') {
            top.key = JSON.parse(word);
            const pointer = path.map((one) => '/' + String(one.key).replace(/~/g, '~0').replace(/\//g, '~1')).join('');
            if ((where === pointer || where.startsWith(pointer + '/')) && path.length > depth) {
                best = match.index;
                depth = path.length;
            }
        } else if (word === '{') {
            path.push({ key: null, list: false });
        } else if (word === '[') {
            path.push({ key: 0, list: true });
        } else if (word === '}' || word === ']') {
            path.pop();
        } else if (word === ',' && top) {
            top.key = top.list ? top.key + 1 : null;
        }
    }
    return best;
}

function point(error) {
    const text = $('spec-text'), at = placeOf(text.value, error.where);
    text.focus();
    if (at < 0)
        return;
    const end = text.value.slice(at).search(/[\n,:]|$/);
    text.setSelectionRange(at, at + Math.max(end, 1));
    const line = text.value.slice(0, at).split('\n').length;
    text.scrollTop = (line - 4) * parseFloat(getComputedStyle(text).lineHeight);
}

async function submit(event) {
    event.preventDefault();
    const button = $('submit').querySelector('button');
    if (button.disabled)
        return;
    button.disabled = true;
    trouble($('submit-trouble'), null);
    $('spec-text').removeAttribute('aria-invalid');
    try {
        const job = await (await ask('/v1/jobs', { method: 'POST', body: $('spec-text').value })).json();
        location.hash = '#/jobs/' + job.id;
    } catch (error) {
        trouble($('submit-trouble'), error.status ? error
                : new Error('the service does not answer; nothing was submitted'));
        $('spec-text').setAttribute('aria-invalid', 'true');
        if (error.status)
            point(error);
    } finally {
        button.disabled = false;
    }
}

const DATA = {
    lasso: { x: '/data/x.npy', y: '/data/y.npy' },
    lda: { docs: '/data/docword.txt.gz', vocab: '/data/vocab.txt' },
    mf: { train: '/data/ratings.csv' },
};

function begin(app) {
    const spec = { version: 1, name: '', app, data: DATA[app], params: {}, stop: {}, trace: 'rounds' };
    $('spec-text').value = JSON.stringify(spec, null, 2) + '\n';
    $('spec-text').focus();
}

async function open(file) {
    if (!file)
        return;
    $('spec-text').value = await file.text();
    $('spec-text').focus();
}

export function startSubmit() {
    $('submit').addEventListener('submit', submit);
    $('spec-file').addEventListener('change', (event) => {
        open(event.target.files[0]);
        event.target.value = '';
    });
    for (const button of $('submit').querySelectorAll('[data-app]'))
        button.addEventListener('click', () => begin(button.dataset.app));
    $('spec-text').addEventListener('keydown', (event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey))
            submit(event);
    });
    $('spec-text').addEventListener('dragover', (event) => event.preventDefault());
    $('spec-text').addEventListener('drop', (event) => {
        if (event.dataTransfer.files.length) {
            event.preventDefault();
            open(event.dataTransfer.files[0]);
        }
    });
}
