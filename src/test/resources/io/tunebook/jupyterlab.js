// node jupyterlab.js BROWSER URL PICTURE: opens a notebook in JupyterLab, runs all its cells, and prints as JSON what is seen.
const { chromium } = require('playwright-core');
const [, , executablePath, url, picture] = process.argv;
// JupyterLab shows errors as it shows stderr; these notebooks write nothing there.
const ERROR = '.jp-OutputArea-output[data-mime-type$="stderr"], .jp-OutputArea-output[data-mime-type$="error"]';
// The training is the last cell but one.
const CURVE = '.jp-Notebook .jp-Cell:nth-last-child(1 of :has(.jp-RenderedImage)) .jp-RenderedImage img';

(async () => {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1300, height: 1000 } });
    await page.goto(url);
    await page.waitForSelector('.jp-Notebook .jp-CodeCell', { timeout: 120000 });
    await page.getByText(/\| Idle$/).waitFor({ timeout: 120000 });
    // Each picture of the training that the page shows, however short its time: a look now and then would miss some.
    await page.evaluate(() => {
      window.curves = new Set();
      const look = () => {
        const cells = document.querySelectorAll('.jp-Notebook .jp-Cell');
        const src = cells[cells.length - 2]?.querySelector('.jp-RenderedImage img')?.src;
        if (src) window.curves.add(src);
      };
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['src'] });
    });
    await page.getByText('Run', { exact: true }).first().click();
    await page.locator('[data-command="runmenu:run-all"]').click();

    const deadline = Date.now() + 400000;
    for (let done = false; !done && Date.now() < deadline; await page.waitForTimeout(300)) {
      const seen = await page.evaluate(ERROR => ({
        // Every cell that was run has a number in the end; a star means that it still waits.
        done: [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].every(p => /\[\d+\]/.test(p.textContent)),
        failed: document.querySelector(ERROR) !== null,
      }), ERROR);
      done = seen.done || seen.failed;
    }
    const curve = page.locator(CURVE);
    if (await curve.count()) await curve.scrollIntoViewIfNeeded();
    await page.waitForTimeout(500);
    await page.screenshot({ path: picture });
    console.log(JSON.stringify(await page.evaluate(([CURVE, ERROR]) => {
      const image = document.querySelector(CURVE);
      const colours = { training: 0, heldOut: 0 };
      if (image) {
        const canvas = document.createElement('canvas');
        canvas.width = image.naturalWidth;
        canvas.height = image.naturalHeight;
        const pen = canvas.getContext('2d');
        pen.drawImage(image, 0, 0);
        const p = pen.getImageData(0, 0, canvas.width, canvas.height).data;
        for (let i = 0; i < p.length; i += 4) {
          if (p[i + 3] > 200 && p[i] < 90 && p[i + 2] > 220) colours.training++;
          if (p[i + 3] > 200 && p[i] > 220 && p[i + 2] < 60) colours.heldOut++;
        }
      }
      return {
        frames: window.curves.size,
        colours,
        width: image?.width ?? 0,
        naturalWidth: image?.naturalWidth ?? 0,
        formulas: document.querySelectorAll('mjx-container').length,
        tables: document.querySelectorAll('.jp-RenderedHTMLCommon table').length,
        errors: [...document.querySelectorAll(ERROR)].map(e => e.innerText),
        text: [...document.querySelectorAll('.jp-OutputArea-output')].map(e => e.innerText).join('\n'),
      };
    }, [CURVE, ERROR])));
  } finally {
    await browser.close();
  }
})().catch(e => {
  console.error(e);
  process.exit(1);
});
