/**
 * JupyterLab with a notebook in the current folder, in a real browser, for tests that type, click and look. Each step leaves a picture there.
 */
'use strict';
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const net = require('node:net');
const { chromium } = require(`${process.env.TUNEBOOK_NODE_MODULES}/playwright-core`);

const [python, browser] = process.argv.slice(2);
const TOKEN = 'a-test';

function notebook(sources) {
  const cells = sources.map((source, i) => ({ cell_type: 'code', id: `c${i}`, source, metadata: {}, outputs: [], execution_count: null }));
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

/** What tests do with a page: find cells, their texts and outputs, run a cell, and say that a step is done. */
function hands(page, name) {
  const cell = (i) => page.locator('.jp-Notebook .jp-Cell').nth(i);
  const text = (i) => cell(i).locator('.cm-content');
  const outputs = (i) => cell(i).locator('.jp-OutputArea-output');
  const toEnd = async (i) => { await text(i).click(); await page.keyboard.press('Control+End'); };
  const run = async (i) => { await text(i).click(); await page.keyboard.press('Control+Enter'); };
  // JupyterLab says that the kernel is idle a moment before it sends it cells: until then a cell that is run stays as it is.
  const runFirst = async (i) => {
    const ran = cell(i).locator('.jp-InputPrompt').filter({ hasText: /\[[*\d]/ });
    for (let tries = 0; tries < 9 && !(await ran.isVisible()); tries++) {
      await run(i);
      await ran.waitFor({ timeout: 5_000 }).catch(() => {});
    }
    await ran.waitFor();
  };
  let pictures = 0;
  const step = async (what) => {
    await page.screenshot({ path: `${name}-${++pictures}.png` });
    console.log(`ok ${pictures} ${what}`);
  };
  return { cell, text, outputs, toEnd, run, runFirst, step };
}

async function open(file, sources, check) {
  const name = file.replace('.ipynb', '');
  writeFileSync(file, notebook(sources));
  const port = await freePort();
  const lab = await startLab(port);
  let chrome;
  try {
    chrome = await chromium.launch({ executablePath: browser, args: ['--no-sandbox'] });
    const page = await chrome.newPage({ viewport: { width: 1200, height: 1400 } });
    page.setDefaultTimeout(45_000);
    await page.goto(`http://127.0.0.1:${port}/lab/tree/${file}?token=${TOKEN}`);
    try {
      await page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first().waitFor();
      await check(page, hands(page, name));
    } catch (e) {
      await page.screenshot({ path: `${name}-failed.png` });
      throw e;
    }
  } finally {
    await chrome?.close();
    await fetch(`http://127.0.0.1:${port}/api/shutdown?token=${TOKEN}`, { method: 'POST' }).catch(() => {});
    lab.kill();
  }
}

/** Runs a test to its end, which is the end of this process. */
exports.withLab = (file, sources, check) => {
  open(file, sources, check).then(() => process.exit(0), (e) => { console.error(e); process.exit(1); });
};
