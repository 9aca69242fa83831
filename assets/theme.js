/* theme.js - auto, light or dark, before anything is painted; the button in the head goes round. */
'use strict';

(() => {
    const NAMES = ['auto', 'light', 'dark'];
    let name = localStorage.getItem('rondo.theme');

    function show() {
        document.documentElement.dataset.theme = name;
        const button = document.getElementById('theme');
        if (!button)
            return;
        button.lastElementChild.textContent = name;
        button.setAttribute('aria-label', 'Theme: ' + name);
    }

    if (!NAMES.includes(name))
        name = 'auto';
    show();
    addEventListener('DOMContentLoaded', () => {
        show();
        document.getElementById('theme').addEventListener('click', () => {
            name = NAMES[(NAMES.indexOf(name) + 1) % NAMES.length];
            localStorage.setItem('rondo.theme', name);
            show();
        });
    });
})();
