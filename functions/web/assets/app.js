// Taskflow's page: the REST API and the WebSocket, without a framework and without a build.
// Data reaches the document as text only (textContent, value), never as markup.

const PAGE = 50;
const PAGE_MAX = 500;
const PING_EVERY = 25_000;
const PONG_WITHIN = 10_000;
const BACKOFF_MAX = 30_000;
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

const $ = (id) => document.getElementById(id);

/** An element: properties that start with `data-`, `aria-` or are `role`, `for` are attributes. */
function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith('data-') || name.startsWith('aria-') || name === 'role') element.setAttribute(name, value);
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Writes only what differs, so that nothing is announced or laid out twice. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// ---------------------------------------------------------------- kept in the browser

const kept = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) {
    try { if (value === null) localStorage.removeItem(key); else localStorage.setItem(key, value); } catch { /* private mode: for this visit only */ }
  },
};
const TOKEN_KEY = 'taskflow.token';
let token = kept.get(TOKEN_KEY) ?? '';

// ---------------------------------------------------------------- the API

class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || `The service answered ${status}.`);
    this.status = status;
    this.errors = Array.isArray(problem?.errors) ? problem.errors : [];
  }
}

/** Calls the API; a 401 asks for the token and tries again. */
async function api(path, { method = 'GET', body, headers = {}, signal } = {}) {
  for (;;) {
    const used = token;
    const sent = { Accept: 'application/json', ...headers };
    if (used) sent.Authorization = `Bearer ${used}`;
    if (body !== undefined) sent['Content-Type'] = 'application/json';
    let response, text;
    try {
      response = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), signal });
      text = await response.text();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiError(0, { detail: 'The service cannot be reached.' });
    }
    if (response.status === 401) {
      if (used !== token || await askToken(used !== '')) continue;
      throw new ApiError(401, { detail: 'An access token is needed.' });
    }
    let data = null;
    try { data = text ? JSON.parse(text) : null; } catch { /* a proxy's page, no JSON */ }
    if (!response.ok) throw new ApiError(response.status, data);
    if (text && data === null) throw new ApiError(response.status, { detail: 'The service answered something that is no JSON.' });
    return { data, headers: response.headers };
  }
}

/** A key for one attempt to create something: trying again after a lost answer makes no second task. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// ---------------------------------------------------------------- dialogs

/** What lies outside an open modal dialog is inert, so the toasts move into the topmost one. */
function placeToasts() {
  const open = [...document.querySelectorAll('dialog[open]')];
  const home = openOrder.filter((dialog) => open.includes(dialog)).at(-1) ?? document.body;
  if ($('toasts').parentElement !== home) home.append($('toasts'));
}
const openOrder = [];

function openDialog(dialog) {
  if (!dialog.open) dialog.showModal();
  const at = openOrder.indexOf(dialog);
  if (at >= 0) openOrder.splice(at, 1);
  openOrder.push(dialog);
  placeToasts();
}

for (const dialog of document.querySelectorAll('dialog')) {
  dialog.addEventListener('close', placeToasts);
  for (const button of dialog.querySelectorAll('[data-close]')) button.addEventListener('click', () => dialog.close());
}

let tokenAnswer = null;

/** Resolves to true once there is another token to try. Calls that fail together share one dialog. */
function askToken(wasWrong) {
  if (tokenAnswer) return tokenAnswer.promise;
  let resolve;
  tokenAnswer = { promise: new Promise((done) => { resolve = done; }) };
  tokenAnswer.resolve = resolve;
  setText($('token-text'), wasWrong ? 'The service did not accept the token of this browser.' : 'This service asks for an access token.');
  $('token-input').value = '';
  $('token-forget').hidden = !token;
  clearErrors($('token'));
  openDialog($('token'));
  return tokenAnswer.promise;
}

function useToken(value) {
  token = value;
  kept.set(TOKEN_KEY, value || null);
  const waiting = tokenAnswer;
  tokenAnswer = null;
  $('token').close();
  waiting?.resolve(true);
  if (waiting?.byHand || socket.needsToken) socket.restart();
  if (!waiting?.byHand) return;
  loadTags();
  list.load();
}

$('token').querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const value = $('token-input').value.trim();
  clearErrors($('token'));
  if (!/^[\x21-\x7e]+$/.test(value)) {
    fieldError($('token-input'), value ? 'A token has visible ASCII characters only.' : 'Enter the token.');
    $('token-input').focus();
    return;
  }
  useToken(value);
});
$('token-forget').addEventListener('click', () => useToken(''));
$('token').addEventListener('close', () => {
  const waiting = tokenAnswer;
  tokenAnswer = null;
  waiting?.resolve(false);
});
$('token-button').addEventListener('click', () => {
  if (tokenAnswer) return;
  askToken(false);
  tokenAnswer.byHand = true;
  setText($('token-text'), token ? 'This browser has a token. Enter another one to replace it.' : 'Only needed if the service asks for one.');
});

// ---------------------------------------------------------------- toasts

const TOASTS_MAX = 3;

