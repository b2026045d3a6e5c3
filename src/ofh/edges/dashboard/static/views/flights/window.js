// @ts-check
/** Which hours of the past are looked at, and what flew in them. */
import { query } from "../../api/graphql.js";

/** @typedef {import("./bar.js").Band} Band */

const FLOWN = `query Flown($id: ID!, $filter: FlightFilter) { workspace(id: $id) { flights(first: 200, filter: $filter) {
  edges { node { id startedAt lastReportAt landedAt endedAt drone { name } } } } } }`;
const HOUR_MS = 3_600_000;

export class Window {
  static HOURS = [1, 6, 24];
  hours = 1;
  #workspaceId;
  #changed;
  #asked = "";
  /** @type {Band[]} */
  #bands = [];

  /** @param {string} workspaceId @param {() => void} changed what flew is known */
  constructor(workspaceId, changed) {
    this.#workspaceId = workspaceId;
    this.#changed = changed;
  }

  /** Whole hours around a moment, up to now. @param {number} at @param {number} now @returns {{ from: number, to: number }} */
  around(at, now) {
    const length = this.hours * HOUR_MS;
    const from = Math.floor((at - length / 2) / (length / 4)) * (length / 4);
    return { from, to: Math.min(from + 1.25 * length, Math.floor(now / 1_000) * 1_000) };
  }

  /** What flew, as far as is known yet. @param {{ from: number, to: number }} span */
  bands({ from, to }) {
    const key = `${from} ${Math.floor(to / 60_000)}`;
    if (key !== this.#asked && to > from) {
      this.#asked = key;
      this.#bands = [];
      void this.#load(key, from, to);
    }
    return this.#bands;
  }

  /** @param {string} key @param {number} from @param {number} to */
  async #load(key, from, to) {
    try {
      const filter = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
      const { workspace } = await query(FLOWN, { id: this.#workspaceId, filter });
      if (key !== this.#asked) return;
      this.#bands = (workspace?.flights.edges ?? []).map((/** @type {any} */ { node }) => ({
        id: node.id,
        from: Date.parse(node.startedAt),
        to: Date.parse(node.landedAt ?? node.endedAt ?? node.lastReportAt),
        name: node.drone.name,
      }));
      this.#changed();
    } catch (error) {
      console.info("What flew then is not known.", error); // the bar does without
    }
  }
}
