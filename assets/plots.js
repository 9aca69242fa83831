'use strict';
window.rondoPlots = { render: () => ({ update() {}, destroy() {} }) };
