/**
 * The kernel in JupyterLab, as a person meets it: a real browser types, clicks and looks. JupyterLab is started here, with the notebook in the current
 * folder; each step leaves a picture there.
 *
 *     node jupyterlab_test.cjs PYTHON CHROMIUM
 */
'use strict';
const assert = require('node:assert/strict');
const { withLab } = require('./lab.cjs');

const CELLS = [
  'System.out.pri', // 0 completion
  'Inflat', // 1 a type that nobody imported
  'Math.max(', // 2 Shift-Tab
  'int kept = 41;\nSystem.out.println("spinning");\nwhile (true) {}', // 3 interrupt
  'kept + 1', // 4
  'var name = new Scanner(System.in).nextLine();\n"Hello " + name', // 5 stdin
  'password("Key: ").length()', // 6
  'try (var bar = progress(4, "Training")) {\n    for (int i = 0; i < 4; i++) { Thread.sleep(300); bar.step(); }\n}', // 7
  'kept', // 8 after the restart
];

async function check(page, lab) {
  const { cell, text, outputs, toEnd, run, step } = lab;

  const offered = page.locator('.jp-Completer-item');
  // JupyterLab waits one second for a kernel; the first completion of a cold one may take longer, and a person presses Tab again.
  const tab = async (i, expected) => {
    for (let again = 0; again < 15; again++) {
      await toEnd(i);
      await page.keyboard.press('Tab');
      if (await offered.filter({ hasText: expected }).first().waitFor({ timeout: 2_500 }).then(() => true, () => false)) return;
    }
    throw new Error(`Tab offers no ${expected}`);
  };
  await tab(0, 'println(');
  for (const shown of await offered.allInnerTexts()) assert.match(shown, /print.*\(\s+function/);
  await step('completion offers members, with their kind');
  await offered.filter({ hasText: 'println(' }).first().click();
  assert.equal((await text(0).innerText()).trim(), 'System.out.println(');
  await step('what is chosen stands in the cell');

  await tab(1, 'java.util.zip.Inflater');
  await step('completion offers types that nobody imported');
  await offered.filter({ hasText: /java\.util\.zip\.Inflater;/ }).first().click();
  assert.equal((await text(1).innerText()).trim().replace(/\s+/g, ' '), 'import java.util.zip.Inflater; Inflater');
  await step('the import is added when it is chosen');

  await toEnd(2);
  await page.keyboard.press('Shift+Tab');
  const tooltip = page.locator('.jp-Tooltip');
  await tooltip.waitFor();
  assert.match(await tooltip.innerText(), /int Math\.max\(int a, ?int b\)/);
  await step('Shift-Tab shows the signature');
  await page.keyboard.press('Escape');

  await run(3);
  await outputs(3).filter({ hasText: 'spinning' }).first().waitFor();
  await page.locator('[data-command="notebook:interrupt-kernel"]').first().click();
  await outputs(3).filter({ hasText: 'KeyboardInterrupt' }).first().waitFor();
  await step('the interrupt button ends a loop without a call');
  await run(4);
  await outputs(4).filter({ hasText: '42' }).first().waitFor();
  await step('and the variables are still there');

  await run(5);
  const box = cell(5).locator('.jp-Stdin-input');
  await box.waitFor();
  assert.notEqual(await box.getAttribute('type'), 'password');
  await box.fill('Ada');
  await box.press('Enter');
  await outputs(5).filter({ hasText: 'Hello Ada' }).first().waitFor();
  await step('a Scanner asks in a box');
  await run(6);
  const secret = cell(6).locator('.jp-Stdin-input');
  await secret.waitFor();
  assert.equal(await secret.getAttribute('type'), 'password');
  assert.match(await cell(6).innerText(), /Key:/);
  await secret.fill('secret');
  await secret.press('Enter');
  await outputs(6).filter({ hasText: '6' }).last().waitFor();
  assert.doesNotMatch(await cell(6).innerText(), /secret/);
  await step('a password stays hidden');

  await run(7);
  const states = new Set();
  const bar = cell(7).locator('.jp-RenderedHTMLCommon');
  while (!/4 of 4/.test([...states].at(-1) ?? '')) {
    if (await bar.count() > 0) states.add(await bar.first().innerText());
    await page.waitForTimeout(40);
  }
  assert.ok(states.size > 2, `the bar was seen in ${states.size} states`);
  assert.equal(await bar.count(), 1, 'one bar, not one for each state');
  await step('a progress bar grows in place');

  await page.locator('[data-command="notebook:restart-kernel"]').first().click();
  await page.locator('.jp-Dialog .jp-mod-accept').click();
  await page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first().waitFor();
  await run(8);
  await outputs(8).filter({ hasText: 'cannot find symbol' }).first().waitFor();
  await step('after a restart the variables are gone, and cells run');
}

withLab('lab.ipynb', CELLS, check);
