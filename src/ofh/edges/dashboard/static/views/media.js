// @ts-check
/**
 * What the workspace's aircraft took: a gallery, and one photo of it in full. What is listed and which one is shown stands in
 * the address: `media`, `media/77`, `media/flight/12/77`.
 */
import { html, nothing } from "lit-html";
import { query } from "../api/graphql.js";
import { t } from "../model/i18n.js";
import { EVERYTHING, MediaBook } from "../model/media_book.js";
import { Selection } from "../model/media_selection.js";
import { isAtLeast } from "../model/roles.js";
import { wordsOf } from "../ui/faults.js";
import { icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";
import { dayOf } from "./flights/moments.js";
import { read, write } from "./media/address.js";
import { Bar } from "./media/bar.js";
import { Filters } from "./media/filters.js";
import { Full } from "./media/full.js";
import { Grid } from "./media/grid.js";

/** @typedef {import("../model/media_book.js").Wanted} Wanted */
/** @typedef {import("../model/media_layout.js").Group} Group */

/** News that come together are looked at together. */
const TOGETHER_MS = 500;

export default class MediaView {
  #context;
  #book;
  #selection = new Selection();
  #grid;
  #bar;
  #filters;
  #full;
  /** @type {(() => void)[]} */
  #ends;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #hasNews = false;
  /** Of which something else is known. @type {Set<string>} */
  #renewed = new Set();
  /** In full before the gallery is shown again. @type {string | null} */
  #left = null;

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    const fleet = /** @type {import("../model/fleet.js").Fleet} */ (context.fleet);
    this.#book = new MediaBook(fleet.workspaceId, query, context.update);
    const chooseAll = () => void this.#chooseAll();
    this.#grid = new Grid(context, this.#book, this.#selection, { chooseGroup: (group) => void this.#chooseGroup(group), chooseAll });
    this.#bar = new Bar(context, this.#book, this.#selection, chooseAll);
    this.#filters = new Filters(context, (wanted) => context.go("media", ...write({ ...EVERYTHING, ...wanted })));
    this.#full = new Full(context, this.#book, this.#grid, {
      go: (id) => location.replace(this.#addressOf(id)),
      close: () => void (location.hash = this.#addressOf(null)),
      remove: async (item) => (await this.#bar.remove([item])).length > 0,
    });
    this.#ends = [
      fleet.on("item", ({ mediaId, isNew }) => this.#told(mediaId, isNew)),
      fleet.on("coverage", ({ mediaId }) => this.#full.renew(mediaId)),
      fleet.on("picture", () => this.#told(null, true)),
      fleet.on("link", ({ name }) => name === "live" && this.#again()),
    ];
    const { wanted, id } = read(context.route.rest);
    void this.#book.want(wanted);
    void this.#filters.load(wanted);
    this.#full.show(id);
  }

  /** @param {HTMLElement} main */
  mounted(main) {
    this.#grid.mounted(/** @type {HTMLElement} */ (main.querySelector(".media-scroll")));
  }

  destroy() {
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
    this.#grid.destroy();
    this.#full.destroy();
  }

  routed() {
    const { rest } = this.#context.route;
    const { wanted, id } = read(rest);
    const isNeighbour = id !== null && rest.length === 1 && this.#full.id !== null;
    if (isNeighbour && this.#book.isFiltered) {
      history.replaceState(null, "", this.#addressOf(id)); // from the map beside it: what is listed stays
    } else if (write(wanted).join() !== write(this.#book.wanted).join()) {
      this.#selection.clear();
      this.#grid.reset();
      void this.#book.want(wanted);
      void this.#filters.load(wanted);
    }
    const before = this.#full.id;
    this.#full.show(id);
    if (before !== null && id === null) this.#left = before;
  }

  /** @param {string | null} id */
  #addressOf(id) {
    return `#/w/${this.#context.workspace?.id}/${["media", ...write(this.#book.wanted, id)].map(encodeURIComponent).join("/")}`;
  }

  /** The line stands again. */
  #again() {
    this.#grid.again();
    if (this.#book.fault) void this.#book.again();
  }

  /** The hub has told of something. @param {string | null} id @param {boolean} isNew */
  #told(id, isNew) {
    if (isNew) this.#hasNews = true;
    else if (id !== null) this.#renewed.add(id);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, TOGETHER_MS);
  }

  async #look() {
    const ids = [...this.#renewed].filter((id) => this.#book.item(id));
    this.#renewed.clear();
    if (this.#hasNews) {
      this.#hasNews = false;
      await this.#book.renew();
      if (this.#grid.isIdle && this.#full.id === null) this.#book.admit();
    }
    await this.#book.refresh(ids).catch(() => undefined); // shown as it was known; the next look asks again
    this.#selection.drop(ids.filter((id) => !this.#book.item(id))); // somebody deleted them
    for (const id of ids) this.#full.renew(id);
  }

  #showNew = () => {
    this.#book.admit();
    this.#grid.toTop();
  };

  async #chooseAll() {
    const { wanted } = this.#book;
    this.#bar.say(t("media.reading"));
    const isAll = await this.#book.readAll();
    this.#bar.say("");
    if (wanted !== this.#book.wanted || !isAll) return;
    this.#selection.clear();
    this.#selection.set(this.#grid.order, true, this.#book.fresh.length ? undefined : wanted);
    this.#context.update();
  }

  /** All of a group, or none of it; what of it has not been read yet is asked for. @param {Group} group */
  async #chooseGroup(group) {
    const { wanted } = this.#book;
    if (this.#selection.among(group.items) === "all") this.#selection.set(group.items, false);
    else {
      const flightId = group.items[0]?.flight?.id ?? null;
      const [begin, end] = [/** @type {number} */ (dayOf(group.day)), /** @type {number} */ (dayOf(group.day, 1))];
      const days = { from: Math.max(wanted.from ?? -Infinity, begin), until: Math.min(wanted.until ?? Infinity, end) };
      const filter = { ...wanted, ...days, ...(flightId === null ? { droneId: group.items[0]?.drone.id ?? null } : { flightId }) };
      let { items } = group;
      const newest = this.#book.items[0]?.cameAt ?? Infinity; // what is not let in yet is no part of it
      try {
        if (this.#book.hasMore) items = (await this.#book.all(filter)).filter(({ flight, cameAt }) => (flight?.id ?? null) === flightId && cameAt <= newest);
      } catch (error) {
        return toast(wordsOf(error, this.#context.units), "error");
      }
      if (wanted !== this.#book.wanted) return;
      this.#selection.set(items, true, flightId === null || this.#book.fresh.length ? undefined : filter);
    }
    this.#context.update();
  }

  render() {
    const { items, fresh, total, isKnown, isFiltered, wanted, isLoading, hasMore, fault } = this.#book;
    const { units } = this.#context;
    const isFull = this.#full.id !== null;
    if (this.#left !== null && !isFull) {
      const left = this.#left;
      this.#left = null;
      queueMicrotask(() => this.#grid.focus(left));
    }
    const shown = items.length + fresh.length;
    const where = shown ? this.#grid.where : "";
    return html`<div class="media ${isFull ? "has-full" : ""}">
      <section class="media-main" aria-label=${t("media.title")} ?inert=${isFull}>
        <header class="media-head">
          ${isFull ? nothing : html`<h1>${t("media.title")} <span class="count">${isKnown ? units.number(total) : nothing}</span></h1>`}
          ${this.#filters.render(wanted, isFiltered)}
        </header>
        <div class="media-body">
          <div class="media-scroll" @scroll=${this.#grid.scrolled}>
            ${shown ? this.#grid.render() : nothing} ${this.#words(shown)}
          </div>
          ${where ? html`<p class="media-where" aria-hidden="true">${where}</p>` : nothing}
          ${fresh.length
            ? html`<button type="button" class="button primary media-new" @click=${this.#showNew}>${icon("up")}${t("media.new", { n: fresh.length })}</button>`
            : nothing}
          ${fault && shown
            ? html`<div class="media-reading media-fault"><p class="problem" role="alert">${wordsOf(fault, units)}</p>
                <button type="button" class="button small" @click=${() => void this.#book.again()}>${t("again")}</button></div>`
            : nothing}
          ${isLoading && hasMore && shown
            ? html`<p class="media-reading" role="status">${t("media.read", { done: units.number(items.length), n: units.number(total) })}</p>`
            : nothing}
        </div>
        ${this.#bar.render()}
      </section>
      ${this.#full.render()}
    </div>`;
  }

  /** What stands instead of photos. @param {number} shown */
  #words(shown) {
    const { isKnown, isFiltered, fault } = this.#book;
    const { units, workspace, go } = this.#context;
    if (shown) return nothing;
    if (fault) {
      return html`<div class="empty"><p class="problem" role="alert">${wordsOf(fault, units)}</p>
        <p><button type="button" class="button" @click=${() => void this.#book.again()}>${t("again")}</button></p></div>`;
    }
    if (!isKnown) return html`<p class="empty" role="status">${t("media.waiting")}</p>`;
    if (isFiltered) {
      return html`<div class="empty"><p role="status">${t("media.no_match")}</p>
        <p><button type="button" class="button" @click=${() => go("media")}>${t("media.all")}</button></p></div>`;
    }
    return html`<div class="empty media-none-yet">
      ${icon("photo")}
      <h2>${t("media.none")}</h2>
      <p>${t("media.none_text")}</p>
      <ol>
        <li>${t("media.none_connect")}</li>
        <li>${t("media.none_switch")}</li>
        <li>${t("media.none_take")}</li>
      </ol>
      ${isAtLeast(workspace, "ADMIN")
        ? html`<p><a class="button" href="#/w/${workspace?.id}/admin/connections">${t("admin.connections")}</a></p>`
        : nothing}
    </div>`;
  }
}
