// @ts-check
/** The aircraft of the workspace as a list: found, sorted, filtered by what they do; a row leads to its aircraft. */
import { html, nothing } from "lit-html";
import { ifDefined } from "lit-html/directives/if-defined.js";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import { t } from "../model/i18n.js";
import { NOTHING } from "../model/units.js";
import { icon, stateGlyph } from "../ui/icons.js";
import { inSight, rowByKey, withHeld } from "../ui/list.js";

/** @typedef {import("../model/fleet.js").Drone} Drone */
/** @typedef {import("../model/fleet.js").Phase} Phase */
/** @typedef {"state" | "name" | "battery" | "height"} Order */

/** Values older than this have their age beside them. */
export const AGE_SHOWN_MS = 5_000;
/** Older than this looks grey. */
export const STALE_MS = 15_000;
/** @type {Phase[]} */
const PHASES = ["flying", "lost", "landed", "offline"];
/** @type {Order[]} */
const ORDERS = ["state", "name", "battery", "height"];

export class FleetList {
  #context;
  #select;
  #end;
  #search = "";
  /** @type {Set<Phase>} */
  #hidden = new Set();
  /** @type {Order} */
  #order = "state";
  #top = 0;
  #height = 800;
  /** Pixels, as it is laid out; measured once there is a row. */
  #row = 56;
  /** @type {string | null} */
  #focused = null;
  /** @type {Intl.Collator | null} */
  #collator = null;

  /** @param {import("../app.js").Context} context @param {(id: string) => void} select */
  constructor(context, select) {
    this.#context = context;
    this.#select = select;
    this.#end = context.settings.on("change", () => (this.#collator = null));
  }

  destroy() {
    this.#end();
  }

