// @ts-check
/** One flight with its track, files and photos, as the hub has it; asked again while it is under way. */
import { query } from "../../api/graphql.js";
import { areaOf, shownArea } from "../../map/geometry.js";
import { FLIGHT_FIELDS } from "../../model/flight_book.js";
import { readTrack, TRACK_FIELDS } from "../../model/track.js";

/** @typedef {import("../../model/track.js").Point} Point */
/** @typedef {{ id: string, fileName: string, capturedAt: string | null, createdAt: string, thumbnailUrl: string | null, file: { url: string } }} Photo */
/**
 * `fastest` in metres per second over ground; `hasElevation`: whether it told metres above take-off.
 * @typedef {{ flight: import("../../model/flight_book.js").Flight, track: Point[], fastest: number | null, hasElevation: boolean,
 *   takeOff: { longitude: number, latitude: number } | null, exports: { format: string, url: string }[], media: number,
 *   photos: Photo[] }} Detail
 */

const FLIGHT = `query Flight($id: ID!) { flight(id: $id) { ${FLIGHT_FIELDS} takeOff { longitude latitude }
  track(maxPoints: 2000) { ${TRACK_FIELDS} } exports { format url }
  media(first: 12) { totalCount edges { node { id fileName capturedAt createdAt thumbnailUrl file { url } } } } } }`;
const RENEW_MS = 10_000;
/** Around a track, degrees: reports in this area are sent. */
const AROUND = 0.02;

export class FlightDetail {
  /** @type {string | null} */
  id = null;
  /** @type {Detail | null} */
  detail = null;
  /** There is no such flight, or none for them. */
  isGone = false;
  /** @type {unknown} */
  fault = null;
  #changed;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(isFirst: boolean) => void} changed there is something new to show: of a flight for the first time, or again */
  constructor(changed) {
    this.#changed = changed;
  }

  destroy() {
    clearTimeout(this.#timer);
    this.id = null;
  }

  /** @param {string | null} id */
  show(id) {
    if (id === this.id) return;
    [this.id, this.detail, this.isGone, this.fault] = [id, null, false, null];
    clearTimeout(this.#timer);
    if (id !== null) void this.load();
  }

  async load() {
    const { id } = this;
    clearTimeout(this.#timer);
    try {
      const { flight } = await query(FLIGHT, { id });
      if (id !== this.id) return;
      const isFirst = this.detail === null;
      [this.fault, this.isGone] = [null, flight === null];
      this.detail = flight && detailOf(flight);
      this.#changed(isFirst);
    } catch (error) {
      if (id !== this.id) return;
      this.fault = error;
      this.#changed(false);
    }
    if (!this.isGone && (this.fault || !this.detail?.flight.endedAt)) this.#timer = setTimeout(() => void this.load(), RENEW_MS);
  }
}

/** @param {any} flight @returns {Detail} */
function detailOf({ track: points, exports, media, takeOff, ...flight }) {
  const track = readTrack(points);
  const speeds = track.map(({ speed }) => speed).filter((speed) => speed !== null);
  return {
    ...{ flight, track, takeOff, exports, media: media.totalCount },
    fastest: speeds.length ? speeds.reduce((one, other) => Math.max(one, other)) : null,
    hasElevation: track.some(({ elevation }) => elevation !== null),
    photos: media.edges.map((/** @type {any} */ edge) => edge.node),
  };
}

/** The area of a track and a little around it; null of none. @param {readonly Point[]} track @param {number} [margin] degrees */
export function around(track, margin = AROUND) {
  const area = areaOf(track);
  return area && shownArea(area.west - margin, area.south - margin, area.east + (area.west > area.east ? 360 : 0) + margin, area.north + margin);
}