/** Says something in passing. Urgent ones (errors, reminders) interrupt a screen reader; sticky ones stay until dismissed. */
function toast(text, { title, urgent = false, bad = false, sticky = false, action, seconds = 6 } = {}) {
  const region = $('toasts').querySelector(urgent || bad ? '[role="alert"]' : '[role="status"]');
  const remove = () => { clearTimeout(timer); element.remove(); };
  const buttons = [];
  if (action) buttons.push(h('button', { type: 'button', className: 'quiet small', textContent: action.label, onclick: () => { remove(); action.run(); } }));
  buttons.push(h('button', { type: 'button', className: 'quiet small', textContent: '✕', 'aria-label': 'Dismiss', onclick: remove }));
  const element = h('div', { className: bad ? 'toast bad' : 'toast', 'data-testid': 'toast' },
    h('div', { className: 'text' }, title ? h('strong', { textContent: title }) : null, text), ...buttons);
  let timer;
  const start = () => { clearTimeout(timer); if (!sticky) timer = setTimeout(remove, seconds * 1000); };
  for (const name of ['mouseenter', 'focusin']) element.addEventListener(name, () => clearTimeout(timer));
  for (const name of ['mouseleave', 'focusout']) element.addEventListener(name, start);
  region.append(element);
  while (region.children.length > TOASTS_MAX) region.firstElementChild.remove();
  start();
}

function toastError(error, what) {
  if (error.name === 'AbortError') return;
  if (!(error instanceof ApiError)) console.error(error);
  const details = error.errors?.length ? error.errors.map((one) => one.detail).join('; ') : error.message;
  toast(details, { title: what, bad: true, seconds: 12 });
}

// ---------------------------------------------------------------- errors next to fields

function fieldError(input, text, kind = 'field-error') {
  const id = `${input.id}-${kind}`;
  let line = $(id);
  if (!line) {
    line = h('p', { id, className: kind });
    input.closest('.field').append(line);
  }
  setText(line, line.textContent && kind === 'field-error' ? `${line.textContent}; ${text}` : text);
  const described = new Set((input.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean)).add(id);
  input.setAttribute('aria-describedby', [...described].join(' '));
  if (kind === 'field-error') input.setAttribute('aria-invalid', 'true');
}

function clearErrors(form) {
  for (const line of form.querySelectorAll('.field-error, .field-note')) line.remove();
  for (const input of form.querySelectorAll('[aria-describedby]')) {
    input.removeAttribute('aria-describedby');
    input.removeAttribute('aria-invalid');
  }
  for (const line of form.querySelectorAll('.form-error')) { line.hidden = true; line.textContent = ''; }
}

/** Shows a problem where it belongs: at the fields that `errors[].pointer` names, else under the form. */
function showProblem(form, error) {
  if (!(error instanceof ApiError)) console.error(error);
  const general = [];
  let first = null;
  for (const { pointer, detail } of error.errors ?? []) {
    const name = String(pointer ?? '').split('/')[1] ?? '';
    const input = name && [...form.elements].find((element) => element.name === name);
    if (input && input.closest('[hidden]') === null) {
      fieldError(input, detail);
      first ??= input;
    } else {
      general.push(name ? `${name}: ${detail}` : detail);
    }
  }
  if (!first && general.length === 0) general.push(error.message);
  if (general.length) {
    const line = form.querySelector('.form-error');
    line.textContent = general.join('; ');
    line.hidden = false;
  }
  first?.focus();
}

// ---------------------------------------------------------------- times

const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });
const dayYearFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
const timeFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

function startOfDay(days = 0) {
  const date = new Date();
  date.setHours(0, 0, 0, 0);
  date.setDate(date.getDate() + days);
  return date;
}

function when(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return String(text);
  const time = timeFormat.format(date);
  if (date >= startOfDay() && date < startOfDay(1)) return `today ${time}`;
  if (date >= startOfDay(1) && date < startOfDay(2)) return `tomorrow ${time}`;
  if (date >= startOfDay(-1) && date < startOfDay()) return `yesterday ${time}`;
  const near = date.getFullYear() === new Date().getFullYear();
  return `${(near ? dayFormat : dayYearFormat).format(date)} ${time}`;
}

function timeElement(text, label = when(text)) {
  const date = new Date(text);
  return h('time', { dateTime: String(text), title: Number.isNaN(date.getTime()) ? '' : fullFormat.format(date), textContent: label });
}

