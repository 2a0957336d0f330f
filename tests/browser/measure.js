// Response times, measured inside the browser: from a key press to the moment when its effect is painted.

/** @typedef {import('playwright-core').Page} Page */

/** Milliseconds after which a key counts as one that changed nothing: from the key press, or from the answer to its search. */
const NOTHING_AFTER = 3_000;
const NOTHING_AFTER_ANSWER = 500;

/**
 * Runs in the page before its own scripts. Records when a key was pressed, and when its effect was painted: another row or another text in the
 * list.
 */
export function watchPaints() {
  /** @type {number | null} */
  let pressed = null;
  /** @type {number[]} */
  const waits = [];
  Object.assign(window, { waits, firstPaint: null });
  let isInFrame = false;
  const afterFrame = (/** @type {(at: number) => void} */ then) => {
    // A frame's callbacks run before it is painted; a message that they post arrives afterwards.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => then(performance.now());
    port2.postMessage(null);
  };
  const painted = (/** @type {(at: number) => void} */ then) => (isInFrame ? afterFrame(then) : requestAnimationFrame(() => afterFrame(then)));
  requestAnimationFrame(function frame() {
    isInFrame = true;
    afterFrame(() => (isInFrame = false));
    if (Reflect.get(window, 'firstPaint') === null) requestAnimationFrame(frame);
  });
  const onFirst = () => {
    if (Reflect.get(window, 'firstPaint') !== null || !document.querySelector('.task[data-id]')) return;
    firsts.disconnect();
    Reflect.set(window, 'firstPaint', 0);
    painted((at) => {
      Reflect.set(window, 'firstPaint', at);
      console.debug('first tasks painted');
    });
  };
  const firsts = new MutationObserver(onFirst);
  firsts.observe(document, { childList: true, subtree: true });
  const onChange = () => {
    if (pressed === null) return;
    const start = pressed;
    pressed = null;
    painted((at) => waits.push(at - start));
  };
  addEventListener('keydown', (event) => {
    if (event.isTrusted) pressed = event.timeStamp;
  }, true);
  document.addEventListener('DOMContentLoaded', () => {
    const rows = document.querySelector('.rows');
    if (rows) new MutationObserver(onChange).observe(rows, { childList: true, characterData: true, subtree: true });
  });
}

/**
 * Presses a key and waits until its effect on the list is painted. Returns the milliseconds between, or null without an effect.
 *
 * @param {Page} page opened with `watchPaints`
 * @param {string} key
 * @returns {Promise<number | null>}
 */
export async function press(page, key) {
  const before = await page.evaluate(() => Reflect.get(window, 'waits').length);
  const isLonger = (/** @type {number} */ length) => Reflect.get(window, 'waits').length > length;
  const answered = page.waitForEvent('requestfinished', { predicate: (request) => request.url().endsWith('/api/tasks/search'), timeout: NOTHING_AFTER });
  const nothing = answered.then(() => page.waitForTimeout(NOTHING_AFTER_ANSWER)).then(() => null, () => null);
  await page.keyboard.press(key);
  const changed = page.waitForFunction(isLonger, before, { timeout: NOTHING_AFTER, polling: 5 }).catch(() => null);
  await Promise.race([changed, nothing]);
  return (await page.evaluate(isLonger, before)) ? page.evaluate(() => Reflect.get(window, 'waits').at(-1)) : null;
}

/**
 * Visits the page. Returns the milliseconds from the start to the first tasks painted. Does not query the page before that, because queries
 * would interrupt it.
 *
 * @param {Page} page with `watchPaints`
 * @param {string} url
 * @returns {Promise<number>}
 */
export async function visit(page, url) {
  const painted = page.waitForEvent('console', { predicate: (message) => message.text() === 'first tasks painted' });
  await page.goto(url);
  await painted;
  return page.evaluate(() => Reflect.get(window, 'firstPaint'));
}

/** @param {number[]} samples @param {number} share 0 to 1 */
export function percentile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

const WORDS =
  'call check order plan write read send clean fix review book buy pay meet update prepare finish start move pick print sign renew water cook wash plant paint repair measure research draft publish report project meeting garden kitchen office school doctor dentist market grocery bread butter milk coffee orange apple summer winter spring autumn morning evening birthday present letter parcel ticket train flight hotel passport insurance contract budget account statement receipt form address phone message answer question customer team teacher parent brother sister mother father friend neighbour bicycle battery charger cable printer laptop screen keyboard server backup password network window door roof floor carpet curtain lamp table chair shelf mirror picture wall corner street bridge station airport museum library theatre cinema concert gallery photograph camera album music guitar piano violin lesson practice rehearsal marathon running swimming climbing hiking mountain valley river forest island beach holiday weekend calendar'.split(
    ' ',
  );
/** Tasks that are created at once: few enough that their consequences get connections, too. */
const AT_ONCE = 4;
const DAY = 86_400_000;

/**
 * Creates many tasks of everyday words, the same ones each time. Half of them have a due date, from 100 days ago on.
 *
 * @param {import('./parts.js').Taskflow} taskflow
 * @param {number} count
 */
export async function manyTasks(taskflow, count) {
  // The minimal standard generator of Park and Miller, so that all runs are the same.
  let state = 7;
  const random = (/** @type {number} */ below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const word = () => WORDS[random(WORDS.length)] ?? '';
  const words = (/** @type {number} */ number) => Array.from({ length: number }, word).join(' ');
  const now = Date.now();
  const tasks = Array.from({ length: count }, (_, at) => ({
    title: `${words(3 + (at % 3))} ${at}`,
    description: words((at % 4) * 5),
    priority: ['low', 'medium', 'high'][random(3)],
    tags: Array.from({ length: at % 3 }, word),
    ...(at % 2 ? { due_date: new Date(now + (random(465) - 100) * DAY).toISOString() } : {}),
  }));
  const make = async () => {
    for (let task = tasks.pop(); task; task = tasks.pop()) await taskflow.call('POST', '/api/tasks', task);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, make));
  await settled(taskflow);
}

/** Waits until the events of all changes have reached their consumers. @param {import('./parts.js').Taskflow} taskflow */
export async function settled(taskflow) {
  const recorded = async () => {
    const response = await fetch(`${taskflow.url}/api/audit?limit=1`);
    return Number(response.headers.get('x-total-count'));
  };
  for (let before = -1, now = await recorded(); now !== before; ) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    now = await recorded();
  }
}
