// @ts-check
/**
 * Places on the globe and on the map, pure. Longitude before latitude, degrees of WGS 84. A mercator place is two numbers
 * from 0 to 1, eastwards and southwards, as web maps have it; `x` may leave that range where something crosses 180°.
 */

/** @typedef {{ longitude: number, latitude: number }} Place */
/** @typedef {{ x: number, y: number }} Mercator */
/** @typedef {{ west: number, south: number, east: number, north: number }} Area Degrees; `west` > `east` crosses 180°. */

const RADIANS = Math.PI / 180;
const EARTH_RADIUS_M = 6_371_008.8;
/** Where the square of web mercator ends. */
export const MAX_LATITUDE = 85.051129;

/** @param {number} longitude */
export const mercatorX = (longitude) => longitude / 360 + 0.5;

/** @param {number} latitude beyond ±85.05 it is taken for that. */
export function mercatorY(latitude) {
  const held = Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, latitude));
  return 0.5 - Math.log(Math.tan((45 + held / 2) * RADIANS)) / (2 * Math.PI);
}

/** @param {Place} place @returns {Mercator} */
export const toMercator = ({ longitude, latitude }) => ({ x: mercatorX(longitude), y: mercatorY(latitude) });

/** @param {Mercator} place @returns {Place} longitude from -180 up to, and without, 180. */
export function fromMercator({ x, y }) {
  const latitude = (2 * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - Math.PI / 2) / RADIANS;
  return { longitude: wrapLongitude((x - 0.5) * 360), latitude };
}

/** @param {number} longitude @returns {number} from -180 up to, and without, 180. */
export const wrapLongitude = (longitude) => longitude - 360 * Math.floor((longitude + 180) / 360);

/** The same place, by whole rounds, that is nearest to another. @param {number} x @param {number} near both mercator. */
export const nearest = (x, near) => x - Math.round(x - near);

/**
 * How to turn from one direction to another: degrees, the shorter way, from -180 up to, and without, 180.
 * @param {number} from @param {number} to degrees clockwise, any number of rounds.
 */
export const shortestTurn = (from, to) => wrapLongitude(to - from);

/** Metres over ground, on a sphere: to half a percent. @param {Place} a @param {Place} b */
export function distance(a, b) {
  const [from, to] = [a.latitude * RADIANS, b.latitude * RADIANS];
  const across = Math.sin(((b.longitude - a.longitude) * RADIANS) / 2) ** 2;
  const up = Math.sin((to - from) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(up + Math.cos(from) * Math.cos(to) * across)));
}

/** Direction of the way from one place to another at its beginning: degrees clockwise from true north, 0 to 360. @param {Place} a @param {Place} b */
export function course(a, b) {
  const [from, to, east] = [a.latitude * RADIANS, b.latitude * RADIANS, (b.longitude - a.longitude) * RADIANS];
  const y = Math.sin(east) * Math.cos(to);
  const x = Math.cos(from) * Math.sin(to) - Math.sin(from) * Math.cos(to) * Math.cos(east);
  return (Math.atan2(y, x) / RADIANS + 360) % 360;
}

/**
 * The shortest way over the globe as places no further apart than a step, both ends with it; longitudes go on beyond 180.
 * @param {Place} a @param {Place} b @param {number} [stepM] metres
 * @returns {Place[]}
 */
export function greatCircle(a, b, stepM = 50_000) {
  const length = distance(a, b) / EARTH_RADIUS_M;
  const count = Math.max(1, Math.ceil((length * EARTH_RADIUS_M) / stepM));
  if (length === 0 || count === 1) return unwrap([a, b]);
  const ends = [a, b].map(({ longitude, latitude }) => {
    const [east, north] = [longitude * RADIANS, latitude * RADIANS];
    return [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)];
  });
  const places = Array.from({ length: count + 1 }, (_, index) => {
    const part = index / count;
    const [one, other] = [Math.sin((1 - part) * length), Math.sin(part * length)].map((n) => n / Math.sin(length));
    const [x, y, z] = [0, 1, 2].map((axis) => one * ends[0][axis] + other * ends[1][axis]);
    return { longitude: Math.atan2(y, x) / RADIANS, latitude: Math.atan2(z, Math.hypot(x, y)) / RADIANS };
  });
  [places[0], places[count]] = [a, b];
  return unwrap(places);
}

/**
 * A line whose longitudes never jump: behind 180° they go on, so that a map draws it in one piece.
 * @template {Place} T
 * @param {readonly T[]} line
 * @returns {T[]}
 */
export function unwrap(line) {
  /** @type {T[]} */
  const found = [];
  for (const place of line) {
    const before = found.at(-1);
    const turned = before === undefined ? place.longitude : before.longitude + shortestTurn(before.longitude, place.longitude);
    found.push({ ...place, longitude: turned });
  }
  return found;
}

/**
 * The smallest area that holds all places, over 180° where that is the shorter way; null for none.
 * @param {readonly Place[]} places
 * @returns {Area | null}
 */
export function areaOf(places) {
  if (places.length === 0) return null;
  const longitudes = places.map((place) => wrapLongitude(place.longitude)).sort((a, b) => a - b);
  let [widest, at] = [longitudes[0] + 360 - longitudes[longitudes.length - 1], 0];
  for (let index = 1; index < longitudes.length; index++) {
    const gap = longitudes[index] - longitudes[index - 1];
    if (gap > widest) [widest, at] = [gap, index];
  }
  let [south, north] = [90, -90];
  for (const { latitude } of places) [south, north] = [Math.min(south, latitude), Math.max(north, latitude)];
  return { west: longitudes[at], south, east: longitudes[(at || longitudes.length) - 1], north };
}

/**
 * What a map shows as an area of the hub's API: cut to one round and to what has a latitude.
 * @param {number} west @param {number} south @param {number} east not wrapped: east - west is how much is shown
 * @param {number} north @param {number} [margin] how much more on each side, as a part of the whole
 * @returns {Area}
 */
export function shownArea(west, south, east, north, margin = 0) {
  const [across, up] = [(east - west) * margin, (north - south) * margin];
  const [bottom, top] = [Math.max(-90, south - up), Math.min(90, north + up)];
  if (east - west + 2 * across >= 360) return { west: -180, south: bottom, east: 180, north: top };
  return { west: wrapLongitude(west - across), south: bottom, east: wrapLongitude(east + across), north: top };
}
