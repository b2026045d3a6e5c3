// @ts-check
/**
 * The gallery: days, flights and photos as a grid of which only what is in sight is drawn. One stop for Tab; arrow keys lead
 * through it, Space chooses. What one looks at stays where it is, whatever comes before it.
 */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { t } from "../../model/i18n.js";
import { grouped, Layout } from "../../model/media_layout.js";
import { dayText } from "../flights/moments.js";
import { nameOf, rowOf } from "./cells.js";

/** @typedef {import("../../model/media_item.js").Item} Item */
/** @typedef {import("../../model/media_layout.js").Group} Group */
/** @typedef {import("../../model/media_layout.js").Row} Row */

/** Drawn above and below what is in sight, and read ahead, in heights of the window. */
const AROUND = 0.5;
const AHEAD = 2;
/** After a leap of the scrollbar pictures are fetched once it rests. */
const REST_MS = 120;
const AT_TOP_PX = 4;
/** Smallest width of a cell, its gap, and the heights of names, in rem. */
const ROOMY = { cell: 11.5, gap: 0.4, day: 3.1, group: 2.5, edge: 1 };
const NARROW = { cell: 6.4, gap: 0.2, day: 2.7, group: 2.5, edge: 0.5 };
const NARROW_PX = 760;
const MOVES = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];

export class Grid {
  #context;
  #book;
  #selection;
  #chooseGroup;
  #chooseAll;
  /** Where Tab leads: an item's id or a group's key. @type {string | null} */
  #stop = null;
  /** The column that up and down keep to, and the stop to which they led last. */
  #column = 0;
  /** @type {string | null} */
  #upright = null;
  #top = 0;
  #height = 800;
  #width = 1_000;
  #rem = 14;
  /** @type {Layout} */
  #layout = new Layout([], { columns: 1, row: 1, day: 1, group: 1 });
  /** @type {Group[]} */
  #groups = [];
  /** What the layout was made of. @type {unknown[]} */
  #made = [];
  /** @type {HTMLElement | null} */
  #room = null;
  /** @type {ResizeObserver | null} */
  #observer = null;
  /** The page has to be scrolled to `#top` once it is drawn. */
  #isMoved = false;
  #wantsFocus = false;
  /** The scrollbar is being dragged: only pictures that are there already are shown. */
  #isLeaping = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #resting;
  /** Whose pictures are drawn. @type {Set<string>} */
  #drawn = new Set();
  /** Whose thumbnails could not be fetched. @type {Set<string>} */
  #broken = new Set();

  /**
   * @param {import("../../app.js").Context} context
   * @param {import("../../model/media_book.js").MediaBook} book
   * @param {import("../../model/media_selection.js").Selection} selection
   * @param {{ chooseGroup: (group: Group) => void, chooseAll: () => void }} acts
   */
  constructor(context, book, selection, { chooseGroup, chooseAll }) {
    this.#context = context;
    this.#book = book;
    this.#selection = selection;
    this.#chooseGroup = chooseGroup;
    this.#chooseAll = chooseAll;
  }

