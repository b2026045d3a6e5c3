// @ts-check
/**
 * The media of a workspace as far as somebody has looked: a page at a time in the order in which they came, the last first,
 * since that is how the hub tells of them. Pages behind what is known are read one after the other, as far as `target`.
 * What comes while one looks waits in `fresh` until it is let in.
 */
import { ITEM_FIELDS, readItem } from "./media_item.js";

/** @typedef {import("./media_item.js").Item} Item */
/** Degrees. @typedef {{ west: number, south: number, east: number, north: number }} Area */
/**
 * What is listed; null: whichever. Milliseconds, the end not with it.
 * @typedef {{ droneId: string | null, flightId: string | null, type: import("./media_item.js").MediaType | null, lens: string | null,
 *   from: number | null, until: number | null, area: Area | null }} Wanted
 */
/** @typedef {(document: string, variables?: Record<string, unknown>) => Promise<any>} Query */
/** @typedef {{ items: Item[], total: number, hasMore: boolean, after: string | null }} Page */

/** @type {Readonly<Wanted>} */
export const EVERYTHING = Object.freeze({ droneId: null, flightId: null, type: null, lens: null, from: null, until: null, area: null });

const LIST = `query Media($id: ID!, $first: Int, $after: String, $filter: MediaFilter) { workspace(id: $id) {
  media(first: $first, after: $after, filter: $filter) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { ${ITEM_FIELDS} } } } } }`;
const FIRST_PAGE = 100;
const PAGE = 200;
/** So many that came meanwhile are put before what is known; of more, all is read anew. */
const CATCH_UP = 1_000;
/** Items that are asked for one by one in one request. */
const AT_ONCE = 20;

export class MediaBook {
  /** In the order in which they came, the last first. @type {Item[]} */
  items = [];
  /** Newer ones that are not let in yet. @type {Item[]} */
  fresh = [];
  /** Of all that is wanted, `fresh` included. */
  total = 0;
  hasMore = false;
  /** Whether there was an answer to what is wanted. */
  isKnown = false;
  isLoading = false;
  /** Why nothing more comes. @type {unknown} */
  fault = null;
  /** @type {Wanted} */
  wanted = { ...EVERYTHING };

  #workspaceId;
  #query;
  #changed;
  /** @type {Map<string, Item>} */
  #known = new Map();
  /** Known by other ways than by the list. @type {Map<string, Item>} */
  #others = new Map();
  /** @type {Map<string, any>} */
  #shared = new Map();
  /** @type {string | null} */
  #after = null;
  #epoch = 0;
  #target = 0;
  /** How many want all to be read, wherever somebody looks. */
  #whole = 0;
  /** @type {Promise<void> | null} */
  #reading = null;

  /** @param {string} workspaceId @param {Query} query @param {() => void} changed there is something new to show */
  constructor(workspaceId, query, changed) {
    this.#workspaceId = workspaceId;
    this.#query = query;
    this.#changed = changed;
  }

  get isFiltered() {
    return Object.values(this.wanted).some((value) => value !== null);
  }

  /** How many are still to be read. */
  get rest() {
    return this.hasMore ? Math.max(1, this.total - this.fresh.length - this.items.length) : 0;
  }

