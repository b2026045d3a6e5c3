// @ts-check
/** The flights of a workspace, the newest first, a page at a time; what is new is put before what is known. */
import { query } from "../api/graphql.js";

/**
 * Metres, seconds, percent; null where it was never told. @typedef {{ id: string, startedAt: string,
 *   landedAt: string | null, endedAt: string | null, lastReportAt: string, lost: boolean, duration: number,
 *   distance: number | null, maxElevation: number | null, maxHeight: number | null, batteryUsed: number | null,
 *   drone: { id: string, name: string, model: string | null } }} Flight
 */
/** What is listed: of one drone, of some days. Milliseconds, the end not with it. @typedef {{ droneId: string | null, from: number | null, until: number | null }} Wanted */

export const FLIGHT_FIELDS = `id startedAt landedAt endedAt lastReportAt lost duration distance maxElevation maxHeight
  batteryUsed drone { id name model }`;
const LIST = `query Flights($id: ID!, $first: Int, $after: String, $filter: FlightFilter) { workspace(id: $id) {
  flights(first: $first, after: $after, filter: $filter) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { ${FLIGHT_FIELDS} } } } } }`;
const PAGE = 50;

export class FlightBook {
  /** @type {Flight[]} */
  flights = [];
  total = 0;
  hasMore = false;
  /** Whether there was an answer to what is wanted. */
  isKnown = false;
  isLoading = false;
  /** Why nothing more comes. @type {unknown} */
  fault = null;
  /** @type {Wanted} */
  wanted = { droneId: null, from: null, until: null };

  #workspaceId;
  #changed;
  /** @type {string | null} */
  #after = null;
  #asked = 0;

  /** @param {string} workspaceId @param {() => void} changed there is something new to show */
  constructor(workspaceId, changed) {
    this.#workspaceId = workspaceId;
    this.#changed = changed;
  }

  /** List others. @param {Partial<Wanted>} wanted */
  want(wanted) {
    this.wanted = { ...this.wanted, ...wanted };
    [this.flights, this.total, this.hasMore, this.isKnown, this.#after] = [[], 0, false, false, null];
    return this.more();
  }

  get isFiltered() {
    return Object.values(this.wanted).some((value) => value !== null);
  }

  /** The next page; the first one if there is none. */
  async more() {
    if (this.isKnown && (this.isLoading || !this.hasMore)) return;
    const page = await this.#ask(this.#after);
    if (!page) return;
    const known = new Set(this.flights.map(({ id }) => id));
    this.flights = [...this.flights, ...page.flights.filter(({ id }) => !known.has(id))];
    [this.hasMore, this.#after] = [page.hasNextPage, page.endCursor];
    this.#changed();
  }

  /** Something has happened: look at the newest page again, and leave the rest as it is. */
  async renew() {
    if (!this.isKnown || this.isLoading) return;
    const page = await this.#ask(null);
    if (!page) return;
    const newer = new Set(page.flights.map(({ id }) => id));
    const oldest = page.flights.at(-1);
    const rest = this.flights.filter(({ id, startedAt }) => !newer.has(id) && oldest && startedAt <= oldest.startedAt);
    if (rest.length === 0) [this.hasMore, this.#after] = [page.hasNextPage, page.endCursor];
    this.flights = [...page.flights, ...rest];
    this.#changed();
  }

  /** @param {string | null} after */
  async #ask(after) {
    const asked = ++this.#asked;
    const { droneId, from, until } = this.wanted;
    const filter = {
      ...(droneId === null ? {} : { droneId }),
      ...(from === null ? {} : { from: new Date(from).toISOString() }),
      ...(until === null ? {} : { to: new Date(until - 1).toISOString() }),
    };
    [this.isLoading, this.fault] = [true, null];
    this.#changed();
    try {
      const { workspace } = await query(LIST, { id: this.#workspaceId, first: PAGE, after, filter });
      if (asked !== this.#asked) return null;
      const { totalCount, pageInfo, edges } = workspace?.flights ?? { totalCount: 0, pageInfo: {}, edges: [] };
      [this.total, this.isKnown] = [totalCount, true];
      return {
        flights: /** @type {Flight[]} */ (edges.map((/** @type {any} */ edge) => edge.node)),
        hasNextPage: Boolean(pageInfo.hasNextPage),
        endCursor: /** @type {string | null} */ (pageInfo.endCursor ?? null),
      };
    } catch (error) {
      if (asked === this.#asked) this.fault = error;
      return null;
    } finally {
      if (asked === this.#asked) {
        this.isLoading = false;
        this.#changed();
      }
    }
  }
}