/** For datetime-local: wall-clock time of this browser, to the minute. */
function toLocal(text) {
  if (!text) return '';
  const date = new Date(text);
  const pad = (number, width = 2) => String(number).padStart(width, '0');
  return `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

const isOverdue = (task) => task.status === 'pending' && task.due_date && new Date(task.due_date) < new Date();

// ---------------------------------------------------------------- forms of a task

/** What a task looks like in a form: text for each field. */
function toFields(task) {
  return {
    title: task.title,
    description: task.description,
    due_date: toLocal(task.due_date),
    recurrence: task.recurrence === 'custom' ? 'rule' : task.recurrence,
    recurrence_rule: task.recurrence_rule ?? '',
    recurrence_from: task.recurrence_from,
    time_zone: task.time_zone,
    priority: task.priority,
    tags: task.tags.join(', '),
    reminder_offset: task.reminder_offset ?? '',
  };
}

function readFields(form) {
  const fields = {};
  for (const input of form.elements) if (input.name) fields[input.name] = input.value;
  return fields;
}

const splitTags = (text) => text.split(',').map((tag) => tag.trim()).filter(Boolean);

/** The fields that differ from `base`, as the API takes them. */
function changes(fields, base) {
  const differs = (name) => name in fields && fields[name] !== base[name];
  const body = {};
  for (const name of ['title', 'description', 'priority', 'recurrence_from', 'time_zone']) if (differs(name)) body[name] = fields[name];
  if (differs('tags')) body.tags = splitTags(fields.tags);
  if (differs('due_date')) body.due_date = fields.due_date ? new Date(fields.due_date).toISOString() : null;
  if (differs('reminder_offset')) body.reminder_offset = fields.reminder_offset.trim() || null;
  if (fields.recurrence === 'rule') {
    if (differs('recurrence') || differs('recurrence_rule')) body.recurrence_rule = fields.recurrence_rule.trim();
  } else if (differs('recurrence')) {
    body.recurrence = fields.recurrence;
  }
  return body;
}

/** What the browser knows to be wrong before anything is sent; true if nothing is. */
function checkLocally(form) {
  const errors = [];
  for (const input of form.elements) {
    if (input.type === 'datetime-local' && (input.validity.badInput || input.validity.rangeOverflow)) {
      errors.push({ pointer: `/${input.name}`, detail: 'enter a whole date and time' });
    }
    if (input.name === 'title' && !input.value.trim()) errors.push({ pointer: '/title', detail: 'a task needs a title' });
    if (input.name === 'recurrence_rule' && form.elements.recurrence.value === 'rule' && !input.value.trim()) {
      errors.push({ pointer: '/recurrence_rule', detail: 'enter a rule, such as FREQ=WEEKLY;BYDAY=MO' });
    }
  }
  if (errors.length) showProblem(form, new ApiError(422, { errors }));
  return errors.length === 0;
}

function showParts(form) {
  const recurrence = form.elements.recurrence.value;
  for (const part of form.querySelectorAll('[data-when-rule]')) part.hidden = recurrence !== 'rule';
  for (const part of form.querySelectorAll('[data-when-recurs]')) part.hidden = recurrence === 'none';
}

/** Runs one submit of a form at a time; the button keeps the focus. */
async function once(form, run) {
  if (form.dataset.busy) return;
  const button = form.querySelector('[type="submit"]');
  form.dataset.busy = 'yes';
  button.setAttribute('aria-disabled', 'true');
  try { await run(); } finally {
    delete form.dataset.busy;
    button.removeAttribute('aria-disabled');
  }
}

// ---------------------------------------------------------------- a new task

const newForm = $('new');
let attempt = { body: '', key: '' };

newForm.addEventListener('change', () => showParts(newForm));
newForm.addEventListener('submit', (event) => {
  event.preventDefault();
  once(newForm, async () => {
    clearErrors(newForm);
    if (!checkLocally(newForm)) return;
    const base = { title: '', due_date: '', recurrence: 'none', recurrence_rule: '', priority: '', tags: '', reminder_offset: '' };
    const body = { ...changes(readFields(newForm), base), time_zone: ZONE };
    const text = JSON.stringify(body);
    if (attempt.body !== text) attempt = { body: text, key: randomKey() };
    let task;
    try {
      task = (await api('/api/tasks', { method: 'POST', body, headers: { 'Idempotency-Key': attempt.key } })).data;
    } catch (error) {
      showProblem(newForm, error);
      return;
    }
    attempt = { body: '', key: '' };
    newForm.reset();
    showParts(newForm);
    $('new-title').focus();
    await list.refresh();
    toast(`Added “${task.title}”.${list.has(task.id) || !filters.any() ? '' : ' The filters may hide it.'}`);
    loadTags();
  });
});

// ---------------------------------------------------------------- filters

const filters = {
  any() {
    return Boolean($('search').value.trim() || $('status').value !== 'pending' || $('due').value || $('priority').value || $('tag').value);
  },
  clear() {
    $('search').value = '';
    $('status').value = 'pending';
    for (const id of ['due', 'priority', 'tag']) $(id).value = '';
  },
  /** The filters as the search takes them. */
  read() {
    const read = {};
    if ($('status').value) read.status = $('status').value;
    if ($('priority').value) read.priority = $('priority').value;
    if ($('tag').value) read.tags = [$('tag').value];
    switch ($('due').value) {
      case 'overdue':
        read.due_before = new Date().toISOString();
        break;
      case 'today':
        read.due_after = startOfDay().toISOString();
        read.due_before = startOfDay(1).toISOString();
        break;
      case 'week':
        read.due_after = startOfDay().toISOString();
        read.due_before = startOfDay(7).toISOString();
        break;
      default:
    }
    return read;
  },
};

/** One page of what the filters ask for. */
async function fetchTasks(offset, limit, signal) {
  const query = $('search').value.trim();
  const asked = filters.read();
  const sort = $('sort').value ? { sort_by: $('sort').value } : {};
  if (query) {
    const { data } = await api('/api/tasks/search', { method: 'POST', body: { query, filters: asked, ...sort, limit, offset }, signal });
    return { tasks: data.results, total: data.total_count };
  }
  const { tags, ...rest } = asked;
  const params = new URLSearchParams({ ...rest, ...sort, limit, offset });
  if (tags) params.set('tags', tags.join(','));
  const { data, headers } = await api(`/api/tasks?${params}`, { signal });
  return { tasks: data, total: Number(headers.get('X-Total-Count') ?? data.length) };
}

let tagsWanted = false;

async function loadTags() {
  const select = $('tag');
  // Its options do not change under somebody's hands.
  if (document.activeElement === select) { tagsWanted = true; return; }
  tagsWanted = false;
  let tags;
  try { tags = (await api('/api/tags')).data; } catch { return; }
  const chosen = select.value;
  if (chosen && !tags.some(({ tag }) => tag === chosen)) tags.push({ tag: chosen, count: 0 });
  select.replaceChildren(h('option', { value: '', textContent: 'any' }), ...tags.map(({ tag, count }) => h('option', { value: tag, textContent: `${tag} (${count})` })));
  select.value = chosen;
}
$('tag').addEventListener('blur', () => { if (tagsWanted) loadTags(); });

function filterByTag(tag) {
  const select = $('tag');
  if (![...select.options].some((option) => option.value === tag)) select.append(h('option', { value: tag, textContent: tag }));
  select.value = tag;
  list.load();
  select.focus();
}

// ---------------------------------------------------------------- the list

const RECURS = { daily: 'every day', weekly: 'every week', monthly: 'every month' };

/** The small print of a task, as [key, text, make]: what has not changed stays in place. */
function metaOf(task) {
  const items = [];
  const text = (key, content, className = '') => items.push([`${key}:${className}:${content}`, () => h('li', { className, textContent: content, 'data-testid': `task-${key}` })]);
  if (task.due_date) {
    const late = isOverdue(task);
    const label = `${late ? 'overdue: ' : 'due '}${when(task.due_date)}`;
    items.push([`due:${label}`, () => h('li', { className: late ? 'due-late' : '', 'data-testid': late ? 'task-overdue' : 'task-due' }, timeElement(task.due_date, label))]);
  }
  if (task.recurrence !== 'none') {
    const zone = task.time_zone === ZONE ? '' : `, ${task.time_zone}`;
    text('recurrence', `↻ ${task.recurrence === 'custom' ? task.recurrence_rule : RECURS[task.recurrence]}${task.recurrence_from === 'completion' ? ' after completion' : ''}${zone}`);
  }
  if (task.reminder_offset && task.status === 'pending') {
    text('reminder', /^0 /.test(task.reminder_offset) ? 'reminder when due' : `reminder ${task.reminder_offset} before`);
  }
  if (task.priority !== 'medium') text('priority', `${task.priority} priority`, task.priority === 'high' ? 'high' : '');
  if (task.completed_at) text('completed', `completed ${when(task.completed_at)}`);
  for (const tag of task.tags) {
    items.push([`tag:${tag}`, () => h('li', {}, h('button', { type: 'button', className: 'tag', textContent: `#${tag}`, 'aria-label': `Show tasks tagged ${tag}`, onclick: () => filterByTag(tag) }))]);
  }
  return items;
}