  /** @param {string | null} selected */
  render(selected) {
    const fleet = /** @type {import("../model/fleet.js").Fleet} */ (this.#context.fleet);
    const drones = [...fleet.drones.values()];
    const alerted = new Set([...fleet.alerts.values()].map(({ drone }) => drone.id));
    const shown = this.#sorted(drones.filter((drone) => !this.#hidden.has(drone.phase) && this.#matches(drone)));
    const held = this.#hold();
    return html`<section class="fleet" aria-label=${t("fleet.title")}>
      <div class="fleet-head">
        <div class="fleet-top">
          <h1 class="fleet-title">${t("fleet.title")} <span class="count">${fleet.isKnown ? drones.length : nothing}</span></h1>
          ${this.#ordering()}
        </div>
        ${this.#finding()} ${this.#filters(drones)}
      </div>
      ${!fleet.isKnown
        ? html`<p class="empty" role="status">${t(fleet.link.name === "ended" ? "fleet.ended" : "fleet.waiting")}</p>`
        : drones.length === 0
          ? this.#nobody()
          : shown.length === 0
            ? html`<p class="empty" role="status">${t("fleet.no_match")}</p>
                <p class="empty"><button type="button" class="button" @click=${this.#showAll}>${t("fleet.show_all")}</button></p>`
            : this.#rows(shown, selected, alerted, held)}
    </section>`;
  }

  #finding() {
    const { update } = this.#context;
    return html`<label class="search"
        ><span class="unseen">${t("fleet.search")}</span>${icon("search")}
        <input
          type="search"
          placeholder=${t("fleet.search")}
          .value=${live(this.#search)}
          @input=${(/** @type {InputEvent} */ event) => {
            this.#search = /** @type {HTMLInputElement} */ (event.target).value;
            update();
          }}
      /></label>`;
  }

  #ordering() {
    const { update } = this.#context;
    return html`<span class="order"
        >${icon("sort")}
        <select
          aria-label=${t("fleet.order")}
          @change=${(/** @type {Event} */ event) => {
            this.#order = /** @type {Order} */ (/** @type {HTMLSelectElement} */ (event.target).value);
            update();
          }}
        >
          ${ORDERS.map((order) => html`<option value=${order} .selected=${order === this.#order}>${t(`order.${order}`)}</option>`)}
        </select></span
      >`;
  }

  /** How many are in each state; pressed, it is shown. @param {Drone[]} drones */
  #filters(drones) {
    const counts = new Map(PHASES.map((phase) => [phase, 0]));
    for (const { phase } of drones) counts.set(phase, (counts.get(phase) ?? 0) + 1);
    const toggle = (/** @type {Phase} */ phase) => () => {
      if (!this.#hidden.delete(phase)) this.#hidden.add(phase);
      this.#context.update();
    };
    return html`<div class="filters" role="group" aria-label=${t("fleet.filter")}>
      ${PHASES.map(
        (phase) =>
          html`<button type="button" class="filter" aria-pressed=${!this.#hidden.has(phase)} @click=${toggle(phase)} title=${t(`phase.${phase}`)}>
            ${stateGlyph(phase)}<span class="filter-name">${t(`phase.${phase}`)}</span><span class="filter-count">${counts.get(phase)}</span>
          </button>`,
      )}
    </div>`;
  }

  #showAll = () => {
    this.#hidden.clear();
    this.#search = "";
    this.#context.update();
  };

  #nobody() {
    const mayInvite = ["OWNER", "ADMIN"].includes(this.#context.workspace?.role ?? "");
    return html`<div class="empty">
      <h2>${t("fleet.nobody")}</h2>
      <p>${t(mayInvite ? "fleet.nobody_admin" : "fleet.nobody_member")}</p>
    </div>`;
  }

  /** @param {Drone} drone */
  #matches({ row: { name, serialNumber, model } }) {
    const words = this.#search.toLowerCase().split(/\s+/).filter(Boolean);
    const text = `${name} ${serialNumber} ${model ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  }

  /** @param {Drone[]} drones */
  #sorted(drones) {
    const collator = (this.#collator ??= new Intl.Collator(this.#context.settings.language, { numeric: true }));
    const byName = (/** @type {Drone} */ one, /** @type {Drone} */ other) =>
      collator.compare(one.row.name, other.row.name) || collator.compare(one.id, other.id);
    /** @type {Record<Order, (one: Drone, other: Drone) => number>} */
    const orders = {
      name: byName,
      state: (one, other) => PHASES.indexOf(one.phase) - PHASES.indexOf(other.phase) || byName(one, other),
      battery: (one, other) => (one.battery?.percent ?? 101) - (other.battery?.percent ?? 101) || byName(one, other),
      height: (one, other) => (other.telemetry?.elevation ?? -1e9) - (one.telemetry?.elevation ?? -1e9) || byName(one, other),
    };
    return drones.sort(orders[this.#order]);
  }

  /** @param {Drone[]} shown @param {string | null} selected @param {Set<string>} alerted @param {string | null} held the row that has the focus */
  #rows(shown, selected, alerted, held) {
    const { first, last } = inSight(shown.length, { top: this.#top, height: this.#height, row: this.#row });
    const stop = [this.#focused, selected].find((id) => id && shown.some((drone) => drone.id === id)) ?? shown[0]?.id;
    const moved = (/** @type {KeyboardEvent} */ event) => {
      const to = rowByKey(event, shown.length, shown.findIndex(({ id }) => id === stop));
      if (to !== null) this.#goTo(/** @type {HTMLElement} */ (event.currentTarget), to, /** @type {Drone} */ (shown[to]).id);
    };
    const drawn = withHeld(first, last, held === null ? -1 : shown.findIndex(({ id }) => id === held));
    const room = (/** @type {number} */ rows) => (rows > 0 ? html`<div class="room" .style=${`height: ${rows * this.#row}px`}></div>` : nothing);
    return html`<div class="rows" role="list" tabindex="-1" aria-label=${t("fleet.title")} @scroll=${this.#scrolled} @keydown=${moved}>
      ${repeat(
        drawn,
        (index) => /** @type {Drone} */ (shown[index]).id,
        (index, place) => {
          const drone = /** @type {Drone} */ (shown[index]);
          const marks = { isSelected: drone.id === selected, hasAlert: alerted.has(drone.id), isStop: drone.id === stop };
          return html`${room(index - (drawn[place - 1] ?? -1) - 1)}
            <div role="listitem" aria-setsize=${shown.length} aria-posinset=${index + 1}>${this.#rowOf(drone, marks)}</div>`;
        },
      )}
      ${room(shown.length - 1 - (drawn.at(-1) ?? -1))}
    </div>`;
  }

  /** @param {Drone} drone @param {{ isSelected: boolean, hasAlert: boolean, isStop: boolean }} marks */
  #rowOf(drone, { isSelected, hasAlert, isStop }) {
    const { clock, units } = this.#context;
    const fleet = /** @type {import("../model/fleet.js").Fleet} */ (this.#context.fleet);
    const { row, phase, battery, telemetry } = drone;
    const fix = drone.fixes.at(-1);
    const age = fix ? clock.age(fix.reportedAt) : null;
    const isStale = phase !== "offline" && (age ?? 0) > STALE_MS;
    const low = battery !== null && battery.percent < 25 ? "low" : "";
    return html`<button
      type="button"
      class="row ${isSelected ? "selected" : ""} ${isStale || phase === "offline" ? "stale" : ""}"
      data-drone=${row.id}
      tabindex=${isStop ? 0 : -1}
      aria-current=${ifDefined(isSelected ? "true" : undefined)}
      @click=${() => this.#select(row.id)}
      @focus=${() => (this.#focused = row.id)}
    >
      ${stateGlyph(phase, { hasAlert, heading: fix?.heading ?? null })}
      <span class="row-who">
        <span class="row-name">${row.name}</span>
        <span class="row-what"
          >${hasAlert ? html`<span class="alert-word">${t("alert.word")}</span> · ` : nothing}${t(`phase.${phase}`)}${age !== null && age > AGE_SHOWN_MS
            ? html` · <span class="age">${fleet.isTold(drone) ? t("ago", { age: units.age(age) }) : t("fleet.elsewhere")}</span>`
            : nothing}</span
        >
      </span>
      <span class="row-values">
        <span class="unseen">${t("elevation")}</span><span>${phase === "offline" ? NOTHING : units.height(telemetry?.elevation)}</span>
        <span class="unseen">${t("battery")}</span><span class="charge ${low}">${units.percent(battery?.percent)}</span>
      </span>
    </button>`;
  }

  /**
   * Rows change their places while somebody goes through them by keyboard. The one that has the focus stays drawn, also out of
   * sight, and gets the focus back where moving it has cost it; where it is not shown any more, the list does.
   * @returns {string | null} whose row has the focus
   */
  #hold() {
    const row = document.activeElement;
    if (!(row instanceof HTMLElement) || row.dataset.drone === undefined) return null;
    const { drone } = row.dataset;
    const rows = row.closest(".rows");
    queueMicrotask(() => {
      if (document.activeElement !== document.body || !rows?.isConnected) return;
      const again = /** @type {HTMLElement | null} */ (rows.querySelector(`[data-drone="${CSS.escape(drone)}"]`));
      (again ?? /** @type {HTMLElement} */ (rows)).focus({ preventScroll: true });
    });
    return drone;
  }

  #scrolled = (/** @type {Event} */ event) => {
    const rows = /** @type {HTMLElement} */ (event.currentTarget);
    this.#top = rows.scrollTop;
    this.#height = rows.clientHeight;
    this.#row = rows.querySelector(".row")?.parentElement?.offsetHeight || this.#row;
    this.#context.update();
  };

  /** @param {HTMLElement} rows @param {number} index @param {string} id */
  #goTo(rows, index, id) {
    this.#focused = id;
    const top = index * this.#row;
    if (top < rows.scrollTop) rows.scrollTop = top;
    else if (top + this.#row > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + this.#row - rows.clientHeight;
    this.#top = rows.scrollTop;
    this.#context.update();
    requestAnimationFrame(() =>
      requestAnimationFrame(() => /** @type {HTMLElement | null} */ (rows.querySelector(`[data-drone="${CSS.escape(id)}"]`))?.focus()),
    );
  }
}
