// Accessibility: axe finds no violations in any view, light or dark, large or small; and checks that axe cannot do.

import assert from 'node:assert/strict';
import axe from 'axe-core';
import { everydayLife } from './seed.js';
import { DESKTOP, PHONE, eventually, openTask, row, stories } from './story.js';

/** @typedef {import('playwright-core').Page} Page */

/** WCAG 2.2, levels A and AA, and axe's best practices. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Fails if axe finds a violation on the page. @param {Page} page @param {string} view */
async function check(page, view) {
  // Colours are checked after all animations.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))));
  await page.evaluate(axe.source);
  const found = await page.evaluate((rules) => Reflect.get(window, 'axe').run(document, { runOnly: rules }), RULES);
  const words = found.violations.flatMap((/** @type {import('axe-core').Result} */ { id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`));
  assert.deepEqual(words, [], view);
}

/** How to open each view from the list, and how to close it. @type {Record<string, { open: (page: Page) => Promise<unknown>, close?: (page: Page) => Promise<unknown> }>} */
const VIEWS = {
  'the list': { open: (page) => row(page, 'Pay the rent').waitFor() },
  'a search without results': {
    open: async (page) => {
      await page.getByLabel('Search tasks').fill('no such thing');
      await page.getByText('Nothing matches').waitFor();
    },
    close: async (page) => {
      await page.getByRole('button', { name: 'Clear search and filters' }).click();
      await row(page, 'Pay the rent').waitFor();
    },
  },
  'a refused line': {
    open: async (page) => {
      await page.getByRole('textbox', { name: 'New task' }).press('Enter');
      await page.getByText('Write a title for the task.').waitFor();
    },
    close: (page) => page.getByRole('textbox', { name: 'New task' }).press('x'),
  },
  'a line and what it is read as': {
    open: async (page) => {
      await page.getByRole('textbox', { name: 'New task' }).fill('Call Mira tomorrow at 9 every 2 weeks #family !high');
      await page.locator('.understood .of-due').waitFor();
    },
    close: (page) => page.getByRole('textbox', { name: 'New task' }).fill(''),
  },
  'the tags': {
    open: async (page) => {
      await page.getByRole('button', { name: /Filter by tags/ }).click();
      await page.getByRole('checkbox', { name: /^home/ }).waitFor();
    },
    close: (page) => page.keyboard.press('Escape'),
  },
  'the notifications': {
    open: async (page) => {
      await page.getByRole('button', { name: /^Notifications/ }).click();
      await page.getByRole('dialog', { name: 'Notifications' }).getByText('Reminded').first().waitFor();
    },
    close: (page) => page.getByRole('button', { name: 'Close the notifications' }).click(),
  },
  'an open task with a rule and its history': {
    open: async (page) => {
      const detail = await openTask(page, 'Lunch with friends');
      await detail.getByRole('button', { name: 'Repeats' }).click();
      await detail.getByLabel('Repeats', { exact: true }).selectOption('Something else…');
      await detail.getByText('It repeats').waitFor();
      await detail.getByText('History').click();
      await detail.getByText('Created', { exact: true }).waitFor();
    },
    close: (page) => page.getByRole('button', { name: 'Close the task' }).click(),
  },
  'the choice of a date': {
    open: async (page) => {
      await page.getByRole('button', { name: 'Pay the rent', exact: true }).focus();
      await page.keyboard.press('t');
      await page.getByRole('dialog', { name: 'Due date of Pay the rent' }).waitFor();
    },
    close: (page) => page.keyboard.press('Escape'),
  },
  'selected tasks': {
    open: async (page) => {
      await page.getByRole('button', { name: 'Pay the rent', exact: true }).focus();
      await page.keyboard.press('Shift+ArrowDown');
      await page.getByRole('toolbar', { name: 'Selected tasks' }).waitFor();
    },
    close: (page) => page.keyboard.press('Escape'),
  },
  'the days ahead': {
    open: async (page) => {
      await page.keyboard.press('g');
      await page.keyboard.press('u');
      await page.getByRole('heading', { name: 'Upcoming' }).waitFor();
    },
    close: async (page) => {
      await page.keyboard.press('g');
      await page.keyboard.press('a');
      await page.getByRole('heading', { name: 'All tasks' }).waitFor();
    },
  },
  'the trash': {
    open: async (page) => {
      await page.goto(new URL('/#place=trash', page.url()).href);
      await page.getByRole('heading', { name: 'Trash' }).waitFor();
    },
    close: async (page) => {
      await page.keyboard.press('g');
      await page.keyboard.press('a');
      await row(page, 'Pay the rent').waitFor();
    },
  },
  'a change that waits, and one that was refused': {
    open: async (page) => {
      await page.route('**/api/tasks', (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 422, contentType: 'application/problem+json', body: '{"status":422,"title":"Invalid","detail":"the title is not pleasant"}' }) : route.continue()));
      await page.getByRole('textbox', { name: 'New task' }).fill('Not pleasant');
      await page.keyboard.press('Enter');
      await page.getByText('“Not pleasant” was not added.').waitFor();
      await page.unroute('**/api/tasks');
    },
    close: async (page) => page.getByRole('button', { name: 'Discard' }).click(),
  },
  'the assistant, with tasks, a question and a problem': {
    open: async (page) => {
      if (!(await page.locator('#chat').isVisible())) await page.getByRole('button', { name: 'Assistant', exact: true }).click();
      const line = page.getByLabel('Message to the assistant');
      await page.route('**/api/chat', (route) => route.abort(), { times: 1 });
      await line.fill('Hello');
      await line.press('Enter');
      await page.getByText('The service cannot be reached.').waitFor();
      await line.fill('What is overdue?');
      await line.press('Enter');
      await page.locator('#chat .card').first().waitFor();
      await line.fill('delete all overdue tasks');
      await line.press('Enter');
      await page.locator('#chat').getByRole('group').waitFor();
    },
    close: async (page) => {
      await page.getByRole('button', { name: 'New conversation' }).click();
      await page.getByRole('button', { name: 'Close the assistant' }).click();
    },
  },
  'the settings': {
    open: async (page) => {
      await page.getByRole('button', { name: 'Settings and keys' }).click();
      await page.getByRole('dialog', { name: 'Settings' }).waitFor();
    },
    close: (page) => page.getByRole('button', { name: 'Done', exact: true }).click(),
  },
  'the question for the token': {
    open: async (page) => {
      await page.getByRole('button', { name: 'Settings and keys' }).click();
      await page.getByRole('button', { name: 'Enter one…' }).click();
      await page.getByRole('button', { name: 'Use it' }).click();
      await page.getByText('Enter the token.').waitFor();
    },
    close: async (page) => {
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('button', { name: 'Done', exact: true }).click();
    },
  },
  'a completed task, with its toast': {
    open: async (page) => {
      await page.getByRole('checkbox', { name: 'Completed: Try the new climbing hall' }).click();
      await page.getByText('Completed “Try the new climbing hall”').waitFor();
    },
    close: async (page) => {
      await page.getByRole('button', { name: 'Undo' }).click();
      await row(page, 'Try the new climbing hall').getByRole('checkbox', { checked: false }).waitFor();
    },
  },
};

stories('everybody', {}, (story) => {
  for (const [size, window] of /** @type {const} */ ([
    ['a large screen', DESKTOP],
    ['a phone', PHONE],
  ])) {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      story(`axe finds nothing on ${size}, ${colorScheme}`, async ({ taskflow, task, open, expectErrors }) => {
        expectErrors(/status of 4(04|22)/, /ERR_FAILED/);
        await everydayLife(taskflow, new Date());
        await task({ title: 'Remind me', due_date: new Date(Date.now() + 1_800_000).toISOString(), reminder_offset: '1 hour' });
        const page = await open({ ...window, colorScheme });
        await page.locator('.toast.reminder').or(page.getByRole('button', { name: /Notifications, \d+ unread/ })).first().waitFor();
        for (const [view, { open: enter, close }] of Object.entries(VIEWS)) {
          await enter(page);
          await check(page, view);
          await close?.(page);
        }
      });
    }
  }

  story('an empty list is fine, too', async ({ open }) => {
    const page = await open();
    await page.getByText('No tasks here').waitFor();
    await check(page, 'an empty list');
  });

  story('at 320 pixels, or at 400 % of 1280, nothing has to be scrolled sideways', async ({ taskflow, open }) => {
    await everydayLife(taskflow, new Date());
    const page = await open({ viewport: { width: 320, height: 640 } });
    const sticksOut = () => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(await sticksOut(), false);
    await openTask(page, 'Lunch with friends');
    assert.equal(await sticksOut(), false);
    assert.equal(await page.locator('.detail-body').evaluate((body) => body.scrollWidth > body.clientWidth), false);
  });

  story('text twice as large is still all there', async ({ taskflow, open }) => {
    await everydayLife(taskflow, new Date());
    const page = await open();
    await row(page, 'Pay the rent').waitFor();
    await page.evaluate(() => {
      document.documentElement.style.fontSize = '200%';
    });
    await eventually(async () => {
      const [one, two] = await page.locator('.task[data-id]').evaluateAll((rows) => rows.slice(0, 2).map((one) => one.querySelector('.row')?.getBoundingClientRect()));
      assert.ok(one && two && one.bottom <= two.top + 1, 'rows do not overlap');
      const [text, box] = await row(page, 'Return the library books').evaluate((one) => [one.querySelector('.title')?.getBoundingClientRect().height ?? 0, one.querySelector('.row')?.getBoundingClientRect().height ?? 0]);
      assert.ok(Number(text) <= Number(box));
    });
  });

  story('a screen reader is told where one is in the list, and what each thing is', async ({ task, open }) => {
    await task({ title: 'One', due_date: '2031-01-01T00:00:00Z', recurrence: 'daily', reminder_offset: '1 hour' });
    await task({ title: 'Two', due_date: '2031-01-02T00:00:00Z' });
    const page = await open();
    const list = page.getByRole('list', { name: 'Tasks' });
    await row(page, 'Two').waitFor();
    assert.deepEqual(await list.getByRole('listitem').evaluateAll((items) => items.map((item) => [item.getAttribute('aria-posinset'), item.getAttribute('aria-setsize')])), [
      ['1', '2'],
      ['2', '2'],
    ]);
    const snapshot = await row(page, 'One').ariaSnapshot();
    for (const part of ['heading "Later"', 'checkbox "Completed: One"', 'button "One"', 'repeats every day', 'reminder 1 hour']) assert.ok(snapshot.includes(part), `${part}: ${snapshot}`);
    assert.equal(await page.getByRole('status').filter({ hasText: '2 tasks' }).count(), 1);
    assert.equal(await list.locator('[tabindex="0"]').count(), 2, 'the Tab key passes through the list in two steps');
  });

  story('words of a right-to-left script run from the right, wherever they are shown or typed', async ({ taskflow, task, open }) => {
    const [milk, other, home, note] = ['לקנות חלב', 'לשלם', 'בית', 'הערה'];
    await taskflow.call('PUT', '/api/preferences', { filters: [{ name: other, query: `tags=${home}` }] });
    const page = await open();
    const { id } = await task({ title: milk, tags: [home], due_date: new Date(Date.now() + 1_800_000).toISOString(), reminder_offset: '1 hour', description: `English\n\n${note}\n\n- [ ] ${note}\n- ${note}` });
    await taskflow.call('PUT', `/api/tasks/${id}`, { title: other });
    await taskflow.call('PUT', `/api/tasks/${id}`, { title: milk });
    await page.locator('.toast.reminder').waitFor();
    /** Fails if such words, or a field with them, run from the left. @param {string} view @param {number} least */
    const check = async (view, least) => {
      const [all, wrong] = await page.evaluate(() => {
        const first = /^\P{L}*\p{Script=Hebrew}/u;
        const found = [...document.querySelectorAll('input:not([type=checkbox]), textarea')].filter((field) => first.test(Reflect.get(field, 'value')));
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) if (node.parentElement && first.test(node.textContent ?? '')) found.push(node.parentElement);
        const seen = found.filter((element) => element.checkVisibility() && !element.closest('.sr, option'));
        const isRight = (/** @type {Element} */ element) => {
          const { direction, unicodeBidi } = getComputedStyle(element);
          return direction === 'rtl' || unicodeBidi === 'plaintext';
        };
        return [seen.map(({ outerHTML }) => outerHTML), seen.filter((element) => !isRight(element)).map(({ outerHTML }) => outerHTML)];
      });
      assert.deepEqual(wrong, [], view);
      assert.ok(all.length >= least, `${view}: only ${all.length} of ${least} texts: ${all.join(' ')}`);
    };
    const list = page.getByRole('list', { name: 'Tasks' });
    await list.getByText(milk).waitFor();
    for (const name of [home, other]) await page.getByRole('link', { name }).waitFor();
    // The row's title and tag, the rail's tag and saved list, and the reminder.
    await check('the list', 5);
    const line = page.getByRole('textbox', { name: 'New task' });
    await line.fill(`${other} #${home}`);
    await page.locator('.understood .of-tag').waitFor();
    await check('a line and its chips', 7);
    await line.fill('');
    await page.getByRole('link', { name: home }).first().click();
    await page.getByRole('heading', { level: 2, name: home }).waitFor();
    await check('a tag’s list', 6);
    await page.getByRole('button', { name: /Filter by tags/ }).click();
    await page.getByRole('checkbox', { name: home }).waitFor();
    await check('the tags', 7);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /^Notifications/ }).click();
    await page.getByRole('dialog', { name: 'Notifications' }).getByText(milk).waitFor();
    await check('the notifications', 7);
    await page.getByRole('button', { name: 'Close the notifications' }).click();
    const detail = await openTask(page, milk);
    await detail.getByText('History').click();
    await detail.getByText(`title: ${milk} → ${other}`).waitFor();
    await detail.getByPlaceholder('Add a tag').fill(home);
    // The title, three lines of notes, the tag, the field for another one, and two changes with two values each.
    await check('the open task', 15);
    await detail.getByPlaceholder('Add a tag').fill('');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: milk, exact: true }).click({ modifiers: ['ControlOrMeta'] });
    await page.getByRole('toolbar', { name: 'Selected tasks' }).getByRole('button', { name: 'Tags' }).click();
    await page.getByLabel('Add a tag').last().fill(home);
    await check('the tags of selected tasks', 8);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    if (!(await page.locator('#chat').isVisible())) await page.getByRole('button', { name: 'Assistant', exact: true }).click();
    await page.getByLabel('Message to the assistant').fill(`find ${milk}`);
    await page.getByLabel('Message to the assistant').press('Enter');
    await page.locator('#chat .message.assistant[aria-busy="false"]').waitFor();
    await page.getByLabel('Message to the assistant').fill(milk);
    await check('the assistant', 8);
  });

  story('the theme is as the system until a person chooses one, which a reload keeps', async ({ open }) => {
    const page = await open({ colorScheme: 'dark' });
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await background();
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    await page.getByLabel('Light').check();
    const light = await background();
    assert.notEqual(light, dark);
    await page.reload();
    await page.locator('task-list:not([data-first])').waitFor();
    assert.equal(await background(), light);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.getByRole('button', { name: 'Settings and keys' }).click();
    await page.getByLabel('Dark').check();
    assert.equal(await background(), dark);
    await page.getByLabel('System').check();
    assert.equal(await background(), light);
  });

  story('the page can be installed', async ({ open }) => {
    const page = await open();
    const session = await page.context().newCDPSession(page);
    const { errors } = await session.send('Page.getAppManifest');
    assert.deepEqual(errors, []);
    const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
    // The tests' windows are guest windows, which cannot install anything. Other errors concern the page.
    assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'), []);
  });
});
