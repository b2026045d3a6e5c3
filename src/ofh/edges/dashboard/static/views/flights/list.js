// @ts-check
/** The flights of the workspace as a list, the newest first, by aircraft and days; more of it comes as one scrolls. */
import { html, nothing } from "lit-html";
import { ifDefined } from "lit-html/directives/if-defined.js";
import { repeat } from "lit-html/directives/repeat.js";
import { t } from "../../model/i18n.js";
import { wordsOf } from "../../ui/faults.js";
import { icon, stateGlyph } from "../../ui/icons.js";
import { inSight, rowByKey } from "../../ui/list.js";
import { dayOf, dayText } from "./moments.js";

/** @typedef {import("../../model/flight_book.js").Flight} Flight */

/** So near to the end, in pixels, the next page is fetched. */
const NEAR_PX = 600;

export class FlightList {
  #context;
  #book;
  #choose;
  #past;
  #top = 0;
  #height = 800;
  #row = 56;
  /** @type {string | null} */
  #focused = null;

  /**
   * @param {import("../../app.js").Context} context
   * @param {import("../../model/flight_book.js").FlightBook} book
   * @param {(id: string) => void} choose
   * @param {() => void} past somebody wants to see the whole workspace
   */
  constructor(context, book, choose, past) {
    this.#context = context;
    this.#book = book;
    this.#choose = choose;
    this.#past = past;
  }

