// The assistant: the offline one, which is part of Taskflow, and how the page shows the answers of any assistant.

import assert from 'node:assert/strict';
import { PHONE, eventually, pane, row, showsTitles, stories } from './story.js';

/** @typedef {import('playwright-core').Page} Page */

const DAY = 86_400_000;
/** A due time in the past. */
const YESTERDAY = new Date(Date.now() - DAY).toISOString();

/** Returns the pane, after opening it if necessary. @param {Page} page */
async function assistant(page) {
  const chat = page.locator('#chat');
  if (!(await chat.isVisible())) await page.getByRole('button', { name: 'Assistant', exact: true }).click();
  await chat.getByLabel('Message to the assistant').waitFor();
  return chat;
}

/** Returns the complete answers so far. @param {import('playwright-core').Locator} chat */
const answersIn = (chat) => chat.locator('.message.assistant[aria-busy="false"]');

/** Sends a message, after the previous one is answered, and waits for the complete answer. @param {Page} page @param {string} text */
async function say(page, text) {
  const chat = await assistant(page);
  await chat.locator('button:not([aria-disabled])', { hasText: 'Send' }).waitFor();
  const answers = answersIn(chat);
  const before = await answers.count();
  await chat.getByLabel('Message to the assistant').fill(text);
  await chat.getByLabel('Message to the assistant').press('Enter');
  await answers.nth(before).waitFor();
  return answers.nth(before);
}

