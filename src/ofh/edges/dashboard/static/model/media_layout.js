// @ts-check
/**
 * Where each photo of a gallery is, without drawing it: days, the newest first, in each day its flights, in each flight rows
 * of cells of one size. Rows stand at known heights, so that those in sight are found by halving, however many there are.
 * What has not been read yet is room at the end. Pure.
 */
import { byTime } from "./media_item.js";

/** @typedef {import("./media_item.js").Item} Item */
/** What was taken on one day on one flight, else by one aircraft. @typedef {{ key: string, day: string, items: Item[] }} Group */
/** Pixels; `row` with the gap below it. @typedef {{ columns: number, row: number, day: number, group: number }} Sizes */
/**
 * A day's name, a group's, or cells: `from` to `to`, exclusive, in `order`. `top` and `height` in pixels.
 * @typedef {{ kind: "day" | "group" | "cells", top: number, height: number, group: Group, from: number, to: number }} Row
 */

/**
 * @param {readonly Item[]} items in any order
 * @param {(time: number) => string} dayOf a text by which days can be ordered
 * @returns {Group[]} the newest first
 */
export function grouped(items, dayOf) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const item of [...items].sort(byTime)) {
    const day = dayOf(item.time);
    const key = `${day}/${item.flight ? `flight/${item.flight.id}` : `drone/${item.drone.id}`}`;
    const group = groups.get(key);
    if (group) group.items.push(item);
    else groups.set(key, { key, day, items: [item] });
  }
  // Made in the order of their newest photos; days stay together since they are by time.
  return [...groups.values()];
}

export class Layout {
  /** Of all that is there, in the order in which it is shown. @type {Item[]} */
  order = [];
  /** @type {Row[]} */
  rows = [];
  /** Of what is known, in pixels. */
  known = 0;
  /** With the room for the rest. */
  height = 0;
  columns;
  /** @type {Map<string, number>} */
  #places = new Map();
  #each;

