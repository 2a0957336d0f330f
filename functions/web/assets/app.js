// Starts the page: first the list, then the rest when it is needed; handles the keys that work everywhere.

import { tasks, undo } from './actions.js';
import { token, whenTokenIsNeeded } from './api.js';
import { byId, setText } from './dom.js';
import { FilterBar } from './filter-bar.js';
import { Key, changes, hasShortcuts, keep, kept } from './kept.js';
import { QuickAdd } from './quick-add.js';
import { TaskList } from './task-list.js';
import { part, toast } from './toasts.js';
import { closeTask, go, isNarrowed, queryOf, show, view, viewChanges } from './view.js';

whenTokenIsNeeded(async (wasWrong) => (await part(() => import('./dialogs.js'))).askForToken(wasWrong));

// The list is requested first. The rest of the page is built while the answer is on its way.
let asked = questionOf();
const answered = tasks.load();
/** Resolves when the stored copy of the list is shown, if there is one. */
const shown = new Promise((resolve) => tasks.addEventListener('reset', resolve, { once: true }));

customElements.define('task-list', TaskList);
customElements.define('filter-bar', FilterBar);
customElements.define('quick-add', QuickAdd);

const list = byId('list', TaskList);
const search = byId('search', HTMLInputElement);
const detail = byId('detail', HTMLElement);
const chat = byId('chat', HTMLElement);
const chatButton = byId('chat-button', HTMLButtonElement);
/** On narrow screens, the open pane covers the list. */
const isNarrow = matchMedia('(max-width: 60rem)');
const rail = byId('rail', HTMLElement);
/** On narrow screens, the rail is a drawer. */
const isDrawer = matchMedia('(max-width: 60rem)');
const followWidth = () => {
  if (isDrawer.matches) rail.popover = 'auto';
  else rail.removeAttribute('popover');
};
isDrawer.addEventListener('change', followWidth);
followWidth();

// ---- the list follows the view

/** Leaves out the time of day: each refresh evaluates "overdue" again. */
function questionOf() {
  return JSON.stringify(queryOf(view())) + view().place;
}

function follow() {
  const now = view();
  if (document.activeElement !== search || search.value.trim() !== now.text.trim()) search.value = now.text;
  const question = questionOf();
  if (question !== asked) {
    asked = question;
    void tasks.load();
  }
  emptyButton.hidden = now.place !== 'trash';
  everywhere.hidden = !now.text.trim() || !isNarrowed(now);
  document.body.dataset.place = now.place;
  list.repaint();
  void followDetail();
}

search.addEventListener('input', () => show({ text: search.value }));
byId('search-form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  list.enter();
});

// ---- the open task

let openTask = /** @type {number | null} */ (null);

/** @param {boolean} [edit] */
async function followDetail(edit = false) {
  const { task } = view();
  if (task === openTask && !edit) return;
  const closed = openTask;
  openTask = task;
  const shown = detail.querySelector('task-detail');
  if (task === null && shown && 'leave' in shown) /** @type {import('./task-detail.js').TaskDetail} */ (shown).leave();
  detail.hidden = task === null;
  cover();
  if (task === null) {
    if (closed !== null) list.enter();
    return;
  }
  const { TaskDetail } = await part(() => import('./task-detail.js'));
  const element = detail.querySelector('task-detail');
  // A new task may have got its id meanwhile.
  if (element instanceof TaskDetail && view().task === tasks.idNow(task)) await element.open(edit);
}

// ---- the assistant

/** Opens or closes the pane. @param {boolean} isOpen */
async function setChat(isOpen) {
  chat.hidden = !isOpen;
  chatButton.setAttribute('aria-expanded', String(isOpen));
  cover();
  if (!isOpen) return null;
  const { ChatPane } = await part(() => import('./chat-pane.js'));
  const pane = chat.querySelector('chat-pane');
  return pane instanceof ChatPane ? pane : null;
}

/** @param {boolean} isOpen */
async function toggleChat(isOpen) {
  keep(Key.chat, isOpen ? 'open' : 'closed');
  const pane = await setChat(isOpen);
  if (pane) pane.enter();
  else chatButton.focus();
}

chatButton.addEventListener('click', () => void toggleChat(Boolean(chat.hidden)));
chat.querySelector('chat-pane')?.addEventListener('close', () => void toggleChat(false));

/** Covered content cannot be reached by the Tab key either. */
function cover() {
  const isCovered = isNarrow.matches && (!detail.hidden || !chat.hidden);
  for (const id of ['main', 'bar', 'rail']) byId(id, HTMLElement).inert = isCovered;
  chat.inert = isNarrow.matches && !detail.hidden;
  document.body.classList.toggle('has-detail', !detail.hidden);
  document.body.classList.toggle('has-chat', !chat.hidden);
}

isNarrow.addEventListener('change', cover);

// ---- settings, notifications, the way to the list

