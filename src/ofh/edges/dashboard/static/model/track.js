// @ts-check
/** A flight's track as the page works with it, pure: values over time, places between its points, colours along its line. */

/**
 * Degrees of WGS 84, metres (`height` above the ellipsoid, `elevation` above take-off), metres per second over ground,
 * percent, degrees clockwise from true north; `time` in milliseconds.
 * @typedef {{ time: number, longitude: number, latitude: number, height: number, elevation: number | null,
 *   speed: number | null, charge: number | null, heading: number | null }} Point
 */
/** What a track can be coloured by. @typedef {"elevation" | "speed"} Quantity */
/** Pieces of one colour; `step` counts colours from the lowest value, -1 where nothing was told. @typedef {{ step: number, line: [number, number][] }} Piece */

/** Where nothing was reported for longer, nobody knows where it was, and the line breaks: milliseconds. */
export const BREAK_MS = 30_000;

/** The fields that `readTrack` needs. */
export const TRACK_FIELDS = "time longitude latitude height elevation horizontalSpeed heading batteryPercent";

/** As the hub's API has it. @param {readonly any[]} points @returns {Point[]} */
export function readTrack(points) {
  return points.map(({ time, longitude, latitude, height, elevation, horizontalSpeed, heading, batteryPercent }) => ({
    ...{ time: Date.parse(time), longitude, latitude, height, elevation, heading },
    ...{ speed: horizontalSpeed, charge: batteryPercent },
  }));
}

/** The index of the last point that is not later than a time; 0 before the first, -1 of none. @param {readonly { time: number }[]} track @param {number} time */
export function indexAt(track, time) {
  let [low, high] = [0, track.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (track[middle].time <= time) low = middle;
    else high = middle - 1;
  }
  return track.length ? low : -1;
}

/** The index of the point whose time is nearest. @param {readonly { time: number }[]} track @param {number} time */
export function nearestIndex(track, time) {
  const before = indexAt(track, time);
  const after = track[before + 1];
  return after && after.time - time < time - track[before].time ? before + 1 : before;
}

/**
 * Where it was at a time, on the straight line between two reports; at the ends, and in a silence, at the nearer one.
 * @param {readonly Point[]} track
 * @param {number} time
 * @returns {{ longitude: number, latitude: number } | null}
 */
export function placeAt(track, time) {
  const index = indexAt(track, time);
  if (index < 0) return null;
  const [one, other] = [track[index], track[index + 1]];
  if (!other || time <= one.time || other.time - one.time > BREAK_MS) {
    const { longitude, latitude } = track[nearestIndex(track, time)];
    return { longitude, latitude };
  }
  const part = (time - one.time) / (other.time - one.time);
  const east = ((other.longitude - one.longitude + 540) % 360) - 180;
  return { longitude: one.longitude + east * part, latitude: one.latitude + (other.latitude - one.latitude) * part };
}

/** Time and value of those points that tell one. @param {readonly Point[]} track @param {(point: Point) => number | null} value @returns {[number, number][]} */
export function profile(track, value) {
  /** @type {[number, number][]} */
  const found = [];
  for (const point of track) {
    const told = value(point);
    if (told !== null) found.push([point.time, told]);
  }
  return found;
}

/**
 * The least and the greatest value, at least `least` apart; null where none is told.
 * @param {readonly Point[]} track
 * @param {(point: Point) => number | null} value
 * @param {number} least
 * @returns {[number, number] | null}
 */
export function rangeOf(track, value, least) {
  let [low, high] = [Infinity, -Infinity];
  for (const point of track) {
    const told = value(point);
    if (told !== null) [low, high] = [Math.min(low, told), Math.max(high, told)];
  }
  if (low > high) return null;
  return high - low < least ? [low, low + least] : [low, high];
}

/**
 * A track cut into pieces of one colour each: what lies between two points has the colour of their mean. Longitudes go on
 * beyond 180°, so that a map draws no line around the globe.
 * @param {readonly Point[]} track
 * @param {(point: Point) => number | null} value
 * @param {[number, number] | null} range of the values
 * @param {number} steps how many colours there are
 * @returns {Piece[]}
 */
export function coloured(track, value, range, steps) {
  /** @type {Piece[]} */
  const pieces = [];
  /** @type {Piece | null} */
  let open = null;
  let east = track.length ? track[0].longitude : 0;
  for (let index = 1; index < track.length; index++) {
    const [from, to] = [track[index - 1], track[index]];
    const start = /** @type {[number, number]} */ ([east, from.latitude]);
    east += ((to.longitude - from.longitude + 540) % 360) - 180;
    if (to.time - from.time > BREAK_MS) {
      open = null;
      continue;
    }
    const step = stepOf(mean(value(from), value(to)), range, steps);
    if (open === null || open.step !== step) pieces.push((open = { step, line: [start] }));
    open.line.push([east, to.latitude]);
  }
  return pieces;
}

/** @param {number | null} one @param {number | null} other */
const mean = (one, other) => (one === null || other === null ? (one ?? other) : (one + other) / 2);

/** @param {number | null} value @param {[number, number] | null} range @param {number} steps */
function stepOf(value, range, steps) {
  if (value === null || range === null) return -1;
  const part = (value - range[0]) / (range[1] - range[0]);
  return Math.max(0, Math.min(steps - 1, Math.floor(part * steps)));
}