  /** @param {HTMLElement} room that scrolls */
  mounted(room) {
    this.#room = room;
    this.#observer = new ResizeObserver(() => {
      this.#measure();
      this.#context.update();
    });
    this.#observer.observe(room);
    this.#measure();
  }

  destroy() {
    this.#observer?.disconnect();
    clearTimeout(this.#resting);
  }

  /** All photos that are known, as they are shown. @type {readonly Item[]} */
  get order() {
    return this.#arranged().order;
  }

  /** @param {string} id */
  indexOf(id) {
    return this.#arranged().indexOf(id);
  }

  /** Whether nothing moves under anybody if something is put at the top. */
  get isIdle() {
    return this.#top <= AT_TOP_PX && !this.#selection.count && !this.#room?.matches(":hover, :focus-within");
  }

  /** What stands at the top of the window, where its name does not: a day and a flight. */
  get where() {
    const layout = this.#arranged();
    const { first } = layout.inSight(this.#top, this.#top);
    const row = layout.rows[first];
    if (row?.kind !== "cells" || this.#top >= layout.known) return "";
    return `${this.#context.units.day(/** @type {Item} */ (layout.order[row.from]).time)} · ${nameOf(this.#context, row.group)}`;
  }

  /** Others are listed. */
  reset() {
    [this.#top, this.#stop, this.#column, this.#isMoved] = [0, null, 0, true];
    this.#broken.clear();
  }

  /** The hub is there again: what could not be fetched is tried once more. */
  again() {
    this.#broken.clear();
    this.#context.update();
  }

  /** Lead to the newest. */
  toTop() {
    this.reset();
    this.focus(null);
  }

  /** Lead to a photo, or to where one was. @param {string | null} id */
  focus(id) {
    if (id !== null && this.indexOf(id) >= 0) this.#stop = id;
    this.#wantsFocus = true;
    this.#reveal();
    this.#context.update();
  }

  #measure() {
    const room = /** @type {HTMLElement} */ (this.#room);
    if (room.clientWidth === 0) return;
    [this.#width, this.#height] = [room.clientWidth, room.clientHeight];
    this.#rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 14;
  }

  get #sizes() {
    return this.#width < NARROW_PX ? NARROW : ROOMY;
  }

  /** The layout of what is known now; what is looked at stays where it is. */
  #arranged() {
    const { items, rest } = this.#book;
    const made = [items, rest, this.#width, this.#rem];
    if (made.every((value, index) => value === this.#made[index])) return this.#layout;
    const { cell, gap, day, group, edge } = this.#sizes;
    const rem = this.#rem;
    const width = this.#width - 2 * edge * rem;
    const columns = Math.max(2, Math.floor((width + gap * rem) / ((cell + gap) * rem)));
    const side = (width - (columns - 1) * gap * rem) / columns;
    const before = this.#layout;
    const sizes = { columns, row: Math.round(side * 0.75 + gap * rem), day: Math.round(day * rem), group: Math.round(group * rem) };
    const groups = this.#made[0] === items ? this.#groups : (this.#groups = grouped(items, dayText));
    this.#layout = new Layout(groups, sizes, rest);
    this.#made = made;
    this.#keepSight(before);
    return this.#layout;
  }

  /** @param {Layout} before */
  #keepSight(before) {
    if (this.#top <= AT_TOP_PX) return;
    const id = before.firstFrom(this.#top);
    const [was, is] = id === null ? [undefined, undefined] : [before.rows[before.rowOf(id)], this.#layout.rows[this.#layout.rowOf(id)]];
    if (!was || !is || is.top === was.top) return;
    this.#top = Math.max(0, this.#top + is.top - was.top);
    this.#isMoved = true;
  }

  render() {
    const layout = this.#arranged();
    const { first, last } = layout.inSight(this.#top - AROUND * this.#height, this.#top + (1 + AROUND) * this.#height);
    const stop = this.#currentStop(layout);
    const at = stop === null ? -1 : layout.rowOf(stop);
    /** @type {[Row, number][]} */
    const rows = layout.rows.slice(first, last).map((row, index) => [row, first + index]);
    // Where the focus is has to be there, else it would be lost.
    if (at >= 0 && (at < first || at >= last)) rows.push([/** @type {Row} */ (layout.rows[at]), at]);
    /** @type {Set<string>} */
    const drawn = new Set();
    /** @type {import("./cells.js").Sight} */
    const sight = {
      ...{ context: this.#context, selection: this.#selection, wanted: this.#book.wanted, columns: layout.columns, order: layout.order, stop },
      ...{ open: this.#book.hasMore ? (this.#groups.at(-1) ?? null) : null, focused: this.#focused, clicked: this.#clicked, ticked: this.#ticked },
      ...{ grouped: this.#chooseGroup, failed: this.#failed },
      standing: ({ id, thumbnail }) => {
        if (thumbnail === null || this.#broken.has(id)) return "none";
        if (this.#isLeaping && !this.#drawn.has(id)) return "later";
        drawn.add(id);
        return "picture";
      },
    };
    const content = repeat(
      rows,
      ([{ kind, group, from }]) => (kind === "cells" ? /** @type {Item} */ (layout.order[from]).id : `${kind} ${group.key}`),
      ([row, index]) => rowOf(sight, row, index),
    );
    queueMicrotask(this.#drawnNow);
    this.#drawn = drawn;
    return html`<div class="media-room" .style=${`height: ${layout.height}px`}>
      <div
        role="grid"
        aria-label=${t("media.grid")}
        aria-multiselectable="true"
        aria-rowcount=${this.#book.hasMore ? -1 : layout.rows.length}
        aria-colcount=${layout.columns}
        @keydown=${this.#keyed}
      >
        ${content}
      </div>
      ${this.#book.rest
        ? html`<div class="media-rest" .style=${`top: ${layout.known}px; background-size: ${100 / layout.columns}% ${this.#rowHeight(layout)}px`}></div>`
        : nothing}
    </div>`;
  }

  /** @param {Layout} layout */
  #rowHeight(layout) {
    return layout.rows.find(({ kind }) => kind === "cells")?.height ?? 100;
  }

  /** @param {Layout} layout */
  #currentStop(layout) {
    if (this.#stop !== null && layout.rowOf(this.#stop) < 0) this.#stop = null;
    return this.#stop ?? layout.order[0]?.id ?? null;
  }

  #focused = (/** @type {string} */ stop) => void (this.#stop = stop);

  #failed = (/** @type {string} */ id) => {
    this.#broken.add(id);
    this.#context.update();
  };

  /** A click opens; where something is chosen already it chooses. */
  #clicked = (/** @type {MouseEvent} */ event, /** @type {Item} */ item) => {
    if (event.shiftKey || event.ctrlKey || event.metaKey || this.#selection.count) this.#ticked(event, item);
  };

  #ticked = (/** @type {MouseEvent} */ event, /** @type {Item} */ item) => {
    event.preventDefault();
    this.#stop = item.id;
    if (event.shiftKey) this.#selection.stretch(this.#layout.order, this.#layout.indexOf(item.id));
    else this.#selection.toggle(item);
    this.#context.update();
  };

  #keyed = (/** @type {KeyboardEvent} */ event) => {
    const layout = this.#arranged();
    const stop = this.#currentStop(layout);
    if (stop === null || event.altKey) return;
    const isWith = event.ctrlKey || event.metaKey;
    if (isWith && event.key.toLowerCase() === "a") {
      event.preventDefault();
      return this.#chooseAll();
    }
    const item = this.#book.item(stop);
    if (event.key === " " && item) {
      event.preventDefault(); // a group's box is pressed by the browser
      if (event.shiftKey) this.#selection.stretch(layout.order, layout.indexOf(stop));
      else this.#selection.toggle(item);
      return this.#context.update();
    }
    if (event.key === "Escape" && this.#selection.count) {
      event.preventDefault();
      this.#selection.clear();
      return this.#context.update();
    }
    if (!MOVES.includes(event.key)) return;
    event.preventDefault();
    const isUpright = !["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key);
    if (item && this.#upright !== stop) this.#column = layout.columnOf(stop);
    const next = layout.step(stop, event.key, { column: this.#column, page: this.#height });
    if (next === null) return;
    if (event.shiftKey && layout.indexOf(next) >= 0) {
      if (this.#selection.count === 0 && item) this.#selection.begin(item.id);
      this.#selection.stretch(layout.order, layout.indexOf(next));
    }
    this.#stop = next;
    this.#upright = isUpright ? next : null;
    this.#wantsFocus = true;
    this.#reveal();
    this.#context.update();
  };

  /** Scroll so that the stop is in sight. */
  #reveal() {
    const layout = this.#arranged();
    const stop = this.#currentStop(layout);
    const row = stop === null ? undefined : layout.rows[layout.rowOf(stop)];
    if (!row) return;
    // A day's and a flight's name stay with the first row of photos below them.
    const above = layout.rows[layout.rows.indexOf(row) - 1];
    const top = above && above.kind !== "cells" ? above.top : row.top;
    if (top < this.#top) this.#top = layout.order[0]?.id === stop ? 0 : top;
    else if (row.top + row.height > this.#top + this.#height) this.#top = row.top + row.height - this.#height;
    else return;
    this.#isMoved = true;
    this.#readOn();
  }

  /** The page has just been drawn. */
  #drawnNow = () => {
    const room = this.#room;
    if (!room) return;
    if (this.#isMoved) room.scrollTop = this.#top;
    this.#isMoved = false;
    if (this.#wantsFocus) {
      const stop = this.#currentStop(this.#layout);
      const found = stop === null ? null : room.querySelector(`[data-stop="${CSS.escape(stop)}"]`);
      /** @type {HTMLElement | null} */ (found)?.focus({ preventScroll: true });
      this.#wantsFocus = found === null && this.#book.isLoading;
    }
    this.#readOn();
  };

  scrolled = () => {
    const room = /** @type {HTMLElement} */ (this.#room);
    const { scrollTop } = room;
    if (scrollTop === this.#top) return;
    if (Math.abs(scrollTop - this.#top) > this.#height) {
      this.#isLeaping = true;
      clearTimeout(this.#resting);
      this.#resting = setTimeout(() => {
        this.#isLeaping = false;
        this.#context.update();
      }, REST_MS);
    }
    this.#top = scrollTop;
    this.#readOn();
    this.#context.update();
  };

  /** Have as much read as is in sight, and a little more. */
  #readOn() {
    if (!this.#book.isKnown || !this.#book.hasMore) return;
    void this.#book.reach(this.#arranged().needed(this.#top + (1 + AHEAD) * this.#height));
  }
}
