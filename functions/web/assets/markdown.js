// Renders Markdown of answers and notes as text nodes and a fixed set of elements, so that it cannot become markup, script, or a request. Supports
// paragraphs, headings, lists, quotes, tables, code and emphasis. HTML and images stay text. Links in an answer stay text, because an answer quotes
// titles that others may have written. For the same reason, text between “ and ”, which is how an assistant names a task, stays text. Notes are the
// user's own: their links open, and their checkboxes can be ticked.

import { h } from './dom.js';

/** Maximum characters that are read as Markdown; the rest is plain text. */
const TEXT_MAX = 50_000;
/** Maximum nesting of lists and quotes, and of emphasis; deeper levels are plain text. */
const DEPTH_MAX = 6;

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:\s+(.*)|\s*)$/;
const TABLE_RULE = /^ {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/**
 * Inline elements, in order of precedence: escaped character, quotation, code, strong, emphasis, strikethrough. Each is delimited by characters that
 * it cannot contain, so that no text takes long.
 */
const PIECES = [
  /\\(?<escaped>[!-/:-@[-`{-~])/u,
  /(?<quoted>“[^“”]*”)/u,
  /(?<ticks>`+)(?<code>[^`]+)\k<ticks>(?!`)/u,
  /\*\*(?=\S)(?<strong>(?:[^*]|\*(?!\*))+?)(?<=\S)\*\*/u,
  /(?<![\p{L}\p{N}])__(?=\S)(?<strong2>(?:[^_]|_(?!_))+?)(?<=\S)__(?![\p{L}\p{N}])/u,
  /(?<!\*)\*(?=[^\s*])(?<em>[^*]+?)(?<=\S)\*/u,
  /(?<![\p{L}\p{N}_])_(?=[^\s_])(?<em2>[^_]+?)(?<=\S)_(?![\p{L}\p{N}_])/u,
  /~~(?=\S)(?<struck>[^~]+?)(?<=\S)~~/u,
].map(({ source }) => source);
/** Inline elements of notes only: links with text, and addresses. */
const LINKS = [/\[(?<words>[^\]]+)\]\((?<target>(?:https?:\/\/|mailto:)[^\s)]+)\)/u, /(?<address>https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]'])/u].map(({ source }) => source);
const INLINE = new RegExp(PIECES.join('|'), 'gu');
const INLINE_OF_NOTES = new RegExp([...LINKS, ...PIECES].join('|'), 'gu');
const BOX = /^\[([ xX])\]\s+/;

/** Ticks a checkbox of the current notes; null in an answer. @type {((box: number) => void) | null} */
let tick = null;
/** Number of checkboxes so far. */
let boxes = 0;


/** Renders a match of INLINE. @param {RegExpExecArray} match @param {number} depth @returns {Node | string} */
function piece({ groups = {} }, depth) {
  const { words, target, address } = groups;
  if (target || address) return h('a', { href: target ?? address, target: '_blank', rel: 'noopener noreferrer', textContent: words ?? address });
  const { escaped, quoted, code = '', strong = groups.strong2, em = groups.em2, struck } = groups;
  if (escaped) return escaped;
  // Isolated, because a number after a title of another direction would move before it.
  if (quoted) return h('bdi', { textContent: quoted.replace(/\\([!-/:-@[-`{-~])/g, '$1') });
  if (strong) return h('strong', {}, ...inline(strong, depth + 1));
  if (em) return h('em', {}, ...inline(em, depth + 1));
  if (struck) return h('s', {}, ...inline(struck, depth + 1));
  return h('code', { textContent: code.trim() || code });
}

/** Renders the text of a line. @param {string} text @param {number} [depth] @returns {(Node | string)[]} */
function inline(text, depth = 0) {
  if (depth > DEPTH_MAX) return [text];
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(tick ? INLINE_OF_NOTES : INLINE)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    parts.push(piece(match, depth));
    at = match.index + match[0].length;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

/** @param {string} row @returns {string[]} */
const cells = (row) =>
  row
    .trim()
    .replace(/^\||(?<!\\)\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));

/** Lines, consumed from the front. */
class Lines {
  /** @param {string[]} lines */
  constructor(lines) {
    this.lines = lines;
    this.at = 0;
  }

  get next() {
    return this.lines[this.at];
  }

  /** Consumes lines while they match. @param {(line: string) => boolean} isLike */
  while(isLike) {
    const taken = [];
    for (let line = this.next; line !== undefined && isLike(line); line = this.next) {
      taken.push(line);
      this.at += 1;
    }
    return taken;
  }
}

/** @param {string} line */
const isBlank = (line) => line.trim() === '';
/** True if a line begins a block that ends a paragraph. @param {string} line */
const isBlock = (line) => FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line);
/** @param {string} line */
const indentOf = (line) => line.length - line.trimStart().length;

/** @param {Lines} lines @param {RegExpExecArray} opening */
function fenced(lines, { 1: fence = '' }) {
  lines.at += 1;
  const closes = (/** @type {string} */ line) => line.trim().startsWith(fence) && line.trim().replaceAll(fence[0] ?? '', '') === '';
  const code = lines.while((line) => !closes(line));
  // An unfinished answer may have no closing fence yet.
  lines.at += 1;
  return h('pre', { tabIndex: 0 }, h('code', { textContent: code.join('\n') }));
}

/** @param {Lines} lines */
function table(lines) {
  const [head = '', , ...body] = lines.while((line) => line.includes('|') && !isBlank(line));
  const row = (/** @type {string} */ line, /** @type {'th' | 'td'} */ tag) => h('tr', {}, ...cells(line).map((cell) => h(tag, {}, ...inline(cell))));
  return h('div', { className: 'table', tabIndex: 0 }, h('table', {}, h('thead', {}, row(head, 'th')), h('tbody', {}, ...body.map((line) => row(line, 'td')))));
}

/** Returns the lines of one item: its first line, and the indented lines below it. @param {Lines} lines @param {RegExpExecArray} opening @param {number} depth */
function item(lines, { 1: indent = '', 2: sign = '', 3: first = '' }, depth) {
  lines.at += 1;
  const inside = indent.length + Math.min(sign.length + 1, 4);
  let wasBlank = false;
  const rest = lines.while((line) => {
    const isMore = isBlank(line) ? !wasBlank : indentOf(line) >= Math.min(inside, indent.length + 2) || (!wasBlank && !isBlock(line));
    wasBlank = isBlank(line);
    return isMore;
  });
  const least = Math.min(inside, ...rest.filter((line) => !isBlank(line) && indentOf(line) > indent.length).map(indentOf));
  const box = tick ? BOX.exec(first) : null;
  const number = boxes;
  const act = tick;
  if (box) boxes += 1;
  const words = box ? first.slice(box[0].length) : first;
  const children = blocks([words, ...rest.map((line) => line.slice(Math.min(indentOf(line), least)))], depth + 1);
  const [only, ...others] = children;
  if (box) {
    const input = h('input', { type: 'checkbox', checked: box[1] !== ' ', 'aria-label': words, onchange: () => act?.(number) });
    return h('li', { className: box[1] === ' ' ? 'box' : 'box done' }, input, ...(only instanceof HTMLParagraphElement ? [h('span', {}, ...only.childNodes), ...others] : children));
  }
  // A paragraph element would only add space.
  return h('li', {}, ...(only instanceof HTMLParagraphElement ? [...only.childNodes, ...others] : children));
}

/** @param {Lines} lines @param {RegExpExecArray} opening @param {number} depth */
function list(lines, opening, depth) {
  const isOrdered = /\d/.test(opening[2] ?? '');
  const indent = indentOf(opening[0]);
  const items = [];
  for (;;) {
    const match = lines.next === undefined || RULE.test(lines.next) ? null : ITEM.exec(lines.next);
    if (!match || /\d/.test(match[2] ?? '') !== isOrdered || indentOf(match[0]) < indent) break;
    items.push(item(lines, match, depth));
  }
  if (!isOrdered) return h('ul', {}, ...items);
  return h('ol', { start: Number.parseInt(opening[2] ?? '1', 10) }, ...items);
}

/** @param {Lines} lines */
function paragraph(lines) {
  const [first = ''] = lines.lines.slice(lines.at);
  lines.at += 1;
  const text = [first, ...lines.while((line) => !isBlank(line) && !isBlock(line))];
  const parts = text.flatMap((line, at) => (at === 0 ? inline(line.trim()) : [h('br'), ...inline(line.trim())]));
  return h('p', {}, ...parts);
}

/** @param {Lines} lines @param {string} line the next one @param {number} depth @returns {HTMLElement} */
function block(lines, line, depth) {
  const fence = FENCE.exec(line);
  if (fence) return fenced(lines, fence);
  const heading = HEADING.exec(line);
  if (heading) {
    lines.at += 1;
    // The pane has a heading of its own, so headings of an answer share one lower level.
    return h('h3', {}, ...inline(heading[2] ?? ''));
  }
  if (RULE.test(line)) {
    lines.at += 1;
    return h('hr');
  }
  if (QUOTE.test(line) && depth < DEPTH_MAX) {
    return h('blockquote', {}, ...blocks(lines.while((one) => QUOTE.test(one)).map((one) => one.replace(QUOTE, '')), depth + 1));
  }
  const opening = depth < DEPTH_MAX ? ITEM.exec(line) : null;
  if (opening) return list(lines, opening, depth);
  if (line.includes('|') && TABLE_RULE.test(lines.lines[lines.at + 1] ?? '')) return table(lines);
  return paragraph(lines);
}

/** @param {string[]} text @param {number} depth @returns {HTMLElement[]} */
function blocks(text, depth) {
  const lines = new Lines(text);
  const made = [];
  // Each block consumes at least one line.
  for (lines.while(isBlank); lines.next !== undefined; lines.while(isBlank)) made.push(block(lines, lines.next, depth));
  return made;
}

/**
 * Renders notes.
 *
 * @param {string} text
 * @param {(box: number) => void} onTick ticks the checkbox with this number, from 0
 */
export function notes(text, onTick) {
  tick = onTick;
  boxes = 0;
  try {
    return markdown(text);
  } finally {
    tick = null;
  }
}

/** Returns the notes with one checkbox toggled. @param {string} text @param {number} box its number, from 0 */
export function ticked(text, box) {
  let number = -1;
  return text.replace(/^(\s*(?:[-*+]|\d{1,9}[.)])\s+\[)([ xX])(\]\s)/gm, (all, before, state, after) => {
    number += 1;
    return number === box ? `${before}${state === ' ' ? 'x' : ' '}${after}` : all;
  });
}

/**
 * Renders an answer.
 *
 * @param {string} text
 * @returns {HTMLElement[]}
 */
export function markdown(text) {
  const made = blocks(text.slice(0, TEXT_MAX).replaceAll('\t', '    ').split(/\r\n?|\n/), 0);
  if (text.length > TEXT_MAX) made.push(h('p', { textContent: text.slice(TEXT_MAX) }));
  return made;
}
