/* words.js - numbers, times and sizes as people read them; and small things of the document. */

const THIN = '\u202f';

/* 1234567 -> 1 234 567; 0.5 -> 0.5000; 0.000123456 -> 1.23e−4; what is not known is a dash. */
export function number(value) {
    if (typeof value !== 'number' || !Number.isFinite(value))
        return '–';
    return digits(value).replace(/-/g, '\u2212');
}

function digits(value) {
    if (Number.isInteger(value) && Math.abs(value) < 1e12)
        return String(value).replace(/\B(?=(\d{3})+$)/g, THIN);
    const size = Math.abs(value);
    return size >= 1e-3 && size < 1e6 ? value.toPrecision(size >= 1e4 ? 6 : 4)
        : value.toExponential(2).replace('e+', 'e');
}

/* To three digits. */
export const rough = (value) => Number(value.toPrecision(3));

/* The same without zeros behind: 1e−6, not 1.00e−6. */
export const brief = (value) => number(value).replace(/\.?0+(?=e|$)/, (zeros, at, all) => (all.includes('.') ? '' : zeros));

export function duration(seconds) {
    if (!Number.isFinite(seconds))
        return '–';
    const s = Math.max(seconds, 0), two = (x) => String(Math.floor(x)).padStart(2, '0');
    if (s < 10)
        return s.toFixed(2) + ' s';
    if (s < 60)
        return s.toFixed(1) + ' s';
    if (s < 3600)
        return Math.floor(s / 60) + ' m ' + two(s % 60) + ' s';
    if (s < 86400)
        return Math.floor(s / 3600) + ' h ' + two(s % 3600 / 60) + ' m';
    return Math.floor(s / 86400) + ' d ' + two(s % 86400 / 3600) + ' h';
}

export function bytes(count) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0;
    for (; count >= 1024 && unit < units.length - 1; unit++)
        count /= 1024;
    return (unit ? count.toFixed(count < 10 ? 1 : 0) : count) + THIN + units[unit];
}

/* The time of day, with the date where it is not today's. */
export function moment(text) {
    if (!text)
        return '–';
    const time = new Date(text), two = (x) => String(x).padStart(2, '0');
    const day = time.getFullYear() + '-' + two(time.getMonth() + 1) + '-' + two(time.getDate());
    const clock = two(time.getHours()) + ':' + two(time.getMinutes()) + ':' + two(time.getSeconds());
    return time.toDateString() === new Date().toDateString() ? clock : day + ' ' + clock;
}

/* Seconds between two times of the service, the second perhaps not come. */
export function between(begin, end) {
    return begin ? ((end ? Date.parse(end) : Date.now()) - Date.parse(begin)) / 1000 : NaN;
}

export const ended = (job) => !['queued', 'running'].includes(job.state);
export const stateWord = (job) => (job.cancel_asked && !ended(job) ? 'cancelling' : job.state);
export const title = (job) => job.name || 'job ' + job.id;

/* ---- the document ----------------------------------------------------------------------------------- */

export const $ = (id) => document.getElementById(id);

/* Writes a text where it differs: what stands there already costs nothing and moves nothing. */
export function say(element, text) {
    const words = text === null || text === undefined ? '' : String(text);
    if (element.textContent !== words)
        element.textContent = words;
}

export function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes))
        element.setAttribute(key, value);
    element.append(...children);
    return element;
}

/* Shows a trouble, or with null that there is none. */
export function trouble(element, error) {
    say(element, error ? sentence(error) : '');
    element.hidden = !error;
}

function sentence(error) {
    const where = error.where ? error.where + ': ' : '';
    return where + error.message + (error.hint ? ' (' + error.hint + ')' : '');
}

/* Tells a change to those who do not see it. */
export const announce = (text) => say($('announce'), text);

/* Keeps a list's elements one to a key, in the order of the keys, and touches only what changed. */
export function keyed(parent, items, key, create, update) {
    const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
    let at = parent.firstElementChild;
    for (const item of items) {
        const name = String(key(item));
        let element = old.get(name);
        if (!element) {
            element = create(item);
            element.dataset.key = name;
        }
        old.delete(name);
        if (element === at)
            at = at.nextElementSibling;
        else
            parent.insertBefore(element, at);
        update(element, item);
    }
    for (const element of old.values())
        element.remove();
}
