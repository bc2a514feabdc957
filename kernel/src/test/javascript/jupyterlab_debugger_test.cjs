/**
 * The debugger in JupyterLab: a breakpoint is set by a click, the cell stops there, steps go into a method and through it, the panel of variables shows values, and
 * the cell goes on to its end.
 *
 *     node jupyterlab_debugger_test.cjs PYTHON CHROMIUM
 */
'use strict';
const assert = require('node:assert/strict');
const { withLab } = require('./lab.cjs');

const CELLS = [
  'int square(int n) {\n    int result = n * n;\n    return result;\n}', // 0
  'int answer = 6;\nanswer = square(answer) + answer;\nanswer', // 1
];

async function check(page, lab) {
  const { cell, outputs, run, runFirst, step } = lab;
  await runFirst(0);
  await cell(0).locator('.jp-InputPrompt').filter({ hasText: '[1]' }).waitFor();
  const panel = page.locator('.jp-DebuggerVariables-body').locator('visible=true');
  const variable = (name, value) => panel.locator('.jp-TreeItem')
    .filter({ has: page.locator('.jp-DebuggerVariables-name').getByText(name, { exact: true }) })
    .filter({ has: page.locator('.jp-DebuggerVariables-detail').getByText(value, { exact: true }) })
    .first().waitFor();
  const press = (command) => page.locator(`[data-command="debugger:${command}"]`).locator('visible=true').first().click();

  await page.locator('.jp-DebuggerBugButton').locator('visible=true').first().click();
  await page.locator('[data-jp-debugger="true"]').first().waitFor();
  await step('the debugger is switched on');

  await cell(1).locator('.cm-breakpoint-gutter .cm-gutterElement').nth(2).click();
  await cell(1).locator('.cm-breakpoint-icon').locator('visible=true').first().waitFor();
  await step('a click sets a breakpoint');

  await run(1);
  const frames = page.locator('.jp-DebuggerCallstack-body li');
  await frames.first().waitFor();
  assert.match(await frames.first().innerText(), /Cell\[2\]/);
  await cell(1).locator('.jp-DebuggerEditor-highlight').first().waitFor();
  await variable('answer', '6');
  await step('the cell has stopped there, and the panel shows its variables');

  await press('stepIn');
  await frames.filter({ hasText: 'square' }).first().waitFor();
  await variable('n', '6');
  await step('a step goes into the method');
  await press('next');
  await variable('result', '36');
  await step('the next one goes on in it');

  await press('continue');
  await outputs(1).filter({ hasText: '42' }).first().waitFor();
  await cell(1).locator('.jp-InputPrompt').filter({ hasText: '[2]' }).waitFor();
  await frames.first().waitFor({ state: 'detached' });
  await variable('answer', '42');
  await step('the cell goes on to its end, and the panel shows what it has left');
}

withLab('debugger.ipynb', CELLS, check);
