// @ts-check
/**
 * One photo or video as large as there is room, with all that is known of it and its place on the map. Arrow keys and a
 * swipe lead to the next one, Escape back to where one came from.
 */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { byTime, ITEM_FIELDS, pathOf, readItem, showing } from "../../model/media_item.js";
import { isAtLeast } from "../../model/roles.js";
import { wordsOf } from "../../ui/faults.js";
import { icon } from "../../ui/icons.js";
import { save } from "./bar.js";
import { DETAIL_FIELDS, facts, readDetails } from "./facts.js";

/** @typedef {import("../../model/media_item.js").Item} Item */
/** @typedef {import("./facts.js").Details} Details */
/** @typedef {import("./place.js").Place} Place */

const WHOLE = `query Whole($id: ID!) { media(id: $id) { ${ITEM_FIELDS} ${DETAIL_FIELDS} } }`;
const SWIPE_PX = 60;
/** So many beside one that the gallery has not come to are asked for. */
const BESIDE = 400;
/** So many details are kept. */
const KEPT = 30;
/** So near to the last one that is known more is read. */
const NEAR_END = 5;
const READ_ON = 100;

export class Full {
  #context;
  #book;
  #grid;
  #acts;
  /** @type {string | null} */
  id = null;
  /** @type {Map<string, Details>} */
  #details = new Map();
  /** Around a photo that the gallery has not come to. @type {Item[]} */
  #beside = [];
  #isGone = false;
  /** @type {unknown} */
  #fault = null;
  /** Whether the picture is there, could not be shown, or is larger than its room. */
  #isLoaded = false;
  #isBroken = false;
  #isReal = false;
  /** @type {Place | null} */
  #place = null;
  #hasAskedForPlace = false;
  #isOver = false;
  /** @type {{ x: number, y: number } | null} */
  #touched = null;
  #wantsFocus = false;