  /** @param {string | null} selected */
  render(selected) {
    const { flights, total, isKnown, fault, isFiltered } = this.#book;
    const { units } = this.#context;
    return html`<section class="fleet flight-list" aria-label=${t("flights.title")}>
      <div class="fleet-head">
        <div class="fleet-top">
          <h1 class="fleet-title">${t("flights.title")} <span class="count">${isKnown ? units.number(total) : nothing}</span></h1>
          <button type="button" class="button small" @click=${this.#past}>${icon("clock")}${t("flights.past")}</button>
        </div>
        ${this.#filters()}
      </div>
      ${flights.length
        ? this.#rows(selected)
        : fault
          ? this.#fault()
          : !isKnown
            ? html`<p class="empty" role="status">${t("flights.waiting")}</p>`
            : isFiltered
              ? html`<p class="empty" role="status">${t("flights.no_match")}</p>
                  <p class="empty"><button type="button" class="button" @click=${this.#all}>${t("flights.all")}</button></p>`
              : html`<div class="empty"><h2>${t("flights.none")}</h2><p>${t("flights.none_hint")}</p></div>`}
    </section>`;
  }

  #all = () => void this.#book.want({ droneId: null, from: null, until: null });

  #filters() {
    const { droneId, from, until } = this.#book.wanted;
    const drones = [...(this.#context.fleet?.drones.values() ?? [])].map(({ row }) => row);
    drones.sort((one, other) => one.name.localeCompare(other.name, this.#context.settings.language, { numeric: true }));
    const value = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).value;
    return html`<div class="flight-filters">
      <label class="filter-drone"
        ><span class="unseen">${t("flights.drone")}</span>
        <select @change=${(/** @type {Event} */ event) => void this.#book.want({ droneId: value(event) || null })}>
          <option value="" .selected=${droneId === null}>${t("flights.any_drone")}</option>
          ${repeat(drones, ({ id }) => id, ({ id, name }) => html`<option value=${id} .selected=${id === droneId}>${name}</option>`)}
        </select></label
      >
      <label
        ><span>${t("flights.since")}</span
        ><input type="date" .value=${from === null ? "" : dayText(from)} @change=${(/** @type {Event} */ event) => void this.#book.want({ from: dayOf(value(event)) })}
      /></label>
      <label
        ><span>${t("flights.until")}</span
        ><input
          type="date"
          .value=${until === null ? "" : dayText(until - 1)}
          @change=${(/** @type {Event} */ event) => void this.#book.want({ until: dayOf(value(event), 1) })}
      /></label>
    </div>`;
  }

  #fault() {
    return html`<p class="empty problem" role="alert">${wordsOf(this.#book.fault, this.#context.units)}</p>
      <p class="empty"><button type="button" class="button" @click=${() => void this.#book.more()}>${t("again")}</button></p>`;
  }

  /** @param {string | null} selected */
  #rows(selected) {
    const { flights, hasMore, isLoading, fault } = this.#book;
    const { first, last, before, after } = inSight(flights.length, { top: this.#top, height: this.#height, row: this.#row });
    const stop = [this.#focused, selected].find((id) => id && flights.some((flight) => flight.id === id)) ?? flights[0]?.id;
    const moved = (/** @type {KeyboardEvent} */ event) => {
      const to = rowByKey(event, flights.length, flights.findIndex(({ id }) => id === stop));
      if (to !== null) this.#goTo(/** @type {HTMLElement} */ (event.currentTarget), to, /** @type {Flight} */ (flights[to]).id);
    };
    return html`<div class="rows" @scroll=${this.#scrolled}>
      <div role="list" aria-label=${t("flights.title")} @keydown=${moved}>
        <div class="room" .style=${`height: ${before}px`}></div>
        ${repeat(
          flights.slice(first, last),
          ({ id }) => id,
          (flight, index) => html`<div role="listitem" aria-setsize=${hasMore ? -1 : flights.length} aria-posinset=${first + index + 1}>
            ${this.#rowOf(flight, flight.id === selected, flight.id === stop)}
          </div>`,
        )}
        <div class="room" .style=${`height: ${after}px`}></div>
      </div>
      ${fault
        ? this.#fault()
        : hasMore
          ? html`<p class="empty"><button type="button" class="button" aria-busy=${isLoading} @click=${() => void this.#book.more()}>${t("flights.more")}</button></p>`
          : nothing}
    </div>`;
  }

  /** @param {Flight} flight @param {boolean} isSelected @param {boolean} isStop */
  #rowOf(flight, isSelected, isStop) {
    const { units } = this.#context;
    const { id, drone, startedAt, duration, distance, maxElevation } = flight;
    const isOpen = flight.endedAt === null;
    const state = isOpen ? (flight.lost ? "lost" : flight.landedAt ? "landed" : "flying") : null;
    return html`<button
      type="button"
      class="row ${isSelected ? "selected" : ""}"
      data-flight=${id}
      tabindex=${isStop ? 0 : -1}
      aria-current=${ifDefined(isSelected ? "true" : undefined)}
      @click=${() => this.#choose(id)}
      @focus=${() => (this.#focused = id)}
    >
      ${state ? stateGlyph(state) : html`<span class="row-sign">${icon("route")}</span>`}
      <span class="row-who">
        <span class="row-name">${drone.name}</span>
        <span class="row-what"
          >${state ? html`<span class="under-way">${t(`flight.${state}`)}</span> · ` : nothing}<time datetime=${startedAt} title=${units.utc(startedAt)}
            >${state ? units.time(new Date(startedAt)) : units.moment(startedAt)}</time
          ></span
        >
      </span>
      <span class="row-values">
        <span class="unseen">${t("flight.duration")}</span><span>${units.duration(duration * 1_000)}</span>
        <span class="unseen">${t("flight.distance")}</span><span class="charge">${units.distance(distance)}</span>
        <span class="unseen">${t("flight.max_elevation")} ${units.height(maxElevation)}</span>
      </span>
    </button>`;
  }

  #scrolled = (/** @type {Event} */ event) => {
    const rows = /** @type {HTMLElement} */ (event.currentTarget);
    this.#top = rows.scrollTop;
    this.#height = rows.clientHeight;
    this.#row = rows.querySelector(".row")?.parentElement?.offsetHeight || this.#row;
    if (!this.#book.fault && rows.scrollHeight - rows.scrollTop - rows.clientHeight < NEAR_PX) void this.#book.more();
    this.#context.update();
  };

  /** @param {HTMLElement} list @param {number} index @param {string} id */
  #goTo(list, index, id) {
    const rows = /** @type {HTMLElement} */ (list.parentElement);
    this.#focused = id;
    const top = index * this.#row;
    if (top < rows.scrollTop) rows.scrollTop = top;
    else if (top + this.#row > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + this.#row - rows.clientHeight;
    this.#top = rows.scrollTop;
    this.#context.update();
    requestAnimationFrame(() => requestAnimationFrame(() => this.focus(id)));
  }

  /** @param {string} id */
  focus(id) {
    /** @type {HTMLElement | null} */ (document.querySelector(`[data-flight="${CSS.escape(id)}"]`))?.focus();
  }
}
