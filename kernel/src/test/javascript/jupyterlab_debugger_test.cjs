/**
 * The debugger in JupyterLab: a breakpoint is set by a click, the cell stops there, a variable is read, a step is made.
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
  const { cell, run, outputs, step } = lab;
  await run(0);
  await cell(0).locator('.jp-InputPrompt').filter({ hasText: '[1]' }).waitFor();
  await page.locator('.jp-DebuggerBugButton button, jp-button.jp-DebuggerBugButton, .jp-DebuggerBugButton').first().click();
  await page.locator('.jp-DebuggerBugButton[aria-pressed="true"], [aria-pressed="true"] .jp-DebuggerBugButton, .jp-DebuggerBugButton .jp-mod-on, [data-jp-debugger="true"]').first().waitFor();
  await step('the debugger is switched on');

  const gutter = (i, line) => cell(i).locator('.cm-breakpoint-gutter .cm-gutterElement').nth(line);
  await gutter(1, 2).click();
  await cell(1).locator('.cm-breakpoint-icon').locator('visible=true').first().waitFor();
  await step('a click sets a breakpoint');

  await run(1);
  const frames = page.locator('.jp-DebuggerCallstack-body li');
  await frames.first().waitFor();
  assert.match(await frames.first().innerText(), /Cell\[2\]/);
  const variables = page.locator('.jp-DebuggerVariables');
  await variables.getByText('answer', { exact: false }).first().waitFor();
  await step('the cell has stopped there');
  await cell(1).locator('.jp-DebuggerEditor-highlight').first().waitFor();

  await page.locator('[data-command="debugger:stepIn"]').first().click();
  await frames.filter({ hasText: 'square' }).first().waitFor();
  await variables.getByText('n:', { exact: false }).first().waitFor();
  assert.match(await variables.innerText(), /n\W+6/);
  await step('a step into the method shows its variables');

  await page.locator('[data-command="debugger:next"]').first().click();
  await variables.getByText('36').first().waitFor();
  assert.match(await variables.innerText(), /result\W+36/);
  await step('a step further computes');

  await page.locator('[data-command="debugger:continue"]').first().click();
  await outputs(1).filter({ hasText: '42' }).first().waitFor();
  await step('the cell goes on to its end');
}

withLab('debugger.ipynb', CELLS, check);