/** Makes `parent` have these children in this order, moving as few as it can; `moveBefore` keeps the focus where there is one. */
function arrange(parent, wanted) {
  const active = document.activeElement;
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const child of wanted) {
    if (child === at) { at = at.nextElementSibling; continue; }
    // One that has left its place for a later one: let it go there, rather than moving all that follow.
    if (at && at.nextElementSibling === child && !at.contains(active)) {
      const leaving = at;
      at = child.nextElementSibling;
      parent.append(leaving);
      continue;
    }
    if (parent.moveBefore && child.parentElement === parent) parent.moveBefore(child, at); else parent.insertBefore(child, at);
  }
  // The shortcut above may have put some at the end: a second pass sets what is left right.
  wanted.forEach((child, index) => { if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null); });
  if (active && active !== document.activeElement && active.isConnected && parent.contains(active)) active.focus({ preventScroll: true });
}

const list = {
  rows: new Map(),
  tasks: [],
  total: 0,
  loaded: false,
  flight: null,
  dirty: false,
  timer: null,

  has(id) { return this.rows.has(id); },

  /** From the first page, because somebody asked for something else; an answer under way is stale and dropped. */
  load() { return this.fetch(async (signal) => fetchTasks(0, PAGE, signal)); },

  /** The same pages again: what changed appears, and focus and scroll stay. */
  refresh() {
    return this.fetch(async (signal) => {
      // Whoever has loaded all of them goes on seeing all of them.
      const shown = this.tasks.length;
      const wanted = shown >= this.total ? PAGE * Math.ceil((shown + 1) / PAGE) : Math.max(PAGE, shown);
      let tasks = [];
      let total = 0;
      while (tasks.length < wanted) {
        const page = await fetchTasks(tasks.length, Math.min(PAGE_MAX, wanted - tasks.length), signal);
        tasks = tasks.concat(page.tasks);
        total = page.total;
        if (page.tasks.length === 0 || tasks.length >= total) break;
      }
      return { tasks, total };
    });
  },

  more() {
    return this.fetch(async (signal) => {
      const { tasks, total } = await fetchTasks(this.tasks.length, PAGE, signal);
      return { tasks: this.tasks.concat(tasks), total, grown: true };
    });
  },

  async fetch(ask) {
    this.flight?.abort();
    const flight = this.flight = new AbortController();
    $('list').setAttribute('aria-busy', 'true');
    try {
      const answer = await ask(flight.signal);
      if (this.flight !== flight) return;
      const before = this.tasks.length;
      const seen = new Set();
      this.tasks = answer.tasks.filter(({ id }) => !seen.has(id) && seen.add(id));
      this.total = answer.total;
      this.loaded = true;
      $('trouble').hidden = true;
      this.render();
      if (answer.grown && $('more').hidden) this.rows.get(this.tasks[before]?.id)?.focus({ preventScroll: true });
    } catch (error) {
      if (this.flight !== flight || error.name === 'AbortError') return;
      if (!(error instanceof ApiError)) console.error(error);
      setText($('trouble').querySelector('span'), `The tasks could not be loaded. ${error.message}`);
      $('trouble').hidden = false;
      $('empty').hidden = true;
    } finally {
      if (this.flight === flight) {
        this.flight = null;
        $('list').setAttribute('aria-busy', 'false');
        if (this.dirty) { this.dirty = false; this.soon(); }
      }
    }
  },

  /** A refresh in a moment: many changes at once make one, and none starves. */
  soon() {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.flight) { this.dirty = true; return; }
      this.refresh();
      loadTags();
    }, 200);
  },

  render() {
    const host = $('list');
    const active = document.activeElement;
    const lost = active?.closest?.('.task');
    const neighbours = lost ? [...host.children] : [];
    const rows = this.tasks.map((task) => {
      const row = this.rows.get(task.id) ?? makeRow(task.id);
      updateRow(row, task);
      return row;
    });
    this.rows = new Map(rows.map((row) => [row.task.id, row]));
    arrange(host, rows);
    // Whoever stood on a row that is gone stands on the one that took its place.
    if (lost && !lost.isConnected) {
      const at = neighbours.indexOf(lost);
      const next = neighbours.slice(at + 1).find((row) => row.isConnected) ?? neighbours.slice(0, at).reverse().find((row) => row.isConnected);
      (next ?? host).focus({ preventScroll: true });
    }
    const shown = this.tasks.length;
    setText($('count'), this.total === 0 ? '' : shown < this.total ? `${shown} of ${this.total}` : `${this.total}`);
    $('more').hidden = shown >= this.total;
    $('clear').hidden = !filters.any();
    $('empty').hidden = this.total > 0;
    if (this.total === 0) setText($('empty'), filters.any() ? 'No task matches.' : 'Nothing to do. Add a task above.');
  },

  /** Shows what the service answered, before the list is loaded again. */
  replace(task) {
    const at = this.tasks.findIndex(({ id }) => id === task.id);
    if (at < 0) return;
    this.tasks[at] = task;
    updateRow(this.rows.get(task.id), task);
  },
};

