/**
 * The kernel in JupyterLab, as a person meets it: a real browser types, clicks and looks. JupyterLab is started here, with the notebook in the current
 * folder; each step leaves a picture there.
 *
 *     node jupyterlab_test.cjs PYTHON CHROMIUM
 */
'use strict';
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const net = require('node:net');
const { chromium } = require(`${process.env.TUNEBOOK_NODE_MODULES}/playwright-core`);

const [python, browser] = process.argv.slice(2);
const TOKEN = 'a-test';
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

function notebook() {
  const cells = CELLS.map((source, i) => ({ cell_type: 'code', id: `c${i}`, source, metadata: {}, outputs: [], execution_count: null }));
  const kernelspec = { name: 'tunebook', display_name: 'Java (Tunebook)', language: 'java' };
  return JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 });
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function startLab(port) {
  const lab = spawn(
    python,
    ['-m', 'jupyterlab', '--no-browser', '--allow-root', '--ip=127.0.0.1', `--port=${port}`, `--IdentityProvider.token=${TOKEN}`],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  lab.stderr.on('data', (d) => { log += d; });
  for (let i = 0; i < 240; i++) {
    assert.equal(lab.exitCode, null, `JupyterLab ended:\n${log}`);
    const up = await fetch(`http://127.0.0.1:${port}/api/status?token=${TOKEN}`).then((r) => r.ok, () => false);
    if (up) return lab;
    await new Promise((r) => setTimeout(r, 250));
  }
  throw new Error(`JupyterLab does not answer:\n${log}`);
}

async function check(page) {
  const cell = (i) => page.locator('.jp-Notebook .jp-Cell').nth(i);
  const text = (i) => cell(i).locator('.cm-content');
  const outputs = (i) => cell(i).locator('.jp-OutputArea-output');
  const toEnd = async (i) => { await text(i).click(); await page.keyboard.press('Control+End'); };
  const run = async (i) => { await text(i).click(); await page.keyboard.press('Control+Enter'); };
  let pictures = 0;
  const step = async (what) => {
    await page.screenshot({ path: `lab-${++pictures}.png` });
    console.log(`ok ${pictures} ${what}`);
  };

  await page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first().waitFor();

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

async function main() {
  writeFileSync('kernel.ipynb', notebook());
  const port = await freePort();
  const lab = await startLab(port);
  let chrome;
  try {
    chrome = await chromium.launch({ executablePath: browser, args: ['--no-sandbox'] });
    const page = await chrome.newPage({ viewport: { width: 1200, height: 1400 } });
    page.setDefaultTimeout(45_000);
    await page.goto(`http://127.0.0.1:${port}/lab/tree/kernel.ipynb?token=${TOKEN}`);
    try {
      await check(page);
    } catch (e) {
      await page.screenshot({ path: 'lab-failed.png' });
      throw e;
    }
  } finally {
    await chrome?.close();
    await fetch(`http://127.0.0.1:${port}/api/shutdown?token=${TOKEN}`, { method: 'POST' }).catch(() => {});
    lab.kill();
  }
}

main().then(() => process.exit(0), (e) => { console.error(e); process.exit(1); });