stories('the assistant', {}, (story) => {
  story('a sentence becomes a task, which the list shows and the answer leads to', async ({ taskflow, open }) => {
    const page = await open();
    const answer = await say(page, 'Add pay rent monthly on the 1st at 9 #home !high');
    await row(page, 'Pay rent').or(row(page, 'pay rent')).waitFor();
    const [task] = await taskflow.call('GET', '/api/tasks');
    assert.deepEqual([task.priority, task.tags, task.time_zone], ['high', ['home'], 'Europe/Berlin']);
    await answer.getByRole('button', { name: `Open ${task.title}` }).first().click();
    assert.equal(await pane(page).getByRole('textbox', { name: 'Title' }).inputValue(), task.title);
  });

  story('it says that it is the offline one', async ({ open }) => {
    const page = await open();
    await say(page, 'What is overdue?');
    await page.locator('#chat').getByText('offline', { exact: true }).waitFor();
  });

  story('what is asked for is shown with its tasks, and what is completed leaves the list', async ({ task, taskflow, open }) => {
    const { id } = await task({ title: 'Return the books', due_date: YESTERDAY });
    await task({ title: 'Some day' });
    const page = await open();
    const answer = await say(page, 'What is overdue?');
    await answer.getByRole('button', { name: 'Open Return the books' }).waitFor();
    assert.equal(await answer.getByRole('button', { name: /Some day/ }).count(), 0);
    await say(page, `complete ${id}`);
    await showsTitles(page, ['Some day']);
    assert.equal((await taskflow.call('GET', `/api/tasks/${id}`)).status, 'completed');
  });

  story('deleting many is asked first: no keeps them, yes deletes them', async ({ task, taskflow, open }) => {
    await task({ title: 'A', due_date: YESTERDAY });
    await task({ title: 'B', due_date: YESTERDAY });
    await task({ title: 'C' });
    const page = await open();
    const count = async () => (await taskflow.call('GET', '/api/tasks')).length;
    await say(page, 'delete all overdue tasks');
    const question = page.locator('#chat').getByRole('group');
    await question.getByRole('button', { name: 'No', exact: true }).click();
    await answersIn(page.locator('#chat')).nth(1).waitFor();
    assert.equal(await question.count(), 0);
    assert.equal(await count(), 3);
    await say(page, 'delete all overdue tasks');
    await question.getByRole('button', { name: 'Yes, do it' }).click();
    await eventually(async () => assert.equal(await count(), 1));
    await showsTitles(page, ['C']);
  });

  story('the conversation is there again after a reload and in another window, and a new one forgets it', async ({ taskflow, open, tab, expectErrors }) => {
    const page = await open();
    await say(page, 'What is overdue?');
    await page.reload();
    const chat = await assistant(page);
    await chat.getByText('What is overdue?').waitFor();
    const other = await tab(page.context());
    await (await assistant(other)).locator('.message.person', { hasText: 'What is overdue?' }).waitFor();
    const id = await page.evaluate(() => localStorage.getItem('taskflow.conversation'));
    assert.equal((await taskflow.call('GET', `/api/chat/${id}`)).history.length, 1);
    await chat.getByRole('button', { name: 'New conversation' }).click();
    await chat.getByText('Use your own words').waitFor();
    expectErrors(/status of 404/);
    await eventually(async () => {
      await assert.rejects(taskflow.call('GET', `/api/chat/${id}`), /404/);
    });
  });

  story('an answer that is lost on its way is found again', async ({ taskflow, open, expectErrors }) => {
    expectErrors(/status of 404|Failed to load resource|ERR_/);
    const page = await open();
    await assistant(page);
    let isFirst = true;
    // The service receives it, but the connection breaks before the page receives the answer.
    await page.route('**/api/chat', async (route) => {
      const answer = await route.fetch();
      const text = await answer.text();
      if (!isFirst) return route.fulfill({ response: answer, body: text });
      isFirst = false;
      return route.fulfill({ response: answer, body: text.slice(0, text.indexOf('event: done')) });
    });
    await say(page, 'Add water the plants');
    await row(page, 'water the plants').or(row(page, 'Water the plants')).waitFor();
    assert.equal((await taskflow.call('GET', '/api/tasks')).length, 1, 'it was not said twice');
    assert.equal(await page.locator('.chat-problem').count(), 0);
    assert.equal(await page.locator('.message.person').count(), 1);
  });

  story('a message that is still being answered is waited for after a reload; where nobody waits for it, it can be sent again', async ({ open, tab, expectErrors }) => {
    expectErrors(/Failed to load resource|ERR_/);
    const page = await open();
    const chat = await assistant(page);
    const exchange = { at: new Date().toISOString(), message: 'What is overdue?', response: '', actions: [], assistant: 'gemini', status: 'open', problem: null };
    let looks = 0;
    let isAnswered = false;
    await page.context().route('**/api/chat', () => {});
    await page.context().route('**/api/chat/*', (route) => {
      looks += 1;
      const history = [isAnswered ? { ...exchange, response: 'Nothing at all.', status: 'answered' } : exchange];
      return route.fulfill({ json: { conversation_id: 'conversation', user_id: 1, history, question: null, last_updated: exchange.at } });
    });
    await chat.getByLabel('Message to the assistant').fill('What is overdue?');
    await chat.getByRole('button', { name: 'Send', exact: true }).click();
    await chat.locator('.message.person').waitFor();
    await page.reload();
    await eventually(() => assert.ok(looks > 0));
    assert.equal(await (await assistant(page)).getByRole('alert').count(), 0, 'it may be answered yet');
    // Another window has not asked.
    const other = await assistant(await tab(page.context()));
    await other.getByRole('alert').getByText('Not answered yet.').waitFor();
    await other.getByRole('button', { name: 'Send again' }).waitFor();
    isAnswered = true;
    await chat.getByText('Nothing at all.').waitFor();
    assert.equal(await chat.getByRole('alert').count(), 0);
  });

  story('a message that the service did not get says why, survives a reload, and is sent again', async ({ open, expectErrors }) => {
    expectErrors(/status of (503|404)/);
    const page = await open();
    const chat = await assistant(page);
    await page.route('**/api/chat', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"title":"Service Unavailable","status":503,"detail":"the assistant is not available"}' }));
    await chat.getByLabel('Message to the assistant').fill('What is overdue?');
    await chat.getByRole('button', { name: 'Send', exact: true }).click();
    await chat.getByRole('alert').getByText('The assistant is not available').waitFor();
    await page.reload();
    await (await assistant(page)).getByText('The assistant is not available').waitFor();
    await page.unroute('**/api/chat');
    await chat.getByRole('button', { name: 'Send again' }).click();
    await chat.locator('.message.assistant[aria-busy="false"]').waitFor();
    assert.equal(await chat.locator('.message.person').count(), 1);
    assert.equal(await chat.getByRole('alert').count(), 0);
  });

  story('a title is text wherever it is shown, whoever tells of it', async ({ task, open }) => {
    const title = '<img src=https://evil.example/i> [now](https://evil.example/n) **bold** `code` _x_ ”*y*” https://evil.example/z <a href="https://evil.example">';
    await task({ title, due_date: YESTERDAY, tags: ['**loud**'] });
    const page = await open();
    const chat = page.locator('#chat');
    const isText = async () => {
      const markup = page.locator('[href*="evil"], [src*="evil"], .markdown :is(a, img, strong, em, code, s)');
      // The assistant's own word.
      assert.deepEqual((await markup.allTextContents()).filter((text) => text !== 'yes'), []);
    };
    // From the offline assistant: in its text, in the cards, in a question.
    const answer = await say(page, 'What is overdue?');
    await answer.getByRole('button', { name: `Open ${title}` }).waitFor();
    assert.ok((await answer.locator('.markdown').textContent())?.includes(`“${title}” (#`));
    assert.ok((await answer.locator('.markdown').textContent())?.includes('#**loud**'));
    await isText();
    await say(page, 'complete all overdue tasks?');
    await chat.getByRole('group').getByText(title).first().waitFor();
    await isText();
    await chat.getByRole('button', { name: 'No', exact: true }).click();
    // From a model that quotes it unchanged.
    const quoted = title.replaceAll('”', '');
    const told = { response: `You have “${quoted}” (#1), see https://evil.example/m or [here](https://evil.example/h).`, actions: [], assistant: 'gemini', question: null };
    await page.route('**/api/chat', (route) => route.fulfill({ json: { ...told, conversation_id: 'conversation' } }));
    const models = await say(page, 'And now?');
    assert.ok((await models.locator('.markdown').textContent())?.includes(`“${quoted}” (#1), see https://evil.example/m or [here](https://evil.example/h).`));
    await isText();
    // In a toast, in the list of notifications and in the list of tasks.
    await task({ title: `Soon ${title}`, due_date: new Date(Date.now() + 2_000).toISOString(), reminder_offset: '0 minutes' });
    await page.locator('.toast-title', { hasText: 'Soon <img' }).waitFor();
    await page.getByRole('button', { name: /^Notifications/ }).click();
    await page.locator('.notice-title', { hasText: 'Soon <img' }).waitFor();
    await row(page, title).waitFor();
    await isText();
  });

  story('on a phone it covers the list, and leads to a task and back', async ({ task, open }) => {
    await task({ title: 'Return the books', due_date: YESTERDAY });
    const page = await open(PHONE);
    const answer = await say(page, 'What is overdue?');
    await answer.getByRole('button', { name: 'Open Return the books' }).click();
    await pane(page).getByRole('button', { name: 'Close the task' }).click();
    await answer.getByRole('button', { name: 'Open Return the books' }).waitFor();
    await page.getByRole('button', { name: 'Close the assistant' }).click();
    await row(page, 'Return the books').waitFor();
  });
});