function makeRow(id) {
  const row = $('task-template').content.firstElementChild.cloneNode(true);
  row.dataset.id = id;
  row.querySelector('.name').id = `task-${id}`;
  return row;
}

function updateRow(row, task) {
  const metaKey = JSON.stringify([metaOf(task).map(([key]) => key)]);
  if (row.task?.version === task.version && row.metaKey === metaKey && row.task.status === task.status) { row.task = task; return; }
  row.task = task;
  row.metaKey = metaKey;
  const done = task.status === 'completed';
  row.classList.toggle('done', done);
  row.dataset.status = task.status;
  setText(row.querySelector('.name'), task.title);
  const check = row.querySelector('.check');
  if (!check.dataset.busy) check.checked = done;
  check.setAttribute('aria-label', `Completed: ${task.title}`);
  for (const button of row.querySelectorAll('[data-do]')) button.setAttribute('aria-label', `${button.textContent}: ${task.title}`);
  const about = row.querySelector('.about');
  setText(about, task.description.slice(0, 300));
  about.hidden = !task.description;
  const meta = row.querySelector('.meta');
  const old = new Map([...meta.children].map((item) => [item.key, item]));
  arrange(meta, metaOf(task).map(([key, make]) => {
    const item = old.get(key) ?? make();
    item.key = key;
    return item;
  }));
}

async function setDone(task, done, check) {
  if (check) check.dataset.busy = 'yes';
  try {
    const { data } = await api(`/api/tasks/${task.id}/${done ? 'complete' : 'reopen'}`, { method: 'POST' });
    if (check) delete check.dataset.busy;
    list.replace(data);
    const undo = { label: 'Undo', run: () => setDone(data, !done) };
    toast(`${done ? 'Completed' : 'Reopened'} “${data.title}”.`, { action: done ? undo : undefined, seconds: 10 });
    // The next occurrence is made a moment later; the WebSocket tells of it, and without one we look.
    if (data.recurrence !== 'none' && !socket.isLive()) setTimeout(() => list.soon(), 1500);
  } catch (error) {
    if (check) { delete check.dataset.busy; check.checked = !done; }
    toastError(error, `“${task.title}” could not be ${done ? 'completed' : 'reopened'}`);
  }
  list.soon();
}

$('list').addEventListener('change', (event) => {
  const check = event.target.closest('.check');
  if (!check) return;
  const { task } = check.closest('.task');
  if (check.dataset.busy) { check.checked = !check.checked; return; }
  setDone(task, check.checked, check);
});

$('list').addEventListener('click', (event) => {
  const button = event.target.closest('[data-do]');
  if (!button) return;
  const { task } = button.closest('.task');
  if (button.dataset.do === 'edit') openEdit(task.id);
  if (button.dataset.do === 'audit') openAudit(task);
  if (button.dataset.do === 'delete') openDelete(task);
});

$('more').addEventListener('click', () => list.more());
$('trouble').querySelector('button').addEventListener('click', () => { list.refresh(); loadTags(); });
$('clear').addEventListener('click', () => { filters.clear(); list.load(); $('search').focus(); });

