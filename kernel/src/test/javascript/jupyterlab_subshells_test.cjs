/**
 * Subshells in JupyterLab: while a cell of the notebook runs, two consoles on subshells of its kernel answer, over the same variables.
 *
 *     node jupyterlab_subshells_test.cjs PYTHON CHROMIUM
 */
'use strict';
const assert = require('node:assert/strict');
const { withLab } = require('./lab.cjs');

const CELLS = [
  'var gate = new CountDownLatch(1);\nint shared = 1;', // 0
  'System.out.println("waits");\ngate.await();\nshared', // 1
];

/** What a frame of the protocol v1.kernel.websocket.jupyter.org holds. */
function message(payload) {
  const part = (i) => JSON.parse(payload.subarray(...[i, i + 1].map((n) => Number(payload.readBigUInt64LE(8 * (n + 1))))).toString());
  return { header: part(1), parent: part(2), content: part(4) };
}

async function check(page, lab) {
  const { cell, text, outputs, run, runFirst, step } = lab;
  const consoles = page.locator('.jp-ConsolePanel');

  // A console takes code before its subshell is there, and would send it to the notebook's own shell, which is busy. Each
  // has a socket of its own, which alone gets the reply to what it has asked.
  const sockets = [];
  page.on('websocket', (socket) => {
    const made = { subshell: false };
    sockets.push(made);
    let asked = null;
    const done = new Set();
    socket.on('framereceived', ({ payload }) => {
      if (!Buffer.isBuffer(payload)) return;
      const { header, parent, content } = message(payload);
      if (header.msg_type === 'create_subshell_reply') asked = parent.msg_id;
      if (header.msg_type === 'status' && content.execution_state === 'idle') done.add(parent.msg_id);
      made.subshell ||= done.has(asked);
    });
  });

  /** Opens a console on a new subshell, runs code in it and gives the panel. */
  async function inConsole(code, result) {
    const before = await consoles.count();
    const known = sockets.length;
    await text(0).click();
    await page.keyboard.press('Control+Shift+C');
    const search = page.locator('.lm-CommandPalette-input').locator('visible=true');
    await search.fill('New Subshell Console for Notebook');
    await page.locator('.lm-CommandPalette-item[data-command="notebook:create-subshell-console"]').first().click();
    const panel = consoles.nth(before);
    for (let waited = 0; !sockets.slice(known).some((s) => s.subshell); waited++) {
      assert.ok(waited < 450, 'no subshell was made for the console');
      await page.waitForTimeout(100);
    }
    await panel.locator('.jp-CodeConsole-input .cm-content').click();
    await page.keyboard.type(code);
    const ran = panel.locator('.jp-CodeConsole-content .jp-OutputArea-output').filter({ hasText: result });
    await page.keyboard.press('Shift+Enter');
    await ran.first().waitFor();
  }

  await runFirst(0);
  await cell(0).locator('.jp-InputPrompt').filter({ hasText: '[1]' }).waitFor();
  await run(1);
  await outputs(1).filter({ hasText: 'waits' }).first().waitFor();
  await step('a cell of the notebook runs');
  await inConsole('shared = 40; shared + 2', /^42$/);
  assert.equal(await cell(1).locator('.jp-InputPrompt').filter({ hasText: '[*]' }).count(), 1);
  await step('a console on a subshell answers meanwhile');
  await inConsole('gate.countDown(); shared + 3', /^43$/);
  await outputs(1).filter({ hasText: /^40$/ }).first().waitFor();
  assert.equal(await outputs(1).count(), 2);
  await step('one on a second subshell lets the cell end, which reads the new value');
}

withLab('subshells.ipynb', CELLS, check);
