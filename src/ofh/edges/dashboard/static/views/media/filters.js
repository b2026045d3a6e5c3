// @ts-check
/** What the gallery lists: of which aircraft, flight, kind, days and ground. Each choice is an address. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { icon } from "../../ui/icons.js";
import { dayOf, dayText } from "../flights/moments.js";

/** @typedef {import("../../model/media_book.js").Wanted} Wanted */
/** @typedef {{ id: string, startedAt: string, drone: { id: string, name: string } }} Flight */

const LENSES = ["WIDE", "ZOOM", "THERMAL", "VISIBLE", "SCREEN", "RGB", "GREEN", "RED", "RED_EDGE", "NEAR_INFRARED"];
const TYPES = /** @type {const} */ (["PHOTO", "VIDEO", "OTHER"]);
const FLIGHTS = `query FlightsOf($id: ID!, $filter: FlightFilter) { workspace(id: $id) {
  flights(first: 100, filter: $filter) { edges { node { id startedAt drone { id name } } } } } }`;
const ONE = "query FlightOf($id: ID!) { flight(id: $id) { id startedAt drone { id name } } }";

export class Filters {
  #context;
  #want;
  /** @type {Flight[]} */
  #flights = [];
  /** Of which aircraft `#flights` are; undefined until they were asked for. @type {string | null | undefined} */
  #flightsOf;
  /** On a phone they are folded. */
  #isOpen = false;

  /** @param {import("../../app.js").Context} context @param {(wanted: Partial<Wanted>) => void} want */
  constructor(context, want) {
    this.#context = context;
    this.#want = want;
  }

  /** @param {Wanted} wanted */
  async load({ droneId, flightId }) {
    const { update, workspace } = this.#context;
    if (this.#flightsOf !== droneId) {
      this.#flightsOf = droneId;
      try {
        const { workspace: found } = await query(FLIGHTS, { id: workspace?.id, filter: droneId === null ? {} : { droneId } });
        if (this.#flightsOf !== droneId) return;
        this.#flights = found.flights.edges.map((/** @type {any} */ edge) => edge.node);
      } catch {
        this.#flightsOf = undefined; // the gallery says itself what is wrong
      }
    }
    if (flightId !== null && !this.#flights.some(({ id }) => id === flightId)) {
      const { flight } = await query(ONE, { id: flightId }).catch(() => ({ flight: null }));
      if (flight) this.#flights = [...this.#flights.filter(({ id }) => id !== flightId), flight];
    }
    update();
  }

  /** @param {Wanted} wanted @param {boolean} isFiltered */
  render(wanted, isFiltered) {
    const { droneId, flightId, type, lens, from, until, area } = wanted;
    const { units } = this.#context;
    const drones = [...(this.#context.fleet?.drones.values() ?? [])].map(({ row }) => row);
    drones.sort((one, other) => one.name.localeCompare(other.name, this.#context.settings.language, { numeric: true }));
    const value = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).value;
    const set = (/** @type {Partial<Wanted>} */ some) => this.#want({ ...wanted, ...some });
    const fold = () => {
      this.#isOpen = !this.#isOpen;
      this.#context.update();
    };
    return html`<button type="button" class="button small media-fold" aria-expanded=${this.#isOpen} @click=${fold}>${icon("sort")}${t("media.filter")}</button>
      <div class="media-filters ${this.#isOpen ? "open" : ""}" role="group" aria-label=${t("media.filter")}>
        <label
          ><span>${t("flights.drone")}</span>
          <select @change=${(/** @type {Event} */ event) => set({ droneId: value(event) || null, flightId: null })}>
            <option value="" .selected=${droneId === null}>${t("flights.any_drone")}</option>
            ${repeat(drones, ({ id }) => id, ({ id, name }) => html`<option value=${id} .selected=${id === droneId}>${name}</option>`)}
          </select></label
        >
        <label
          ><span>${t("media.flight")}</span>
          <select @change=${(/** @type {Event} */ event) => set({ flightId: value(event) || null })}>
            <option value="" .selected=${flightId === null}>${t("media.any_flight")}</option>
            ${repeat(
              this.#flights,
              ({ id }) => id,
              ({ id, startedAt, drone }) => html`<option value=${id} .selected=${id === flightId}>${droneId === null ? `${drone.name} · ` : ""}${units.moment(startedAt)}</option>`,
            )}
          </select></label
        >
        <label
          ><span>${t("media.kind")}</span>
          <select @change=${(/** @type {Event} */ event) => set(kindOf(value(event)))}>
            <option value="" .selected=${type === null && lens === null}>${t("media.any_kind")}</option>
            ${TYPES.map((name) => html`<option value=${name} .selected=${type === name && lens === null}>${t(`media.all_${name.toLowerCase()}`)}</option>`)}
            <optgroup label=${t("media.lens")}>
              ${LENSES.map((name) => html`<option value=${`lens ${name}`} .selected=${lens === name}>${t(`media_lens.${name.toLowerCase()}`)}</option>`)}
            </optgroup>
          </select></label
        >
        <label
          ><span>${t("flights.since")}</span
          ><input type="date" .value=${from === null ? "" : dayText(from)} @change=${(/** @type {Event} */ event) => set({ from: dayOf(value(event)) })}
        /></label>
        <label
          ><span>${t("flights.until")}</span
          ><input type="date" .value=${until === null ? "" : dayText(until - 1)} @change=${(/** @type {Event} */ event) => set({ until: dayOf(value(event), 1) })}
        /></label>
        ${area
          ? html`<button type="button" class="button" aria-label=${t("media.no_area")} @click=${() => set({ area: null })}>${icon("pin")}${t("media.in_area")}${icon("close")}</button>`
          : nothing}
        ${isFiltered ? html`<button type="button" class="button quiet" @click=${() => this.#want({})}>${t("media.all")}</button>` : nothing}
      </div>`;
  }
}

/** @param {string} value @returns {Partial<Wanted>} */
function kindOf(value) {
  const [, lens = null] = /^lens (.+)$/.exec(value) ?? [];
  return lens ? { type: null, lens } : { type: /** @type {Wanted["type"]} */ (value || null), lens: null };
}
