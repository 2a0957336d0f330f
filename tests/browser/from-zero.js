// Visits a page whose functions may be at zero, with an empty cache. The browser opens first and prints "ready". After a line of input the visit begins,
// and the milliseconds until tasks are painted are printed. tests/cluster runs it: node from-zero.js URL TOKEN

import { once } from 'node:events';
import { chromium as driver } from 'playwright-core';
import { visit, watchPaints } from './measure.js';
import { chromium } from './parts.js';
import { DESKTOP } from './story.js';

const [url = '', token = ''] = process.argv.slice(2);
const browser = await driver.launch({ executablePath: chromium() });
try {
  const context = await browser.newContext(DESKTOP);
  await context.addInitScript(watchPaints);
  await context.addInitScript((kept) => localStorage.setItem('taskflow.token', kept), token);
  const page = await context.newPage();
  console.log('ready');
  await once(process.stdin, 'data');
  console.log((await visit(page, url)).toFixed(0));
} finally {
  await browser.close();
  process.stdin.destroy();
}
