/**
 * Opens a page of what the kernel and the library made of hostile texts: node hostile_html.cjs BROWSER PAGE. Nothing in it may run: no call of
 * the page's hit(), no handler in any element, no link but to the web.
 */
'use strict';
const assert = require('node:assert/strict');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { chromium } = require(path.join(process.env.TUNEBOOK_NODE_MODULES, 'playwright-core'));

(async () => {
  const [executablePath, file] = process.argv.slice(2);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    const dialogs = [];
    page.on('dialog', (d) => { dialogs.push(d.message()); d.dismiss(); });
    await page.goto(pathToFileURL(file).href, { waitUntil: 'load' });
    // The page's own last picture fails too, behind all others: its handler is the proof that handlers run here.
    await page.waitForFunction(() => window.control === true, undefined, { timeout: 60_000 });
    const found = await page.evaluate(() => {
      const out = { hits: window.hits, handlers: [], links: [], frames: document.querySelectorAll('iframe,object,embed,script:not([data-own])').length };
      for (const element of document.querySelectorAll('body *')) {
        for (const attribute of element.attributes) {
          if (/^on/i.test(attribute.name) && !element.hasAttribute('data-own')) out.handlers.push(element.outerHTML.slice(0, 200));
          if (/href$|^src$|^action$/i.test(attribute.name) && !/^(https?:|#|data:image\/)/i.test(attribute.value.trim())
              && !element.hasAttribute('data-own')) {
            out.links.push(element.outerHTML.slice(0, 200));
          }
        }
      }
      return out;
    });
    assert.deepEqual(found, { hits: [], handlers: [], links: [], frames: 0 });
    assert.deepEqual(dialogs, []);
    console.log(`NOTHING RAN in ${await page.evaluate(() => document.querySelectorAll('section').length)} sections`);
  } finally {
    await browser.close();
  }
})().catch((e) => { console.error(e); process.exit(1); });
