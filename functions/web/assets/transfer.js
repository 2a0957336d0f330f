// The section of the settings for import and export. A file is checked first, and imported after the user confirms.

import { tasks } from './actions.js';
import { callFile, textOf, token } from './api.js';
import { h, newId, setText } from './dom.js';
import { dueInWords } from './time.js';

/** @typedef {import('../api.d.ts').Import} Import */
/** @typedef {import('../api.d.ts').ImportNote} ImportNote */

/** Maximum number of bytes of a file. */
const FILE_MAX = 64 * 1024 * 1024;
/** Milliseconds between two checks of an import. */
const LOOK = 500;
/** Maximum number of report entries that are shown. */
const NOTES = 50;
const FORMATS = /** @type {const} */ ([['json', 'Everything (JSON)'], ['csv', 'Tasks (CSV)'], ['ics', 'Tasks (iCalendar)']]);

/** @param {number} count @param {string} one @param {string} many */
const counted = (count, one, many) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

/** @param {ImportNote} note */
const line = ({ line, title, text }) => h('li', { textContent: `Line ${line}${title ? `, “${title}”` : ''}: ${text}.` });

/** The section of the settings. @returns {Node[]} */
export function transfer() {
  const status = h('p', { role: 'status' });
  const bar = h('progress', { hidden: true, 'aria-label': 'Progress of the import' });
  const run = h('button', { className: 'primary', hidden: true });
  const report = h('ul', { className: 'devices' });
  const input = h('input', { id: newId(), type: 'file', accept: '.csv,.json,.zip,.ics' });
  /** @type {Import | null} */
  let checked = null;

  /** @param {() => Promise<void>} work */
  const attempt = async (work) => {
    input.disabled = run.disabled = true;
    try {
      await work();
    } catch (error) {
      setText(status, textOf(error));
    }
    bar.hidden = true;
    input.disabled = run.disabled = false;
  };

  /** Waits until the job of an import is finished. @param {Import} now @returns {Promise<Import>} */
  async function over(now) {
    while (status.isConnected && (now.status === 'checking' || now.status === 'importing')) {
      Object.assign(bar, now.total ? { max: now.total, value: now.read } : {});
      setText(status, `${now.status === 'checking' ? 'Reading' : 'Importing'}… ${now.read.toLocaleString()}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
      now = (await callFile(`/api/imports/${now.id}`)).data;
    }
    const notes = now.notes ? (await callFile(`/api/imports/${now.id}/report?limit=${NOTES}`)).data : [];
    const rest = now.notes - notes.length;
    report.replaceChildren(...notes.map(line), ...(rest > 0 ? [h('li', { textContent: `And ${counted(rest, 'more note', 'more notes')}.` })] : []));
    return now;
  }

  /** @param {Import} now @param {string} verb */
  const summary = (now, verb) =>
    `${verb} ${counted(now.created, 'task', 'tasks')}.` +
    (now.existing ? ` ${counted(now.existing, 'is', 'are')} here already.` : '') +
    (now.skipped ? ` ${counted(now.skipped, 'item', 'items')} cannot be imported.` : '') +
    (now.error ? ` The file was not read to its end: ${now.error}.` : '');

  /** @param {File} file */
  const check = (file) => attempt(async () => {
    run.hidden = true;
    report.replaceChildren();
    if (file.size > FILE_MAX) return setText(status, 'A file may have up to 64 MiB.');
    bar.removeAttribute('value');
    bar.hidden = false;
    setText(status, 'Sending…');
    const now = await over((await callFile('/api/imports?dry_run=true', file)).data);
    if (now.status !== 'checked') return setText(status, summary(now, 'It cannot be read.'));
    checked = now;
    setText(status, summary(now, 'It would add'));
    const titles = now.preview.map(({ title, due_day, due_date }) => `${title}${due_date ? ` (${dueInWords({ due_date, due_day: due_day ?? null })})` : ''}`);
    if (titles.length) report.prepend(h('li', { className: 'muted', dir: 'auto', textContent: `The first: ${titles.join(' · ')}` }));
    run.textContent = `Import ${counted(now.created, 'task', 'tasks')}`;
    run.hidden = now.created === 0 && !now.restores;
  });

  run.addEventListener('click', () => void attempt(async () => {
    if (!checked) return;
    run.hidden = true;
    bar.hidden = false;
    const now = await over((await callFile(`/api/imports/${checked.id}/run`, '')).data);
    setText(status, summary(now, now.status === 'done' ? 'Imported' : 'Stopped after'));
    void tasks.refresh();
  }));
  input.addEventListener('change', () => {
    const [file] = input.files ?? [];
    if (file) void check(file);
    input.value = '';
  });

  /** Downloads a file, because a link would not send the token. @param {string} format */
  const save = (format) => attempt(async () => {
    const { data, name } = await callFile(`/api/export?format=${format}`, undefined, true);
    const link = h('a', { href: URL.createObjectURL(data), download: name });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const download = (/** @type {string} */ format, /** @type {string} */ words) =>
    token() ? h('button', { textContent: words, onclick: () => void save(format) }) : h('a', { href: `/api/export?format=${format}`, download: '', textContent: words });

  const drop = h(
    'div',
    {
      className: 'field',
      ondragover: (/** @type {Event} */ event) => event.preventDefault(),
      ondrop: (/** @type {DragEvent} */ event) => {
        event.preventDefault();
        const [file] = event.dataTransfer?.files ?? [];
        if (file && !input.disabled) void check(file);
      },
    },
    h('label', { for: input.id, textContent: 'Import a file of Todoist, TickTick, Vikunja, Google Tasks, a calendar, or Taskflow' }),
    input,
  );
  return [drop, status, bar, report, h('div', { className: 'choices' }, run), h('div', { className: 'choices' }, 'Export: ', ...FORMATS.map(([format, words]) => download(format, words)))];
}