  /**
   * @param {import("../../app.js").Context} context
   * @param {import("../../model/media_book.js").MediaBook} book
   * @param {import("./grid.js").Grid} grid
   * @param {{ go: (id: string) => void, close: () => void, remove: (item: Item) => Promise<boolean> }} acts
   */
  constructor(context, book, grid, acts) {
    this.#context = context;
    this.#book = book;
    this.#grid = grid;
    this.#acts = acts;
    addEventListener("keydown", this.#keyed);
  }

  destroy() {
    this.#isOver = true;
    removeEventListener("keydown", this.#keyed);
    this.#place?.destroy();
  }

  /** @param {string | null} id of what to show; null: nothing */
  show(id) {
    if (id === this.id) return;
    this.#wantsFocus = this.id === null;
    [this.id, this.#isGone, this.#fault] = [id, false, null];
    [this.#isLoaded, this.#isBroken, this.#isReal] = [false, false, false];
    if (id === null) {
      this.#place?.destroy();
      [this.#place, this.#hasAskedForPlace, this.#beside] = [null, false, []];
      return;
    }
    void this.#load();
    void this.#readOn(id);
  }

  /** Something else may be known of it. @param {string} id */
  renew(id) {
    if (id === this.id) void this.#load(true);
    else this.#details.delete(id);
  }

  /** @param {boolean} [isAnew] also where it is known; what is shown stays until the answer has come */
  async #load(isAnew = false) {
    const id = /** @type {string} */ (this.id);
    if (this.#details.has(id) && !isAnew) void this.#tellPlace();
    else {
      try {
        const { media } = await query(WHOLE, { id });
        if (media) this.#keep(id, readDetails(media));
        if (id !== this.id) return;
        [this.#isGone, this.#fault] = [media === null, null];
        if (media) {
          const item = readItem(media);
          if (!this.#book.item(id)) this.#book.meet(item);
          if (!this.#book.isListed(id) && !this.#beside.some((other) => other.id === id)) await this.#lookAround(item);
        }
      } catch (error) {
        if (id === this.id) this.#fault = error;
      }
      if (id === this.id) void this.#tellPlace();
    }
    this.#context.update();
  }

  /** @param {string} id @param {Details} details */
  #keep(id, details) {
    this.#details.set(id, details);
    const [oldest] = this.#details.keys();
    if (this.#details.size > KEPT && oldest !== undefined) this.#details.delete(oldest);
  }

  /** What stands beside it, of its flight or its day. @param {Item} item */
  async #lookAround(item) {
    this.#beside = [item];
    const day = new Date(item.time).setHours(0, 0, 0, 0);
    const around = item.flight ? { flightId: item.flight.id } : { droneId: item.drone.id, from: day, until: day + 86_400_000 };
    const found = await this.#book.all(around, BESIDE).catch(() => []);
    if (found.some(({ id }) => id === item.id)) this.#beside = found.sort(byTime);
  }

  /** Near the end of what is known more is read. @param {string} id */
  async #readOn(id) {
    const index = this.#grid.indexOf(id);
    const known = this.#grid.order.length;
    if (index >= 0 && this.#book.hasMore && index > known - NEAR_END) await this.#book.reach(known + READ_ON);
  }

  async #tellPlace() {
    if (!this.#hasAskedForPlace) {
      this.#hasAskedForPlace = true;
      const { Place } = await import("./place.js");
      if (this.#isOver || this.id === null) return;
      this.#place ??= new Place(this.#context);
    }
    const [item, details] = [this.#item, this.#details.get(this.id ?? "")];
    if (!item || !details) return this.#place?.show(null);
    const { id, type, time, flight } = item;
    const { camera, ground } = details;
    this.#place?.show({ id, type, time, flight, camera, footprint: ground?.geoJson ?? null, hasGround: ground !== null });
    this.#context.update();
  }

  get #item() {
    return this.id === null ? undefined : this.#book.item(this.id);
  }

  /** What arrow keys lead through. @returns {{ order: readonly Item[], index: number }} */
  get #sequence() {
    const id = /** @type {string} */ (this.id);
    const index = this.#grid.indexOf(id);
    if (index >= 0) return { order: this.#grid.order, index };
    return { order: this.#beside, index: this.#beside.findIndex((item) => item.id === id) };
  }

  /** @param {number} by */
  #step(by) {
    const { order, index } = this.#sequence;
    const next = index < 0 ? undefined : order[index + by];
    if (next) this.#acts.go(next.id);
  }

  async #delete() {
    const [item, { order, index }] = [this.#item, this.#sequence];
    if (!item) return;
    const next = order[index + 1] ?? order[index - 1];
    if (!(await this.#acts.remove(item)) || this.id !== item.id) return;
    if (next && index >= 0) this.#acts.go(next.id);
    else this.#acts.close();
  }

  #keyed = (/** @type {KeyboardEvent} */ event) => {
    if (this.id === null || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (document.querySelector("dialog[open], [popover]:popover-open")) return;
    if (event.key === "Escape") return this.#acts.close();
    // A map, a video and a picture larger than its room have arrow keys of their own.
    if (event.target instanceof Element && event.target.closest("input, select, video, .media-place, .full-stage.real")) return;
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way !== undefined) {
      event.preventDefault();
      this.#step(way);
    }
    if (event.key === "Delete" && isAtLeast(this.#context.workspace, "MEMBER")) void this.#delete();
  };

  render() {
    if (this.id === null) return nothing;
    const { workspace, units } = this.#context;
    const item = this.#item;
    const details = this.#details.get(this.id);
    const { order, index } = this.#sequence;
    const n = order === this.#beside ? order.length : order.length + this.#book.rest;
    queueMicrotask(this.#drawnNow);
    return html`<section class="full" aria-label=${item?.name ?? t("media.full")} data-full=${this.id}>
      <header class="full-head">
        <button type="button" class="button quiet full-back" @click=${this.#acts.close}>${icon("back")}<span>${t("media.back")}</span></button>
        <div class="full-who">
          <h1 tabindex="-1">${item?.name ?? t("media.full")}</h1>
          <p role="status" class="count">${index >= 0 ? t("media.of", { at: units.number(index + 1), n: units.number(n) }) : nothing}</p>
        </div>
        <span class="space"></span>
        ${item && showing(item.contentType) === "picture" && !this.#isBroken
          ? html`<button type="button" class="button quiet" aria-pressed=${this.#isReal} title=${t("media.real")} aria-label=${t("media.real")} @click=${() => this.#zoom()}>${icon("zoom")}</button>`
          : nothing}
        ${item && isAtLeast(workspace, "MEMBER")
          ? html`<button type="button" class="button quiet" title=${t("media.delete")} aria-label=${t("media.delete")} @click=${() => void this.#delete()}>${icon("trash")}</button>`
          : nothing}
        ${item && details
          ? html`<button type="button" class="button" @click=${() => save(pathOf(details.url), item.name)}>${icon("download")}<span class="full-word">${t("media.download_original")}</span></button>`
          : nothing}
      </header>
      <div class="full-room">
        <div
          class="full-stage ${this.#isReal ? "real" : ""}"
          tabindex=${this.#isReal ? 0 : -1}
          role="group"
          aria-label=${t("media.picture")}
          @pointerdown=${this.#down}
          @pointerup=${this.#up}
          @pointercancel=${() => (this.#touched = null)}
        >
          ${item ? repeat([item], ({ id }) => id, () => this.#picture(item, details)) : this.#nothing()}
        </div>
        ${this.#stepper(-1, index > 0)} ${this.#stepper(1, index >= 0 && index < order.length - 1)}
      </div>
      ${this.#panel(item, details)}
    </section>`;
  }

  /** @param {1 | -1} way @param {boolean} isThere */
  #stepper(way, isThere) {
    const words = t(way < 0 ? "media.previous" : "media.next");
    return html`<button type="button" class="full-step ${way < 0 ? "left" : "right"}" ?disabled=${!isThere} aria-label=${words} title=${words} @click=${() => this.#step(way)}>
      ${icon(way < 0 ? "back" : "forward")}
    </button>`;
  }

  #nothing() {
    if (this.#isGone) return html`<p class="full-words" role="alert">${t("media.gone")}</p>`;
    if (this.#fault) {
      return html`<div class="full-words"><p role="alert">${wordsOf(this.#fault, this.#context.units)}</p>
        <p><button type="button" class="button" @click=${() => void this.#load()}>${t("again")}</button></p></div>`;
    }
    return html`<p class="full-words" role="status">${t("media.waiting")}</p>`;
  }

  /** @param {Item} item @param {Details | undefined} details */
  #picture(item, details) {
    const kind = showing(item.contentType);
    const words = `${t(`media.one_${item.type.toLowerCase()}`)} ${item.name}`;
    const small = item.thumbnail
      ? html`<img class="full-small" src=${item.thumbnail} alt=${this.#isLoaded || (kind !== "none" && !this.#isBroken) ? "" : words} />`
      : nothing;
    if (!details) return this.#fault ? this.#nothing() : small;
    const url = pathOf(details.url);
    const broken = () => {
      this.#isBroken = true;
      this.#context.update();
    };
    const loaded = () => {
      this.#isLoaded = true;
      this.#context.update();
    };
    if (kind === "video" && !this.#isBroken) {
      return html`<video class="full-video" controls playsinline preload="metadata" src=${url} poster=${item.thumbnail ?? ""} aria-label=${words} @error=${broken}></video>`;
    }
    if (kind === "picture" && !this.#isBroken) {
      return html`${this.#isLoaded ? nothing : small}
        <img class="full-picture ${this.#isLoaded ? "" : "coming"}" src=${url} alt=${words} draggable="false" @load=${loaded} @error=${broken} @dblclick=${(/** @type {MouseEvent} */ event) => this.#zoom(event)} />`;
    }
    const why = kind === "video" ? "media.unplayable" : kind === "picture" ? "media.unreadable" : small === nothing ? "media.no_picture" : "media.preview_only";
    return html`${small === nothing ? html`<span class="full-sign">${icon(item.type === "VIDEO" ? "film" : item.type === "PHOTO" ? "photo" : "file")}</span>` : small}
      <p class="full-note" role="status">${t(why)}</p>`;
  }

  /** @param {Item | undefined} item @param {Details | undefined} details */
  #panel(item, details) {
    if (!item) return nothing;
    return html`<aside class="full-panel" aria-label=${t("media.details")}>
      ${this.#place ? html`<div class="media-place">${this.#place.render()}</div>` : nothing}
      <div class="full-facts" tabindex="0" role="group" aria-label=${t("media.details")}>
        <h2>${t("media.details")}</h2>
        ${details ? facts(this.#context, item, details) : html`<p class="aside" role="status">${t("media.waiting")}</p>`}
      </div>
    </aside>`;
  }

  /** Between the whole picture, and each of its pixels as one of the screen. @param {MouseEvent} [at] what is to stay under the pointer */
  #zoom(at) {
    const stage = /** @type {HTMLElement} */ (document.querySelector(".full-stage"));
    const box = stage.querySelector(".full-picture")?.getBoundingClientRect();
    const [x, y] = box && at ? [(at.clientX - box.left) / box.width, (at.clientY - box.top) / box.height] : [0.5, 0.5];
    this.#isReal = !this.#isReal;
    this.#context.update();
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        stage.scrollTo({ left: x * stage.scrollWidth - stage.clientWidth / 2, top: y * stage.scrollHeight - stage.clientHeight / 2 });
        if (this.#isReal) stage.focus({ preventScroll: true });
      }),
    );
  }

  #down = (/** @type {PointerEvent} */ event) => {
    const isSwipe = event.pointerType === "touch" && event.isPrimary && !this.#isReal && !(event.target instanceof Element && event.target.closest("video"));
    this.#touched = isSwipe ? { x: event.clientX, y: event.clientY } : null;
  };

  #up = (/** @type {PointerEvent} */ event) => {
    if (!this.#touched || !event.isPrimary) return;
    const [x, y] = [event.clientX - this.#touched.x, event.clientY - this.#touched.y];
    this.#touched = null;
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > 1.5 * Math.abs(y)) this.#step(x < 0 ? 1 : -1);
  };

  #drawnNow = () => {
    if (!this.#wantsFocus) return;
    this.#wantsFocus = false;
    /** @type {HTMLElement | null} */ (document.querySelector(".full h1"))?.focus({ preventScroll: true });
  };
}
