// @ts-check
/**
 * Which part of a long list is in sight: rows of one height, of which only those around the window are drawn. Short lists
 * are drawn whole, so that they can be searched by the browser and read in one go.
 */

const WHOLE = 200;
const AROUND = 8;

/**
 * @param {number} count of rows
 * @param {{ top: number, height: number, row: number }} window how far it is scrolled, and sizes, in pixels
 * @returns {{ first: number, last: number, before: number, after: number }} the rows to draw, `last` exclusive, and the room
 *   to leave before and after them, in pixels
 */
export function inSight(count, { top, height, row }) {
  if (count <= WHOLE) return { first: 0, last: count, before: 0, after: 0 };
  const first = Math.max(0, Math.min(count, Math.floor(top / row)) - AROUND);
  const last = Math.min(count, Math.ceil((top + height) / row) + AROUND);
  return { first, last, before: first * row, after: (count - last) * row };
}

/**
 * The rows to draw, and one that must not go, wherever it is.
 * @param {number} first @param {number} last exclusive @param {number} held the row that has the focus; -1: none has
 * @returns {number[]} in order
 */
export function withHeld(first, last, held) {
  const rows = Array.from({ length: last - first }, (_, index) => first + index);
  if (held >= 0 && held < first) rows.unshift(held);
  if (held >= last) rows.push(held);
  return rows;
}

/**
 * Arrow keys, Home and End lead through the rows of a list, which is one stop for Tab: the row that has the focus, or had it.
 * @param {KeyboardEvent} event from within the list
 * @param {number} count
 * @param {number} current the row at which one is
 * @returns {number | null} the row to go to
 */
export function rowByKey(event, count, current) {
  const to = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: count - 1, PageDown: current + 10, PageUp: current - 10 }[event.key];
  if (to === undefined || count === 0) return null;
  event.preventDefault();
  return Math.max(0, Math.min(count - 1, to));
}
