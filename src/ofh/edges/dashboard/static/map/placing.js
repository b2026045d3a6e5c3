// @ts-check
/** Where on the screen what is: a grid to find what lies near, and the choice of labels that do not collide. Pure; CSS pixels. */

/** @typedef {{ left: number, top: number, right: number, bottom: number }} Box */
/**
 * Something on the screen: its middle, how far its symbol reaches, and how large its label would be (null: it has none),
 * which is asked only where it may come to that.
 * @typedef {object} Candidate
 * @property {string} id @property {number} x @property {number} y @property {number} reach
 * @property {(() => { width: number, height: number }) | null} size @property {number} rank the greatest come first
 */
/** @typedef {"right" | "left" | "above" | "below"} Side */
/** @type {readonly Side[]} */
const SIDES = ["right", "left", "below", "above"];
/** From this rank on a label may cover the symbols of others. */
export const INSISTENT_RANK = 4;
/** Where so many times the labels that there may be have been tried, the rest is left without. */
const TRIES = 4;
/** How far what is shown stays from the edges of a map. */
const MARGIN = 80;
/** And its middle from what lies over the map. */
const OVER = 24;
/** But it has at least this part of the map, whatever lies over the rest. */
const LEAST_PART = 0.25;

/** Boxes by the cells that they touch. */
export class Grid {
  /** @type {Map<number, { box: Box, id: string }[]>} */
  #cells = new Map();
  #size;

  /** @param {number} [size] of a cell */
  constructor(size = 64) {
    this.#size = size;
  }

  /** @param {Box} box @param {string} id */
  add(box, id) {
    this.#each(box, (key) => {
      const cell = this.#cells.get(key);
      if (cell) cell.push({ box, id });
      else this.#cells.set(key, [{ box, id }]);
      return false;
    });
  }

  /** Whether something of another id is in the way. @param {Box} box @param {string} [id] */
  hits(box, id) {
    return this.#each(box, (key) =>
      (this.#cells.get(key) ?? []).some(
        (other) =>
          other.id !== id &&
          other.box.left < box.right && box.left < other.box.right &&
          other.box.top < box.bottom && box.top < other.box.bottom,
      ),
    );
  }

  /** The id of what has its middle nearest to a point and within a distance. @param {number} x @param {number} y @param {number} within @returns {string | null} */
  nearest(x, y, within) {
    /** @type {string | null} */
    let found = null;
    let best = within;
    this.#each({ left: x - within, top: y - within, right: x + within, bottom: y + within }, (key) => {
      for (const { box, id } of this.#cells.get(key) ?? []) {
        const away = Math.hypot((box.left + box.right) / 2 - x, (box.top + box.bottom) / 2 - y);
        if (away <= best) [found, best] = [id, away]; // of two at one place the later, which is drawn above
      }
      return false;
    });
    return found;
  }

  /** @param {Box} box @param {(key: number) => boolean} visit true ends it @returns {boolean} whether one did */
  #each(box, visit) {
    const [left, right] = [Math.floor(box.left / this.#size), Math.floor(box.right / this.#size)];
    const [top, bottom] = [Math.floor(box.top / this.#size), Math.floor(box.bottom / this.#size)];
    for (let column = left; column <= right; column++)
      for (let row = top; row <= bottom; row++) if (visit(column * 65_536 + row)) return true;
    return false;
  }
}

/** @param {{ x: number, y: number, reach: number }} symbol @param {{ width: number, height: number }} size @param {Side} side @returns {Box} */
export function labelBox({ x, y, reach }, { width, height }, side) {
  const [left, top] = {
    right: [x + reach, y - height / 2],
    left: [x - reach - width, y - height / 2],
    below: [x - width / 2, y + reach],
    above: [x - width / 2, y - reach - height],
  }[side];
  return { left, top, right: left + width, bottom: top + height };
}

/**
 * Choose who has a label, and on which side: those of the highest rank first, and among equals those who have one already,
 * on the side where it is, so that labels do not jump about. None covers another, nor, short of `INSISTENT_RANK`, a symbol.
 * @param {readonly Candidate[]} candidates
 * @param {{ width: number, height: number, most: number, before?: ReadonlyMap<string, Side> }} options the screen, how
 *   many at most, and how it was
 * @returns {Map<string, Side>}
 */
export function chooseLabels(candidates, { width, height, most, before = new Map() }) {
  const symbols = new Grid();
  for (const { id, x, y, reach } of candidates) {
    const half = reach * 0.6;
    symbols.add({ left: x - half, top: y - half, right: x + half, bottom: y + half }, id);
  }
  const inOrder = candidates
    .filter(({ size, x, y }) => size !== null && x >= 0 && y >= 0 && x <= width && y <= height)
    .sort((a, b) => b.rank - a.rank || Number(before.has(b.id)) - Number(before.has(a.id)));
  const labels = new Grid();
  /** @type {Map<string, Side>} */
  const chosen = new Map();
  for (const candidate of inOrder.slice(0, TRIES * most)) {
    if (chosen.size >= most) break;
    const { id, rank } = candidate;
    const size = /** @type {NonNullable<Candidate["size"]>} */ (candidate.size)();
    const was = before.get(id);
    for (const side of was === undefined ? SIDES : [was, ...SIDES]) {
      const box = labelBox(candidate, size, side);
      if (box.left < 0 || box.top < 0 || box.right > width || box.bottom > height) continue;
      if (labels.hits(box) || (rank < INSISTENT_RANK && symbols.hits(box, id))) continue;
      labels.add(box, id);
      chosen.set(id, side);
      break;
    }
  }
  return chosen;
}

/**
 * How far from each edge of a map what it shows has to stay, so that nothing of it lies under what lies over the map: of
 * each such thing the edge counts where it takes the least.
 * @param {{ width: number, height: number }} size
 * @param {readonly Box[]} over as seen from the map's upper left corner
 * @returns {Box}
 */
export function clearOf({ width, height }, over) {
  const margin = Math.min(MARGIN, width / 5, height / 5);
  const clear = { top: margin, right: margin, bottom: margin, left: margin };
  for (const { left, top, right, bottom } of over) {
    if (right <= left || bottom <= top) continue;
    const ways = /** @type {const} */ ([["top", bottom, height], ["bottom", height - top, height], ["left", right, width], ["right", width - left, width]]);
    const [side, depth] = ways.reduce((one, other) => (other[1] / other[2] < one[1] / one[2] ? other : one));
    clear[side] = Math.max(clear[side], depth + OVER);
  }
  for (const [one, other, size] of /** @type {const} */ ([["top", "bottom", height], ["left", "right", width]])) {
    const part = ((1 - LEAST_PART) * size) / (clear[one] + clear[other]);
    if (part < 1) [clear[one], clear[other]] = [clear[one] * part, clear[other] * part];
  }
  return clear;
}