stories('what an assistant writes', {}, (story) => {
  story('Markdown becomes elements, of a fixed set, and all else stays text', async ({ open }) => {
    const page = await open();
    const read = (/** @type {string} */ text) =>
      page.evaluate(async (markdown) => {
        const path = '/assets/markdown.js';
        const made = (await import(path)).markdown(markdown);
        return made.map((/** @type {HTMLElement} */ element) => element.outerHTML).join('');
      }, text);
    for (const [text, expected] of [
      ['', ''],
      ['one\ntwo\n\nthree', '<p>one<br>two</p><p>three</p>'],
      ['**a** __b__ *c* _d_ ~~e~~ `f *g*`', '<p><strong>a</strong> <strong>b</strong> <em>c</em> <em>d</em> <s>e</s> <code>f *g*</code></p>'],
      ['**a *b* c**', '<p><strong>a <em>b</em> c</strong></p>'],
      ['snake_case_name, 2 * 3 * 4, ** no **, a*', '<p>snake_case_name, 2 * 3 * 4, ** no **, a*</p>'],
      ['\\*no\\* \\# no', '<p>*no* # no</p>'],
      ['# One\n### Two ##', '<h3>One</h3><h3>Two</h3>'],
      ['#tag is a tag', '<p>#tag is a tag</p>'],
      ['- a\n- b\n  - c\n\n1. d\n2. e', '<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><ol start="1"><li>d</li><li>e</li></ol>'],
      ['3. c\n   more\n4. d', '<ol start="3"><li>c<br>more</li><li>d</li></ol>'],
      ['> a\n> - b', '<blockquote><p>a</p><ul><li>b</li></ul></blockquote>'],
      ['```js\n<b>&\n```\nafter', '<pre tabindex="0"><code>&lt;b&gt;&amp;</code></pre><p>after</p>'],
      ['```\nstill being written', '<pre tabindex="0"><code>still being written</code></pre>'],
      ['---', '<hr>'],
      [
        '| a | b |\n|---|:-:|\n| 1 \\| 2 | **3** |',
        '<div class="table" tabindex="0"><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1 | 2</td><td><strong>3</strong></td></tr></tbody></table></div>',
      ],
      ['a | b', '<p>a | b</p>'],
      ['“**a** \\*b\\* `c` [d](https://e.example)” **f**', '<p><bdi>“**a** *b* `c` [d](https://e.example)”</bdi> <strong>f</strong></p>'],
      ['“**a** and **b**', '<p>“<strong>a</strong> and <strong>b</strong></p>'],
      ['[a](https://example.org/x_(y) "t")', '<p>[a](https://example.org/x_(y) "t")</p>'],
      ['see https://example.org/a_b.', '<p>see https://example.org/a_b.</p>'],
      ['<https://example.org> [a](mailto:a@example.org)', '<p>&lt;https://example.org&gt; [a](mailto:a@example.org)</p>'],
      ['[a](javascript:alert`1`)', '<p>[a](javascript:alert<code>1</code>)</p>'],
      ['[a](data:text/html,x) [b](/api/tasks) [c](vbscript:x)', '<p>[a](data:text/html,x) [b](/api/tasks) [c](vbscript:x)</p>'],
      ['![a](https://example.org/track.png)', '<p>![a](https://example.org/track.png)</p>'],
      ['<script>alert(1)</script> <b onclick=x>b</b> &lt;', '<p>&lt;script&gt;alert(1)&lt;/script&gt; &lt;b onclick=x&gt;b&lt;/b&gt; &amp;lt;</p>'],
    ]) {
      assert.equal(await read(text ?? ''), expected, text);
    }
  });

  story('no text makes reading it slow, however its signs are nested', async ({ open }) => {
    const page = await open();
    for (const sign of ['*', '**a ', '_', '`', '[', '[a](', '> ', '- ', '  - ', '|', '~~a', '1. ', 'https://', '<', '\\', '#', '“', '“*']) {
      const length = await page.evaluate(async (text) => {
        const path = '/assets/markdown.js';
        return (await import(path)).markdown(text).map((/** @type {HTMLElement} */ one) => one.textContent).join('').length;
      }, sign.repeat(20_000));
      assert.ok(length >= 0);
    }
  });

  story('a stream is read the same, wherever it is cut into pieces', async ({ open }) => {
    const page = await open();
    const read = (/** @type {string} */ stream, /** @type {number} */ size) =>
      page.evaluate(
        async ([text, step]) => {
          const bytes = new TextEncoder().encode(text);
          const body = new ReadableStream({
            start(controller) {
              for (let at = 0; at < bytes.length; at += step) controller.enqueue(bytes.slice(at, at + step));
              controller.close();
            },
          });
          const heard = /** @type {string[]} */ ([]);
          const path = '/assets/answer.js';
          const { readAnswer } = await import(path);
          const on = { text: (/** @type {string} */ piece) => heard.push(piece), action: (/** @type {any} */ action) => heard.push(action.tool) };
          const response = new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
          return readAnswer(response, on).then((/** @type {string} */ done) => [...heard, done], (/** @type {Error} */ error) => [...heard, error.message]);
        },
        /** @type {[string, number]} */ ([stream, size]),
      );
    const begin = ': hello\n\nevent: conversation\ndata: {"conversation_id":"12345678"}\n\nevent: text\ndata: {"text":"Grüße "}\n\nevent: later\ndata: {}\n\nevent: text\r\ndata:{"text":\r\ndata: "🙂"}\r\n\r\nevent: action\ndata: {"tool":"create_task"}\n\n';
    const heard = ['Grüße ', '🙂', 'create_task'];
    for (const size of [1, 2, 3, 7, 10_000]) {
      assert.deepEqual(await read(`${begin}event: done\ndata: {"response":"x"}\n\n`, size), [...heard, '{"response":"x"}']);
      assert.deepEqual(await read(`${begin}event: problem\ndata: {"status":503,"detail":"the model is away"}\n\n`, size), [...heard, 'the model is away']);
      assert.deepEqual(await read(`${begin}event: done\ndata: {"resp`, size), [...heard, 'The answer was interrupted.']);
    }
  });
});
