// How the page shows what an assistant answers.

import assert from 'node:assert/strict';
import { stories } from './story.js';

stories('what an assistant writes', {}, (story) => {
  story('Markdown becomes elements, of a fixed set, and all else stays text', async ({ open }) => {
    const page = await open();
    const read = (/** @type {string} */ text) =>
      page.evaluate(async (markdown) => {
        const path = '/assets/markdown.js';
        const made = (await import(path)).markdown(markdown);
        return made.map((/** @type {HTMLElement} */ element) => element.outerHTML).join('');
      }, text);
    const link = (/** @type {string} */ to, /** @type {string} */ text) => `<a href="${to}" target="_blank" rel="noopener noreferrer">${text}</a>`;
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
      ['[a *b*](https://example.org/x_(y) "t")', `<p>${link('https://example.org/x_(y)', 'a <em>b</em>')}</p>`],
      ['[https://a.example](https://b.example)', `<p>${link('https://b.example/', 'https://a.example')}</p>`],
      ['see https://example.org/a_b.', `<p>see ${link('https://example.org/a_b', 'https://example.org/a_b')}.</p>`],
      ['<https://example.org>', `<p>${link('https://example.org/', 'https://example.org')}</p>`],
      ['[a](mailto:a@example.org)', `<p>${link('mailto:a@example.org', 'a')}</p>`],
      ['[a](javascript:alert`1`)', '<p>[a](javascript:alert`1`)</p>'],
      ['[a](data:text/html,x) [b](/api/tasks) [c](vbscript:x)', '<p>[a](data:text/html,x) [b](/api/tasks) [c](vbscript:x)</p>'],
      ['![a](https://example.org/track.png)', `<p>${link('https://example.org/track.png', 'a')}</p>`],
      ['<script>alert(1)</script> <b onclick=x>b</b> &lt;', '<p>&lt;script&gt;alert(1)&lt;/script&gt; &lt;b onclick=x&gt;b&lt;/b&gt; &amp;lt;</p>'],
    ]) {
      assert.equal(await read(text ?? ''), expected, text);
    }
  });

  story('no text makes reading it slow, however its signs are nested', async ({ open }) => {
    const page = await open();
    for (const sign of ['*', '**a ', '_', '`', '[', '[a](', '> ', '- ', '  - ', '|', '~~a', '1. ', 'https://', '<', '\\', '#']) {
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
      assert.deepEqual(await read(`${begin}event: done\ndata: {"resp`, size), [...heard, 'The answer broke off.']);
    }
  });
});
