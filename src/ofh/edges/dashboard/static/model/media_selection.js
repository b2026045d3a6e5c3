// @ts-check
/** What somebody has chosen of a gallery. Pure. */

/** @typedef {import("./media_item.js").Item} Item */
/** @typedef {import("./media_book.js").Wanted} Wanted */

export class Selection {
  /** @type {Map<string, Item>} */
  #chosen = new Map();
  /** What was chosen before a stretch is drawn from the anchor. @type {Map<string, Item>} */
  #base = new Map();
  /** Where a stretch begins. @type {string | null} */
  #anchor = null;
  /** The filter that leaves exactly what is chosen, where there is one. @type {Partial<Wanted> | null} */
  whole = null;

  get count() {
    return this.#chosen.size;
  }

  /** Bytes of all of them. */
  get bytes() {
    let sum = 0;
    for (const { size } of this.#chosen.values()) sum += size;
    return sum;
  }

  get items() {
    return [...this.#chosen.values()];
  }

  /** How many ZIPs it comes in: what no filter describes is named, of which one takes so many. @param {number} most */
  zips(most) {
    return this.whole ? 1 : Math.ceil(this.count / most);
  }

  /** @param {string} id */
  has(id) {
    return this.#chosen.has(id);
  }

  /** How many of these are chosen. @param {readonly Item[]} items @returns {"all" | "some" | "none"} */
  among(items) {
    const count = items.reduce((sum, { id }) => sum + Number(this.#chosen.has(id)), 0);
    return count === 0 ? "none" : count === items.length ? "all" : "some";
  }

  clear() {
    this.#chosen.clear();
    [this.#anchor, this.whole] = [null, null];
    this.#base = new Map();
  }

  /** One more, or one less; stretches begin there. @param {Item} item */
  toggle(item) {
    if (!this.#chosen.delete(item.id)) this.#chosen.set(item.id, item);
    this.begin(item.id);
  }

  /** Stretches begin there. @param {string} id */
  begin(id) {
    [this.#anchor, this.whole] = [id, null];
    this.#base = new Map(this.#chosen);
  }

  /** All from where the last choice was up to one, instead of what was stretched before. @param {readonly Item[]} order @param {number} to */
  stretch(order, to) {
    const anchor = order.findIndex(({ id }) => id === this.#anchor);
    const from = anchor < 0 ? to : anchor;
    if (anchor < 0) this.begin(/** @type {Item} */ (order[to]).id);
    this.whole = null;
    this.#chosen = new Map(this.#base);
    for (const item of order.slice(Math.min(from, to), Math.max(from, to) + 1)) this.#chosen.set(item.id, item);
  }

  /** All of some, or none of them. @param {readonly Item[]} items @param {boolean} isOn @param {Partial<Wanted>} [filter] that leaves exactly these */
  set(items, isOn, filter) {
    const isWhole = isOn && this.#chosen.size === 0 && filter !== undefined;
    for (const item of items) {
      if (isOn) this.#chosen.set(item.id, item);
      else this.#chosen.delete(item.id);
    }
    this.#base = new Map(this.#chosen);
    [this.#anchor, this.whole] = [items[0]?.id ?? null, isWhole ? /** @type {Partial<Wanted>} */ (filter) : null];
  }

  /** They are not there any more. @param {Iterable<string>} ids */
  drop(ids) {
    for (const id of ids) for (const map of [this.#chosen, this.#base]) map.delete(id);
  }
}