let typing;
$('search').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => list.load(), 200);
});
$('filters').addEventListener('submit', (event) => {
  event.preventDefault();
  clearTimeout(typing);
  list.load();
});
$('filters').addEventListener('change', (event) => {
  if (event.target === $('search')) return;
  // Only what is open can be overdue.
  if (event.target === $('due') && $('due').value === 'overdue') $('status').value = 'pending';
  if (event.target === $('status') && $('status').value !== 'pending' && $('due').value === 'overdue') $('due').value = '';
  list.load();
});

// Time passes: what becomes overdue shows it.
setInterval(() => { for (const row of list.rows.values()) updateRow(row, row.task); }, 30_000);

// ---------------------------------------------------------------- editing

const editForm = $('edit').querySelector('form');
const editNotice = $('edit').querySelector('.notice');
/** The task under edit: what the form showed at first, and the ETag that goes with it. */
let editing = null;

async function fetchTask(id) {
  const { data, headers } = await api(`/api/tasks/${id}`);
  return { task: data, etag: headers.get('ETag') ?? `"${data.version}"` };
}

function setZones(task) {
  const zones = [...new Set([task.time_zone, ZONE])];
  editForm.elements.time_zone.replaceChildren(...zones.map((zone) => h('option', { value: zone, textContent: zone === ZONE ? `${zone} (this browser)` : zone })));
  editForm.querySelector('[data-when-zones]').hidden = zones.length < 2;
}

async function openEdit(id) {
  let found;
  try { found = await fetchTask(id); } catch (error) { toastError(error, 'The task could not be opened'); list.soon(); return; }
  const fields = toFields(found.task);
  editing = { id, etag: found.etag, version: found.task.version, base: fields };
  clearErrors(editForm);
  editNotice.hidden = true;
  setZones(found.task);
  for (const [name, value] of Object.entries(fields)) editForm.elements[name].value = value;
  // A task of another kind than this page knows still opens; a select that has no such option stays empty and unchanged.
  editing.base = { ...fields, ...readFields(editForm) };
  showParts(editForm);
  openDialog($('edit'));
}

/** Takes in a newer version: fields that nobody touched here follow it, the others keep what was typed and say what it became elsewhere. */
function rebase({ task, etag }) {
  const theirs = toFields(task);
  const mine = readFields(editForm);
  const before = editing.base;
  setZones(task);
  clearErrors(editForm);
  for (const [name, value] of Object.entries(theirs)) {
    const input = editForm.elements[name];
    if (mine[name] === before[name]) input.value = value;
    else {
      input.value = mine[name];
      if (value !== before[name] && value !== mine[name]) fieldError(input, `elsewhere this became: ${value || '(empty)'}`, 'field-note');
    }
  }
  editing = { id: task.id, etag, version: task.version, base: theirs };
  showParts(editForm);
}

function editSays(text) {
  editNotice.textContent = text;
  editNotice.hidden = false;
}

editForm.addEventListener('change', () => showParts(editForm));
editForm.addEventListener('submit', (event) => {
  event.preventDefault();
  once(editForm, async () => {
    const { id } = editing;
    clearErrors(editForm);
    editNotice.hidden = true;
    if (!checkLocally(editForm)) return;
    const body = changes(readFields(editForm), editing.base);
    if (Object.keys(body).length === 0) { $('edit').close(); return; }
    try {
      const { data } = await api(`/api/tasks/${id}`, { method: 'PUT', body, headers: { 'If-Match': editing.etag } });
      list.replace(data);
      editing = null;
      $('edit').close();
      toast(`Saved “${data.title}”.`);
      list.soon();
    } catch (error) {
      if (error.status !== 412) { showProblem(editForm, error); return; }
      try {
        rebase(await fetchTask(id));
        editSays('Not saved: this task was changed elsewhere in the meantime. The current version has been loaded; what you changed is still here. Check it and save again.');
        list.soon();
      } catch (again) {
        editSays('Not saved: this task was changed elsewhere in the meantime.');
        showProblem(editForm, again);
      }
    }
  });
});
$('edit').addEventListener('close', () => { editing = null; });

function changedElsewhere(frame) {
  if (!editing || frame.task_id !== editing.id || editForm.dataset.busy) return;
  const version = frame.update_data?.version;
  if (typeof version === 'number' && version <= editing.version) return;
  editSays(frame.event_type === 'task.deleted'
    ? 'This task was deleted elsewhere.'
    : 'This task has just been changed elsewhere. If you save, the two are put side by side first.');
}

// ---------------------------------------------------------------- deleting

let deleting = null;

function openDelete(task) {
  deleting = task;
  const chain = task.recurrence !== 'none' && task.status === 'pending' ? ' It will not come back either: the next occurrence is made when this one is completed.' : '';
  setText($('delete-text'), `“${task.title}” will be gone for good.${chain}`);
  openDialog($('delete'));
}

$('delete').querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const task = deleting;
  once(event.target, async () => {
    try {
      await api(`/api/tasks/${task.id}`, { method: 'DELETE' });
    } catch (error) {
      if (error.status !== 404) { toastError(error, `“${task.title}” could not be deleted`); $('delete').close(); list.soon(); return; }
    }
    $('delete').close();
    toast(`Deleted “${task.title}”.`);
    list.tasks = list.tasks.filter(({ id }) => id !== task.id);
    list.total = Math.max(0, list.total - 1);
    list.render();
    list.soon();
  });
});

