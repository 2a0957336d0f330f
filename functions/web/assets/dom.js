// Creates and changes elements. Data enters the document as text and properties only, never as markup.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Sets listeners (`on…`), attributes (names with a dash, and `role`) and properties (all others) of an element. Skips null and undefined.
 *
 * @template {HTMLElement} E
 * @param {E} element
 * @param {Record<string, unknown>} props
 * @returns {E}
 */
function dress(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name.includes('-') || name === 'role' || name === 'for' || name === 'list') element.setAttribute(name, String(value));
    else Reflect.set(element, name, value);
  }
  return element;
}

/**
 * Creates an element with properties and children. A button submits its form only if its `type` says so.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = dress(document.createElement(tag), tag === 'button' ? { type: 'button', ...props } : props);
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Creates one of the symbols of index.html. It is decoration, so it has no name for screen readers.
 *
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * Returns the element with this id and class. index.html must have it.
 *
 * @template {Element} E
 * @param {string} id
 * @param {new () => E} type
 * @returns {E}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} #${id}.`);
  return element;
}

/**
 * Returns the first matching element inside `root`, of this class.
 *
 * @template {Element} E
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => E} type
 * @returns {E}
 */
export function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`No ${type.name} matches ${selector}.`);
  return element;
}

/** Returns a text that begins with a capital. @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * Writes only changes, so that nothing is announced or laid out twice.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Runs `act` at the end of the current task, once, however often it is requested.
 *
 * @param {() => void} act
 * @returns {() => void}
 */
export function soon(act) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    queueMicrotask(() => {
      isAsked = false;
      act();
    });
  };
}

/**
 * Shows a popover at an element, above it if there is no space below, and removes it when it closes. The browser then restores the focus.
 *
 * @param {HTMLElement} anchor
 * @param {HTMLElement} element
 */
export function openAt(anchor, element) {
  document.body.append(element);
  element.addEventListener('toggle', (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === 'closed') element.remove();
  });
  element.showPopover();
  const [at, size] = [anchor.getBoundingClientRect(), element.getBoundingClientRect()];
  const top = at.bottom + size.height + 8 < innerHeight ? at.bottom + 4 : Math.max(8, Math.min(at.top - size.height - 4, innerHeight - size.height - 8));
  element.style.setProperty('--left', `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`);
  element.style.setProperty('--top', `${top}px`);
}

let ids = 0;

/** Returns a unique id, for labels and descriptions. */
export function newId() {
  ids += 1;
  return `e${ids}`;
}

/**
 * Shows an error under a field, and announces it to screen readers; an empty text removes it.
 *
 * @param {HTMLElement} input
 * @param {string} text
 */
export function fieldError(input, text) {
  const field = input.closest('.field') ?? input.parentElement;
  if (!field) return;
  let line = field.querySelector(':scope > .field-error');
  if (!text) {
    line?.remove();
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
    return;
  }
  if (!line) {
    line = h('p', { className: 'field-error', id: newId(), role: 'alert' });
    field.append(line);
  }
  setText(line, text);
  input.setAttribute('aria-invalid', 'true');
  input.setAttribute('aria-describedby', line.id);
}
