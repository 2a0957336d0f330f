// Renders the PNG icons from assets/icon.svg with Chromium, for phones that cannot read SVG. `just icons`.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium as driver } from 'playwright-core';
import { chromium } from './parts.js';

const ASSETS = fileURLToPath(new URL('../../functions/web/assets/', import.meta.url));
/** Name, edge in pixels, and whether the icon fills its corners, because the system cuts them. */
const ICONS = /** @type {const} */ ([
  ['icon-180.png', 180, true],
  ['icon-192.png', 192, false],
  ['icon-512.png', 512, true],
]);

const svg = await readFile(`${ASSETS}icon.svg`, 'utf8');
const browser = await driver.launch({ executablePath: chromium() });
try {
  for (const [name, size, isSquare] of ICONS) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    const drawing = isSquare ? svg.replace('rx="8"', '') : svg;
    await page.setContent(`<style>body{margin:0}svg{display:block;width:100vw;height:100vh}</style>${drawing}`);
    await page.screenshot({ path: ASSETS + name, omitBackground: true });
    await page.close();
  }
} finally {
  await browser.close();
}
