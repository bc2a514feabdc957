/**
 * Widgets in JupyterLab with jupyterlab_widgets: a learning rate's slider is moved, and the chart below it is drawn anew.
 *
 *     node jupyterlab_widgets_test.cjs PYTHON CHROMIUM
 */
'use strict';
const assert = require('node:assert/strict');
const { withLab } = require('./lab.cjs');

const CELLS = [
  `import io.tunebook.kernel.widgets.*;
var rate = Widgets.logSlider("learning rate", -5, -1, 1e-3);
Widgets.interact(rate, lr -> {
    var points = new StringBuilder();
    for (int step = 0; step <= 20; step++) points.append(step * 10).append(',').append(100 * Math.exp(-lr * 100 * step)).append(' ');
    return svg("<svg xmlns='http://www.w3.org/2000/svg' width='220' height='110' data-rate='" + lr + "'><polyline fill='none' stroke='blue' points='" + points + "'/></svg>");
})`, // 0
  'rate.value() > 1e-3', // 1
];

async function check(page, lab) {
  const { cell, run, runFirst, outputs, step } = lab;
  await runFirst(0);
  const slider = cell(0).locator('.widget-slider .noUi-handle, .jupyter-widgets .noUi-handle').first();
  await slider.waitFor();
  const chart = cell(0).locator('.jp-OutputArea svg polyline, .jp-OutputArea img').first();
  await chart.waitFor();
  const drawn = async () => (await chart.getAttribute('points')) ?? (await chart.getAttribute('src'));
  const before = await drawn();
  await step('the slider and the chart are there');

  await slider.focus();
  for (let i = 0; i < 10; i++) await page.keyboard.press('ArrowRight');
  for (let i = 0; i < 200 && (await drawn()) === before; i++) await page.waitForTimeout(100);
  assert.notEqual(await drawn(), before);
  await step('moved, the chart is another');

  await run(1);
  await outputs(1).filter({ hasText: 'true' }).first().waitFor();
  await step('the cell reads the new value');
}

withLab('widgets.ipynb', CELLS, check);