// ---------------------------------------------------------------- history

const HAPPENED = {
  'task.created': 'Created', 'task.updated': 'Changed', 'task.completed': 'Completed', 'task.deleted': 'Deleted',
  'reminder.scheduled': 'Reminder scheduled', 'reminder.triggered': 'Reminder due', 'reminder.sent': 'Reminder sent',
  'reminder.failed': 'Reminder failed', 'reminder.cancelled': 'Reminder cancelled',
};
let auditing = null;

function auditItem(entry, task) {
  const data = entry.event_data?.data ?? entry.event_data ?? {};
  const notes = [];
  if (data.task_data?.due_date) notes.push(`due ${when(data.task_data.due_date)}`);
  if (data.scheduled_at) notes.push(`for ${when(data.scheduled_at)}`);
  if (data.task_data?.version) notes.push(`version ${data.task_data.version}`);
  const other = entry.task_id === task.id ? '' : ` (occurrence ${entry.task_id})`;
  return h('li', { 'data-testid': 'audit-entry' },
    h('p', {}, h('strong', { textContent: `${HAPPENED[entry.event_type] ?? entry.event_type}${other}` }), ' ', h('span', { className: 'muted' }, timeElement(entry.created_at), notes.length ? ` · ${notes.join(' · ')}` : '')),
    h('details', {}, h('summary', { textContent: 'Event' }), h('pre', { textContent: JSON.stringify(entry.event_data, null, 2), tabIndex: 0 })));
}

async function auditPage() {
  const run = auditing;
  setText($('audit-state'), 'Loading…');
  $('audit-more').hidden = true;
  try {
    const params = new URLSearchParams({ task_id: run.task.id, chain: 'true', limit: PAGE, offset: run.offset });
    const { data } = await api(`/api/audit?${params}`);
    if (auditing !== run) return;
    run.offset += data.length;
    $('audit-list').append(...data.map((entry) => auditItem(entry, run.task)));
    setText($('audit-state'), run.offset ? '' : 'Nothing recorded yet.');
    $('audit-more').hidden = data.length < PAGE;
  } catch (error) {
    if (auditing !== run) return;
    setText($('audit-state'), `The history could not be loaded. ${error.message}`);
    $('audit-more').hidden = false;
  }
}

function openAudit(task) {
  auditing = { task, offset: 0 };
  setText($('audit-heading'), `History of “${task.title}”`);
  $('audit-list').replaceChildren();
  openDialog($('audit'));
  auditPage();
}
$('audit-more').addEventListener('click', auditPage);
$('audit').addEventListener('close', () => { auditing = null; });

// ---------------------------------------------------------------- notifications

const notices = {
  all: new Map(),
  lastId: null,

  /** True if it was not known. */
  add(notice) {
    const isNew = !this.all.has(notice.id);
    this.all.set(notice.id, { read_at: null, ...this.all.get(notice.id), ...notice });
    this.lastId = Math.max(this.lastId ?? 0, notice.id);
    return isNew;
  },

  /** All that there are; answers may come in pages. Those that came since the last look are told. */
  async load() {
    const isFirst = this.lastId === null;
    let path = '/api/notifications';
    for (let page = 0; page < 20; page += 1) {
      const { data } = await api(path);
      const fresh = data.filter((notice) => this.add(notice));
      if (!isFirst) for (const notice of fresh) if (!notice.read_at) this.tell(notice);
      this.lastId ??= 0;
      if (fresh.length === 0) break;
      path = `/api/notifications?after=${this.lastId}`;
    }
    this.render();
  },

  tell(notice) {
    toast(notice.body, { title: notice.title, urgent: true, sticky: true, action: { label: 'Open', run: () => this.open(notice.id) } });
  },

  async open(id) {
    const notice = this.all.get(id);
    this.read(id);
    if ($('panel').matches(':popover-open')) $('panel').hidePopover();
    if (notice?.task_id) await openEdit(notice.task_id);
  },

  async read(id) {
    const notice = this.all.get(id);
    if (!notice || notice.read_at) return;
    notice.read_at = new Date().toISOString();
    this.render();
    try {
      await api(`/api/notifications/${id}/read`, { method: 'POST' });
    } catch (error) {
      if (error.status === 404) return;
      notice.read_at = null;
      this.render();
      toastError(error, 'The notification could not be marked as read');
    }
  },

  render() {
    const sorted = [...this.all.values()].sort((a, b) => b.id - a.id);
    const unread = sorted.filter((notice) => !notice.read_at).length;
    $('unread').hidden = unread === 0;
    setText($('unread'), unread > 99 ? '99+' : String(unread));
    $('bell').setAttribute('aria-label', unread ? `Notifications, ${unread} unread` : 'Notifications');
    $('read-all').hidden = unread === 0;
    $('no-notices').hidden = sorted.length > 0;
    document.title = unread ? `(${unread}) Taskflow` : 'Taskflow';
    const host = $('notices');
    const old = new Map([...host.children].map((item) => [item.key, item]));
    const focused = host.contains(document.activeElement) ? document.activeElement.closest('li') : null;
    arrange(host, sorted.slice(0, 200).map((notice) => {
      const key = `${notice.id}:${notice.read_at ? 'read' : 'unread'}`;
      const item = old.get(key) ?? this.item(notice);
      item.key = key;
      return item;
    }));
    if (focused && !focused.isConnected) (host.querySelector(`[data-id="${CSS.escape(focused.dataset.id)}"] button`) ?? $('bell')).focus();
  },

  item(notice) {
    const unread = !notice.read_at;
    return h('li', { className: unread ? 'notification unread' : 'notification', 'data-testid': 'notification', 'data-id': notice.id, 'data-read': String(!unread) },
      h('p', { className: 'name wrap', textContent: notice.title }),
      notice.body ? h('p', { className: 'muted wrap', textContent: notice.body }) : null,
      h('div', { className: 'row' },
        h('span', { className: 'muted grow' }, unread ? h('span', { className: 'sr', textContent: 'unread, ' }) : null, timeElement(notice.created_at)),
        h('button', { type: 'button', className: 'quiet small', textContent: 'Open', 'aria-label': `Open: ${notice.title}`, onclick: () => this.open(notice.id) }),
        unread ? h('button', { type: 'button', className: 'quiet small', textContent: 'Mark read', 'data-testid': 'mark-read', 'aria-label': `Mark read: ${notice.title}`, onclick: () => this.read(notice.id) }) : null));
  },
};

