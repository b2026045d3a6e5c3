// @ts-check
/**
 * The ground that photos show together: those of a flight, or those of the last day. Asked anew as the hub tells that it has
 * grown, but only once the former answer has had its time: putting it together is dear, and nobody sees a difference sooner.
 */

/** Of a flight, and whose that is; or of all drones, or one, within the last day. @typedef {{ droneId: string | null, flightId?: string }} Wanted */
/**
 * `area` in square metres; how many photos and videos show some of it, of how many that cannot be known, and how many are
 * still to be looked at.
 * @typedef {{ geoJson: GeoJSON.MultiPolygon, area: number, mediaCount: number, unknownCount: number, pendingCount: number }} Ground
 */
/**
 * @typedef {object} Needs
 * @property {(document: string, variables?: Record<string, unknown>) => Promise<any>} query
 * @property {import("./picture.js").Picture} fleet the live one: it tells of photos
 * @property {{ now(): number }} clock
 * @property {() => void} changed there is something else to show
 * @property {() => boolean} [isHidden] whether nobody looks at the page
 * @property {() => number} [ticks] milliseconds of a clock that only grows
 */

const FIELDS = "coverage%s { geoJson area mediaCount unknownCount pendingCount }";
const OF_FLIGHT = `query CoveredOnFlight($id: ID!) { flight(id: $id) { ${FIELDS.replace("%s", "")} } }`;
const OF_WORKSPACE = `query Covered($id: ID!, $filter: MediaFilter) { workspace(id: $id) { ${FIELDS.replace("%s", "(filter: $filter)")} } }`;
const HOUR_MS = 3_600_000;
/** Between two questions at the least; and so many times as long as an answer took. */
const REST_MS = 4_000;
const REST_TIMES = 4;
/** Where nobody looks. */
const HIDDEN_MS = 60_000;
/** What turns out to be unknown is told by no event: while something is to be looked at, it is asked for all the same. */
const PENDING_MS = 15_000;
const AGAIN_MS = 10_000;

export class CoveredGround {
  static HOURS = 24;
  /** @type {Wanted | null} */
  wanted = null;
  /** The newest answer. @type {Ground | null} */
  ground = null;
  /** @type {unknown} */
  fault = null;
  isAsking = false;

  #needs;
  #ticks;
  /** There is news since it was asked. */
  #isNews = false;
  #asked = 0;
  #restUntil = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #dueAt = Infinity;
  #ends;

  /** @param {Needs} needs */
  constructor(needs) {
    this.#needs = needs;
    this.#ticks = needs.ticks ?? (() => performance.now());
    const { fleet } = needs;
    this.#ends = [
      // Which flight a photo is of may become known later than what it shows.
      fleet.on("coverage", ({ droneId, flightId }) => this.#told(droneId, flightId ?? this.wanted?.flightId)),
      // A photo that is to be looked at is counted: of the flight that its drone is on.
      fleet.on("media", (droneId) => this.#told(droneId, fleet.drones.get(droneId)?.flightId)),
      fleet.on("picture", () => this.#grown()), // whatever there was meanwhile
    ];
  }

  destroy() {
    for (const end of this.#ends) end();
    this.show(null);
  }

  /** @param {Wanted | null} wanted null: nothing is asked for any more */
  show(wanted) {
    if (JSON.stringify(wanted) === JSON.stringify(this.wanted)) return;
    clearTimeout(this.#timer);
    this.#asked += 1;
    [this.wanted, this.ground, this.fault, this.isAsking, this.#isNews] = [wanted, null, null, false, false];
    [this.#dueAt, this.#restUntil] = [Infinity, 0];
    if (wanted) void this.#ask();
  }

  /** Somebody looks again: what was put off is due. */
  wake() {
    if (this.wanted && this.#dueAt < Infinity) this.#plan(this.#ticks());
  }

  /** @param {string} droneId @param {string | null | undefined} flightId */
  #told(droneId, flightId) {
    const { wanted } = this;
    if (wanted === null || (wanted.droneId !== null && wanted.droneId !== droneId)) return;
    if (wanted.flightId === undefined || wanted.flightId === flightId) this.#grown();
  }

  #grown() {
    if (this.wanted === null) return;
    if (this.isAsking) this.#isNews = true;
    else this.#plan(this.#restUntil);
  }

  /** Ask then, unless it is to be sooner. @param {number} at ticks */
  #plan(at) {
    if (at >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = at;
    this.#timer = setTimeout(() => void this.#ask(), Math.max(0, at - this.#ticks()));
  }

  async #ask() {
    const { query, fleet, clock, changed, isHidden = () => document.hidden } = this.#needs;
    const wanted = /** @type {Wanted} */ (this.wanted);
    const asked = ++this.#asked;
    const begun = this.#ticks();
    [this.isAsking, this.#isNews, this.#dueAt] = [true, false, Infinity];
    changed();
    let next = Infinity;
    try {
      const found =
        wanted.flightId !== undefined
          ? (await query(OF_FLIGHT, { id: wanted.flightId })).flight
          : (await query(OF_WORKSPACE, { id: fleet.workspaceId, filter: recent(wanted, clock.now()) })).workspace;
      if (asked !== this.#asked) return;
      [this.ground, this.fault] = [found?.coverage ?? null, null];
      if (this.ground?.pendingCount) next = PENDING_MS;
    } catch (error) {
      if (asked !== this.#asked) return;
      [this.fault, next] = [error, AGAIN_MS];
    }
    this.isAsking = false;
    const now = this.#ticks();
    this.#restUntil = now + Math.max(REST_MS, REST_TIMES * (now - begun), isHidden() ? HIDDEN_MS : 0);
    if (this.#isNews) this.#plan(this.#restUntil);
    else if (next < Infinity) this.#plan(Math.max(this.#restUntil, now + next));
    changed();
  }
}

/** From a whole hour on, so that the hub can go on with what it has put together. @param {{ droneId: string | null }} wanted @param {number} now */
export function recent({ droneId }, now) {
  const from = new Date(Math.floor(now / HOUR_MS) * HOUR_MS - CoveredGround.HOURS * HOUR_MS).toISOString();
  return droneId === null ? { from } : { from, droneId };
}