/** @type {any} */
let installOffer = null;
addEventListener('beforeinstallprompt', (event) => {
  event.preventDefault();
  installOffer = event;
});

/** @param {boolean} [keysFirst] */
async function openSettings(keysFirst) {
  const dialogs = await part(() => import('./dialogs.js'));
  await dialogs.openSettings(installOffer, keysFirst);
}

byId('settings', HTMLButtonElement).addEventListener('click', () => void openSettings());
byId('skip', HTMLAnchorElement).addEventListener('click', (event) => {
  // The address after the # belongs to the view.
  event.preventDefault();
  list.enter();
});

changes.addEventListener('change', (event) => {
  const { detail: key } = /** @type {CustomEvent<string>} */ (event);
  if (key === Key.token && tasks.failure !== null && token()) void tasks.load();
  if (key !== Key.theme) return;
  const theme = kept(Key.theme);
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
});

tasks.addEventListener('renamed', (event) => {
  const { from, to } = /** @type {CustomEvent<{ from: number, to: number }>} */ (event).detail;
  if (view().task !== from) return;
  openTask = to;
  show({ task: to });
});

tasks.addEventListener('gone', (event) => {
  const { detail: id } = /** @type {CustomEvent<number>} */ (event);
  if (view().task !== id) return;
  if (!tasks.isLeaving(id)) toast('The task that was open was deleted elsewhere.');
  closeTask();
});

// ---- keys

const notices = byId('notifications', HTMLElement);

/** @type {Record<string, () => void>} */
const KEYS = {
  '/': () => search.select(),
  n: () => byId('new-title', HTMLInputElement).focus(),
  c: () => void toggleChat(Boolean(chat.hidden)),
  b: () => void (notices.togglePopover() && notices.focus()),
  z: () => void (undo() || setText(byId('spoken', HTMLElement), 'There is nothing to undo.')),
  '?': () => void openSettings(true),
};

/** Places that `g` and a second key lead to. @type {Record<string, Partial<import('./view.js').View>>} */
const PLACES = { t: { place: 'today' }, u: { place: 'upcoming' }, i: { place: 'inbox' }, a: {}, d: { status: 'completed' } };
/** Time limit of the second key, in milliseconds. */
const SECOND_KEY = 1_500;
/** When `g` was pressed. */
let wentAt = -Infinity;

/** True if a key pressed here is text input. @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof Element && target.closest('input:not([type="checkbox"], [type="radio"]), textarea, select, [contenteditable]') !== null;
}

// Before the focused element handles the second key.
addEventListener('keydown', (event) => {
  const place = performance.now() - wentAt < SECOND_KEY ? PLACES[event.key] : undefined;
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && hasShortcuts() && !isTyping(event.target) && !document.querySelector('dialog[open], :popover-open');
  wentAt = event.key === 'g' && isPlain ? performance.now() : -Infinity;
  if (!place || !isPlain) return;
  event.preventDefault();
  event.stopPropagation();
  go(place);
}, true);

addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key === 'p') {
    event.preventDefault();
    return void list.print();
  }
  // Text fields have their own undo.
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key === 'z' && !isTyping(event.target) && !event.defaultPrevented) {
    event.preventDefault();
    return KEYS.z?.();
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') return escape(event);
  const act = KEYS[event.key];
  if (!act || !hasShortcuts() || isTyping(event.target)) return;
  event.preventDefault();
  act();
});

list.addEventListener('selection', () => void part(() => import('./selection-bar.js')), { once: true });

const everywhere = byId('search-all', HTMLButtonElement);
everywhere.addEventListener('click', () => {
  go({ text: view().text, status: '' });
  search.focus();
});

const emptyButton = byId('empty-trash', HTMLButtonElement);
emptyButton.addEventListener('click', async () => {
  const { confirmEmpty } = await part(() => import('./dialogs.js'));
  if (await confirmEmpty()) void tasks.load();
});

/** Closes the innermost open element. @param {KeyboardEvent} event */
function escape(event) {
  if (document.querySelector(':popover-open')) return;
  if (event.target === search && search.value) {
    show({ text: '' });
    search.value = '';
  } else if (chat.contains(/** @type {Node} */ (event.target))) void toggleChat(false);
  else if (view().task !== null) closeTask();
  else if (isTyping(event.target)) list.enter();
}

// ---- start

viewChanges.addEventListener('change', follow);
follow();
const chatChoice = kept(Key.chat);
const isChatOpen = chatChoice === 'open' || (chatChoice === null && matchMedia('(min-width: 80rem)').matches);
// Its space is reserved at once, so that nothing moves; its content follows the tasks.
chat.hidden = !isChatOpen;
cover();
delete document.documentElement.dataset.beside;
await Promise.race([answered, shown]);
await Promise.all([part(() => import('./live.js')), part(() => import('./places.js'))]);
void part(() => import('./worker.js'));
await setChat(isChatOpen);
