/**
 * The debugger in JupyterLab: a breakpoint is set by a click, the cell stops there, a step goes into a method. The panel of variables and
 * going on are not tested here: they do not work in JupyterLab yet (kernel/README.md says so). DebuggerTest holds both over the wire.
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
  const { cell, run, runFirst, step } = lab;
  await runFirst(0);
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
  await step('the cell has stopped there');
  await cell(1).locator('.jp-DebuggerEditor-highlight').first().waitFor();

  await page.locator('[data-command="debugger:stepIn"]').first().click();
  await frames.filter({ hasText: 'square' }).first().waitFor();
  await step('a step goes into the method');
}

withLab('debugger.ipynb', CELLS, check);