  /** @param {readonly Group[]} groups @param {Sizes} sizes @param {number} [rest] how many are not known yet */
  constructor(groups, { columns, row, day, group: name }, rest = 0) {
    this.columns = columns;
    let top = 0;
    let before = "";
    const put = (/** @type {Row["kind"]} */ kind, /** @type {number} */ height, /** @type {Group} */ group, from = 0, to = 0) => {
      this.rows.push({ kind, top, height, group, from, to });
      top += height;
    };
    for (const group of groups) {
      if (group.day !== before) put("day", day, group);
      before = group.day;
      put("group", name, group);
      const begin = this.order.length;
      for (const item of group.items) {
        this.#places.set(item.id, this.order.length);
        this.order.push(item);
      }
      for (let from = begin; from < this.order.length; from += columns) put("cells", row, group, from, Math.min(from + columns, this.order.length));
    }
    this.known = top;
    this.#each = this.order.length ? top / this.order.length : row / columns;
    this.height = top + Math.ceil(rest * this.#each);
  }

  /** Rows that have something between two heights: `first` to `last`, exclusive. @param {number} top @param {number} bottom */
  inSight(top, bottom) {
    const first = Math.max(0, this.#rowAt(top));
    let last = first;
    while (last < this.rows.length && /** @type {Row} */ (this.rows[last]).top < bottom) last += 1;
    return { first, last };
  }

  /** How many have to be known so that something stands down to this height. @param {number} bottom */
  needed(bottom) {
    return bottom <= this.known ? this.order.length : this.order.length + Math.ceil((bottom - this.known) / this.#each);
  }

  /** Its place in `order`; -1 of what is not there. @param {string} id */
  indexOf(id) {
    return this.#places.get(id) ?? -1;
  }

  /** The row that a stop is in: an item by its id, a group by its key; -1 of what is not there. @param {string} stop */
  rowOf(stop) {
    const index = this.indexOf(stop);
    if (index < 0) return this.rows.findIndex(({ kind, group }) => kind === "group" && group.key === stop);
    let [low, high] = [0, this.rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const { kind, from } = /** @type {Row} */ (this.rows[middle]);
      const begins = kind === "cells" ? from : this.#nextFrom(middle);
      if (begins <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Of the first item that is in sight from a height on. @param {number} top @returns {string | null} */
  firstFrom(top) {
    for (let at = Math.max(0, this.#rowAt(top)); at < this.rows.length; at += 1) {
      const { kind, from } = /** @type {Row} */ (this.rows[at]);
      if (kind === "cells") return /** @type {Item} */ (this.order[from]).id;
    }
    return null;
  }

  /**
   * Where a key leads: left and right from photo to photo, up and down from row to row, the names of groups with them.
   * @param {string} stop an item's id or a group's key
   * @param {string} key
   * @param {{ column: number, page: number }} more the column that one came from; pixels that a page has
   * @returns {string | null} null: nowhere else
   */
  step(stop, key, { column, page }) {
    const at = this.rowOf(stop);
    const row = this.rows[at];
    if (!row) return this.order[0]?.id ?? null;
    const index = row.kind === "cells" ? this.indexOf(stop) : -1;
    switch (key) {
      case "ArrowLeft":
        return this.order[index < 0 ? this.#nextFrom(at) - 1 : index - 1]?.id ?? null;
      case "ArrowRight":
        return this.order[index < 0 ? this.#nextFrom(at) : index + 1]?.id ?? null;
      case "Home":
        return this.order[0]?.id ?? null;
      case "End":
        return this.order.at(-1)?.id ?? null;
      case "ArrowUp":
        return this.#stopAt(at, -1, column);
      case "ArrowDown":
        return this.#stopAt(at, 1, column);
      case "PageUp":
      case "PageDown": {
        const way = key === "PageUp" ? -1 : 1;
        const aim = row.top + way * Math.max(row.height, page - row.height);
        let to = Math.max(0, Math.min(this.rows.length - 1, this.#rowAt(aim)));
        if (to === at) to += way;
        for (const turn of [way, -way]) {
          for (let next = to; next >= 0 && next < this.rows.length; next += turn) {
            if (/** @type {Row} */ (this.rows[next]).kind === "cells") return this.#inRow(next, column);
          }
        }
        return null;
      }
    }
    return null;
  }

  /** In which column a stop is. @param {string} stop */
  columnOf(stop) {
    const row = this.rows[this.rowOf(stop)];
    return row?.kind === "cells" ? this.indexOf(stop) - row.from : 0;
  }

  /** The next stop above or below a row. @param {number} at @param {number} way @param {number} column @returns {string | null} */
  #stopAt(at, way, column) {
    for (let next = at + way; next >= 0 && next < this.rows.length; next += way) {
      const { kind, group } = /** @type {Row} */ (this.rows[next]);
      if (kind === "group") return group.key;
      if (kind === "cells") return this.#inRow(next, column);
    }
    return null;
  }

  /** @param {number} at @param {number} column */
  #inRow(at, column) {
    const { from, to } = /** @type {Row} */ (this.rows[at]);
    return /** @type {Item} */ (this.order[Math.min(from + column, to - 1)]).id;
  }

  /** Where the first cells from a row on begin. @param {number} at */
  #nextFrom(at) {
    for (let next = at; next < this.rows.length; next += 1) {
      const { kind, from } = /** @type {Row} */ (this.rows[next]);
      if (kind === "cells") return from;
    }
    return this.order.length;
  }

  /** The row that has this height in it; the last one beyond them all, -1 if there is none. @param {number} height */
  #rowAt(height) {
    let [low, high] = [0, this.rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (/** @type {Row} */ (this.rows[middle]).top <= height) low = middle;
      else high = middle - 1;
    }
    return high < 0 ? -1 : low;
  }
}
