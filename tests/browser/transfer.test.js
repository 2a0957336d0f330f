// Import and export: a file of another application is previewed, imported and shown, and everything is saved as a file.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { showsTitles, stories } from './story.js';

/** A CSV as Todoist writes it, with a date that Taskflow cannot read. */
const TODOIST = 'TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,DATE,DATE_LANG\ntask,Water the plants @home,,1,1,2199-01-05,en\ntask,Termin,,4,1,jeden Montag,de\n';

stories('transfer', {}, (story) => {
  story('a file is previewed, then imported, and the list shows its tasks', async ({ task, open }) => {
    await task({ title: 'Here' });
    const page = await open();
    await showsTitles(page, ['Here']);
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    const settings = page.getByRole('dialog', { name: 'Settings' });
    const input = settings.getByLabel(/^Import a file/);
    await input.setInputFiles({ name: 'todoist.csv', mimeType: 'text/csv', buffer: Buffer.from(TODOIST) });
    await settings.getByText('It would add 2 tasks.').waitFor();
    await settings.getByText(/Line 3, “Termin”: its date “jeden Montag” is not understood/).waitFor();
    await settings.getByText(/The first: Water the plants \(5 Jan 2199\) · Termin/).waitFor();
    await settings.getByRole('button', { name: 'Import 2 tasks' }).click();
    await settings.getByText('Imported 2 tasks.').waitFor();
    await input.setInputFiles({ name: 'todoist.csv', mimeType: 'text/csv', buffer: Buffer.from(TODOIST) });
    await settings.getByText('It would add 0 tasks. 2 are here already.').waitFor();
    await settings.getByRole('button', { name: 'Done' }).click();
    await showsTitles(page, ['Water the plants', 'Here', 'Termin']);
  });

  story('a window that is open elsewhere shows what was imported', async ({ taskflow, open }) => {
    const page = await open();
    await showsTitles(page, []);
    const file = 'TYPE,CONTENT,PRIORITY,INDENT\ntask,From a file,4,1\n';
    const answer = await fetch(`${taskflow.url}/api/imports`, { method: 'POST', body: file });
    assert.equal(answer.status, 202);
    await showsTitles(page, ['From a file']);
  });

  story('everything is saved as a file', async ({ task, open }) => {
    await task({ title: 'Keep me' });
    const page = await open();
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Everything (JSON)' }).click()]);
    assert.match(download.suggestedFilename(), /^taskflow-\d{4}-\d\d-\d\d\.json$/);
    const exported = JSON.parse(readFileSync(await download.path(), 'utf8'));
    const tasks = exported.tasks.filter((/** @type {any} */ { deleted_at }) => !deleted_at);
    assert.deepEqual(tasks.map((/** @type {any} */ { title }) => title), ['Keep me']);
  });

  story('a file that nothing has written is refused in words', async ({ open, expectErrors }) => {
    expectErrors(/422/);
    const page = await open();
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    const settings = page.getByRole('dialog', { name: 'Settings' });
    await settings.getByLabel(/^Import a file/).setInputFiles({ name: 'x.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b\n1,2\n') });
    await settings.getByText(/format cannot be recognised/i).waitFor();
  });
});
