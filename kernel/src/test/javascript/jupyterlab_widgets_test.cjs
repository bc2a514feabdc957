/**
 * Widgets in JupyterLab with jupyterlab_widgets: a learning rate's slider is moved, and the chart below it is drawn anew; the other controls are used as
 * people use them.
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
  `var heard = new ArrayList<String>();
var name = Widgets.text("name", "a").onChange(v -> heard.add("text " + v));
var go = Widgets.button("go").onClick(() -> heard.add("click"));
var unit = Widgets.dropdown("unit", "epoch", "step").onChange(v -> heard.add("choice " + v));
var on = Widgets.checkbox("on", false).onChange(v -> heard.add("tick " + v));
var bar = Widgets.progress("done", 10);
var area = Widgets.output();
Widgets.column(Widgets.row(name, go), unit, on, bar, area)`, // 2
  `bar.value(4);
area.show(html("<b class='made'>made</b>"));
heard`, // 3
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

  await run(2);
  const controls = cell(2).locator('.jp-OutputArea');
  await controls.locator('input[type="text"]').fill('run 7');
  await page.keyboard.press('Enter');
  await controls.locator('button.jupyter-button').click();
  await controls.locator('select').selectOption({ label: 'step' });
  await controls.locator('input[type="checkbox"]').check();
  await step('text, button, choice and box are used');

  await run(3);
  const heard = outputs(3).filter({ hasText: 'tick true' }).first();
  await heard.waitFor();
  assert.match(await heard.innerText(), /text run 7\s+click\s+choice step\s+tick true/);
  await controls.locator('b.made').waitFor();
  const filled = await controls.locator('.progress-bar').first().getAttribute('style');
  assert.match(filled, /width: 40%/);
  await step('the cell has heard them; the bar and the output show what it sets');
}

withLab('widgets.ipynb', CELLS, check);