$('read-all').addEventListener('click', async () => {
  for (const notice of [...notices.all.values()]) if (!notice.read_at) await notices.read(notice.id);
});

// ---------------------------------------------------------------- the WebSocket

function base64url(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

const socket = {
  ws: null,
  tries: 0,
  hasBeenLive: false,
  needsToken: false,
  retry: null,
  ping: null,
  pong: null,
  run: 0,

  isLive() { return this.ws?.readyState === WebSocket.OPEN; },

  show(state, text) {
    $('connection').dataset.state = state;
    setText($('connection'), text);
  },

  stop() {
    this.run += 1;
    clearTimeout(this.retry);
    clearInterval(this.ping);
    clearTimeout(this.pong);
    this.pong = null;
    const { ws } = this;
    this.ws = null;
    if (ws) { ws.onopen = ws.onclose = ws.onmessage = null; ws.close(); }
  },

  restart() {
    this.tries = 0;
    this.connect();
  },

  async connect() {
    this.stop();
    const { run } = this;
    this.needsToken = false;
    this.show('connecting', 'Connecting…');
    try {
      // A socket cannot say why it was refused; this call can, and it asks for the token if that is why.
      await notices.load();
    } catch (error) {
      if (run !== this.run) return;
      if (error.status === 401) { this.needsToken = true; this.show('offline', 'Access token needed'); return; }
      // A service without notifications may still have a socket: try it.
      if (error.status === 0) { this.later(); return; }
    }
    if (run !== this.run) return;
    const url = new URL('/ws/notifications', location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    if (notices.lastId !== null) url.searchParams.set('after', notices.lastId);
    let ws;
    try { ws = new WebSocket(url, token ? ['taskflow', `bearer.${base64url(token)}`] : ['taskflow']); } catch { this.later(); return; }
    this.ws = ws;
    ws.onopen = () => this.opened();
    ws.onclose = () => this.later();
    ws.onmessage = ({ data }) => this.received(data);
  },

  opened() {
    this.show('live', 'Live');
    // What changed while nobody listened, the list has to ask for.
    if (this.hasBeenLive || !$('trouble').hidden) list.soon();
    this.hasBeenLive = true;
    this.ping = setInterval(() => {
      this.ws.send('{"type":"ping"}');
      this.pong ??= setTimeout(() => this.later(), PONG_WITHIN);
    }, PING_EVERY);
  },

  /** Tries again, each time after a longer while, and not all pages at the same moment. */
  later() {
    this.stop();
    const wait = Math.min(BACKOFF_MAX, 500 * 2 ** Math.min(this.tries, 10)) * (0.5 + Math.random() / 2);
    this.tries += 1;
    this.show('offline', navigator.onLine === false ? 'Offline' : 'Disconnected, trying again…');
    this.retry = setTimeout(() => this.connect(), wait);
  },

  received(text) {
    clearTimeout(this.pong);
    this.pong = null;
    let frame;
    try { frame = JSON.parse(text); } catch { return; }
    // A connection that carries something is a good one; one that only opens and closes keeps its backoff.
    this.tries = 0;
    if (frame.type === 'notification') {
      const { type, ...notice } = frame;
      if (notices.add(notice)) notices.tell(notice);
      notices.render();
    } else if (frame.type === 'update') {
      changedElsewhere(frame);
      list.soon();
    }
  },
};

addEventListener('online', () => socket.restart());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState !== 'visible') return;
  if (!socket.isLive() && !tokenAnswer) socket.restart();
  else if (socket.isLive()) notices.load().catch(() => {});
  list.soon();
});
addEventListener('storage', (event) => {
  if (event.key !== TOKEN_KEY) return;
  token = event.newValue ?? '';
  socket.restart();
});

// ---------------------------------------------------------------- keys

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector('dialog[open]') || event.target.closest?.('input:not([type="checkbox"]), textarea, select, [contenteditable]')) return;
  const target = { '/': $('search'), n: $('new-title') }[event.key];
  if (!target) return;
  event.preventDefault();
  target.focus();
  target.select?.();
});

// ---------------------------------------------------------------- start

showParts(newForm);
list.load();
loadTags();
socket.connect();