  /** List others. @param {Partial<Wanted>} wanted */
  want(wanted) {
    this.wanted = { ...EVERYTHING, ...wanted };
    this.#epoch += 1;
    [this.items, this.fresh, this.total, this.hasMore, this.isKnown, this.isLoading, this.fault] = [[], [], 0, false, false, false, null];
    [this.#after, this.#target, this.#reading] = [null, 1, null];
    for (const map of [this.#known, this.#others, this.#shared]) map.clear();
    return this.#read();
  }

  /** Read on until so many are known, or as long as nobody wants fewer. @param {number} count */
  reach(count) {
    this.#target = count;
    if (this.fault || (this.isKnown && this.items.length >= count)) return Promise.resolve();
    return this.#read();
  }

  /** Read all, also while somebody looks at the beginning. @returns {Promise<boolean>} whether all is known */
  async readAll() {
    const epoch = this.#epoch;
    this.#whole += 1;
    try {
      while (epoch === this.#epoch && this.hasMore && !this.fault) await this.#read();
    } finally {
      this.#whole -= 1;
    }
    return epoch === this.#epoch && !this.hasMore;
  }

  /** After a fault. */
  again() {
    this.fault = null;
    return this.#read();
  }

  /** One that is listed, waits, or was asked for. @param {string} id */
  item(id) {
    return this.#known.get(id) ?? this.#others.get(id) ?? this.fresh.find((item) => item.id === id);
  }

  /** @param {string} id */
  isListed(id) {
    return this.#known.has(id);
  }

  #read() {
    if (this.#reading) return this.#reading;
    const reading = this.#readOn().finally(() => {
      if (this.#reading === reading) this.#reading = null;
    });
    this.#reading = reading;
    return reading;
  }

  async #readOn() {
    const epoch = this.#epoch;
    this.isLoading = true;
    try {
      while (epoch === this.#epoch && (!this.isKnown || (this.hasMore && this.items.length < (this.#whole ? Infinity : this.#target)))) {
        const page = await this.#page(this.wanted, this.#after, this.isKnown ? PAGE : FIRST_PAGE);
        if (epoch !== this.#epoch) return;
        const waiting = new Set(this.fresh.map(({ id }) => id));
        const added = page.items.filter(({ id }) => !this.#known.has(id) && !waiting.has(id));
        this.#keep(added);
        this.items = [...this.items, ...added];
        [this.total, this.hasMore, this.#after, this.isKnown] = [page.total, page.hasMore, page.after, true];
        this.#changed();
      }
    } catch (error) {
      if (epoch === this.#epoch) this.fault = error;
    } finally {
      if (epoch === this.#epoch) {
        this.isLoading = false;
        this.#changed();
      }
    }
  }

  /**
   * Something may have come: look at the newest again. What is new waits in `fresh`; what is gone goes.
   * @returns {Promise<void>}
   */
  async renew() {
    if (!this.isKnown) return;
    const epoch = this.#epoch;
    /** @type {Item[]} */
    const found = [];
    let after = null;
    try {
      for (;;) {
        const page = await this.#page(this.wanted, after, after === null ? 50 : PAGE);
        if (epoch !== this.#epoch) return;
        found.push(...page.items);
        [this.total, after] = [page.total, page.after];
        if (!page.hasMore || page.items.some(({ id }) => this.#known.has(id))) break;
        if (found.length >= CATCH_UP) return void this.want(this.wanted);
      }
    } catch {
      return; // the next news tries again, and what is shown is true as far as it goes
    }
    const seen = new Map(found.map((item) => [item.id, item]));
    const oldest = found.at(-1)?.cameAt ?? Infinity;
    const isGone = (/** @type {Item} */ item) => item.cameAt > oldest && !seen.has(item.id);
    this.remove([...this.items, ...this.fresh].filter(isGone).map(({ id }) => id), false);
    this.#replace(found);
    this.fresh = found.filter(({ id }) => !this.#known.has(id));
    this.#changed();
  }

  /** Let in what has come. @returns {number} how many */
  admit() {
    const { fresh } = this;
    if (fresh.length === 0) return 0;
    this.#keep(fresh);
    this.items = [...fresh, ...this.items];
    this.fresh = [];
    this.#changed();
    return fresh.length;
  }

  /** Ask for some anew, of which something else is known now. @param {string[]} ids @returns {Promise<void>} */
  async refresh(ids) {
    const epoch = this.#epoch;
    for (let begin = 0; begin < ids.length; begin += AT_ONCE) {
      const some = ids.slice(begin, begin + AT_ONCE);
      const variables = Object.fromEntries(some.map((id, index) => [`id${index}`, id]));
      const wanted = some.map((_, index) => `m${index}: media(id: $id${index}) { ${ITEM_FIELDS} }`).join(" ");
      const answer = await this.#query(`query Some(${some.map((_, index) => `$id${index}: ID!`).join(", ")}) { ${wanted} }`, variables);
      if (epoch !== this.#epoch) return;
      const rows = some.map((_, index) => answer[`m${index}`]);
      this.remove(some.filter((_, index) => rows[index] === null));
      this.#replace(rows.filter(Boolean).map((row) => this.#item(row)));
    }
    this.#changed();
  }

  /**
   * All that a filter leaves, also what the list has not come to yet.
   * @param {Partial<Wanted>} wanted @param {number} [most] stop behind so many
   * @returns {Promise<Item[]>}
   */
  async all(wanted, most = Infinity) {
    /** @type {Item[]} */
    const found = [];
    const epoch = this.#epoch;
    for (let after = null; ; ) {
      const page = await this.#page({ ...EVERYTHING, ...wanted }, after, PAGE);
      found.push(...page.items.map((item) => this.#known.get(item.id) ?? item));
      if (!page.hasMore || found.length >= most || epoch !== this.#epoch) break;
      after = page.after;
    }
    for (const item of found) if (!this.#known.has(item.id)) this.#others.set(item.id, item);
    return found;
  }

  /** One that was come by otherwise, such as by its address. @param {Item} item */
  meet(item) {
    if (!this.item(item.id)) this.#others.set(item.id, item);
  }

  /** They are not there any more. @param {readonly string[]} ids @param {boolean} [isCounted] the hub's count still has them */
  remove(ids, isCounted = true) {
    const gone = new Set(ids.filter((id) => this.item(id)));
    if (gone.size === 0) return;
    const isCountedAmong = [...gone].filter((id) => this.#known.has(id) || !this.#others.has(id)).length;
    for (const id of gone) for (const map of [this.#known, this.#others]) map.delete(id);
    this.items = this.items.filter(({ id }) => !gone.has(id));
    this.fresh = this.fresh.filter(({ id }) => !gone.has(id));
    if (isCounted) this.total = Math.max(0, this.total - isCountedAmong);
    this.#changed();
  }

  /** @param {readonly Item[]} found what is known of them now */
  #replace(found) {
    const now = new Map(found.filter(({ id }) => this.item(id)).map((item) => [item.id, item]));
    if (now.size === 0) return;
    for (const [id, item] of now) for (const map of [this.#known, this.#others]) if (map.has(id)) map.set(id, item);
    this.items = this.items.map((item) => now.get(item.id) ?? item);
    this.fresh = this.fresh.map((item) => now.get(item.id) ?? item);
  }

  /** @param {readonly Item[]} items */
  #keep(items) {
    for (const item of items) {
      this.#known.set(item.id, item);
      this.#others.delete(item.id);
    }
  }

  /** @param {Wanted} wanted @param {string | null} after @param {number} first @returns {Promise<Page>} */
  async #page(wanted, after, first) {
    const { workspace } = await this.#query(LIST, { id: this.#workspaceId, first, after, filter: filterOf(wanted) });
    const { totalCount, pageInfo, edges } = workspace?.media ?? { totalCount: 0, pageInfo: {}, edges: [] };
    return {
      items: edges.map((/** @type {any} */ edge) => this.#item(edge.node)),
      total: totalCount,
      hasMore: Boolean(pageInfo.hasNextPage),
      after: pageInfo.endCursor ?? null,
    };
  }

  /** Thousands of photos are of a few aircraft and flights, which are kept once. @param {any} row */
  #item(row) {
    const item = readItem(row);
    item.drone = this.#once(`drone ${item.drone.id}`, item.drone);
    if (item.flight) item.flight = this.#once(`flight ${item.flight.id}`, item.flight);
    return item;
  }

  /** @template T @param {string} key @param {T} value @returns {T} */
  #once(key, value) {
    if (!this.#shared.has(key)) this.#shared.set(key, value);
    return this.#shared.get(key);
  }
}

/** As the API has it. @param {Wanted} wanted @returns {Record<string, unknown>} */
export function filterOf({ from, until, ...same }) {
  const found = Object.entries({
    ...same,
    from: from === null ? null : new Date(from).toISOString(),
    to: until === null ? null : new Date(until - 1).toISOString(),
  });
  return Object.fromEntries(found.filter(([, value]) => value !== null));
}
