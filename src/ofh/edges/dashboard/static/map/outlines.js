// @ts-check
/** Outlines of ground as the API has them (GeoJSON polygons, longitudes first, perhaps beyond ±180), pure. */

/** @typedef {GeoJSON.Polygon | GeoJSON.MultiPolygon} Ground */
/** @typedef {[number, number, number, number]} Bounds west, south, east, north; degrees, `east` perhaps beyond 180 */

/** The rings of all its polygons, holes with them. @param {Ground} ground @returns {GeoJSON.Position[][]} */
export function ringsOf({ type, coordinates }) {
  return type === "Polygon" ? /** @type {GeoJSON.Position[][]} */ (coordinates) : /** @type {GeoJSON.Position[][][]} */ (coordinates).flat();
}

/**
 * The lines to be drawn round it: its rings, without the edges at which the antimeridian alone cuts it.
 * @param {Ground} ground
 * @returns {GeoJSON.Position[][]}
 */
export function linesOf(ground) {
  return ringsOf(ground).flatMap((ring) => {
    const isCut = (/** @type {number} */ index) => Math.abs(ring[index][0]) === 180 && ring[index][0] === ring[index + 1][0];
    const edges = ring.length - 1;
    const cut = Array.from({ length: edges }, (_, index) => index).find(isCut);
    if (cut === undefined) return [ring];
    /** @type {GeoJSON.Position[][]} */
    const lines = [];
    /** @type {GeoJSON.Position[]} */
    let line = [];
    // From behind a cut all the way round to it, so that no line begins in the middle.
    for (let step = 1; step <= edges; step++) {
      const index = (cut + step) % edges;
      if (isCut(index)) {
        if (line.length) lines.push(line);
        line = [];
      } else if (line.length) line.push(ring[index + 1]);
      else line = [ring[index], ring[index + 1]];
    }
    return lines;
  });
}

/** The same ground, by whole rounds, that is nearest to a longitude: beside the antimeridian all is drawn in one place. @template {Ground | GeoJSON.Point} T @param {T} ground @param {number} longitude @returns {T} */
export function beside(ground, longitude) {
  const rounds = 360 * Math.round((longitude - middleOf(ground)) / 360);
  if (rounds === 0) return ground;
  /** @type {(part: any) => any} */
  const moved = (part) => (typeof part[0] === "number" ? [part[0] + rounds, ...part.slice(1)] : part.map(moved));
  return { ...ground, coordinates: moved(ground.coordinates) };
}

/** @param {Ground | GeoJSON.Point} ground */
function middleOf(ground) {
  if (ground.type === "Point") return ground.coordinates[0];
  const bounds = boundsOf(ringsOf(ground).flat());
  return bounds ? (bounds[0] + bounds[2]) / 2 : 0;
}

/** What holds all positions, as they stand: nothing is turned over the antimeridian. @param {readonly GeoJSON.Position[]} positions @returns {Bounds | null} */
export function boundsOf(positions) {
  if (positions.length === 0) return null;
  /** @type {Bounds} */
  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of positions) {
    bounds[0] = Math.min(bounds[0], x);
    bounds[1] = Math.min(bounds[1], y);
    bounds[2] = Math.max(bounds[2], x);
    bounds[3] = Math.max(bounds[3], y);
  }
  return bounds;
}

/** Its polygons, each a list of rings. @param {Ground} ground @returns {GeoJSON.Position[][][]} */
export function polygonsOf({ type, coordinates }) {
  return type === "Polygon" ? [/** @type {GeoJSON.Position[][]} */ (coordinates)] : /** @type {GeoJSON.Position[][][]} */ (coordinates);
}

/**
 * What holds all polygons of many, over the antimeridian where that is the shorter way: what is beside it comes in two
 * parts, one at either end of the world.
 * @param {Ground} ground
 * @returns {{ west: number, south: number, east: number, north: number } | null} `west` > `east` crosses 180°
 */
export function areaOfGround(ground) {
  const boxes = polygonsOf(ground).map((rings) => /** @type {Bounds} */ (boundsOf(rings[0]))).sort((one, other) => one[0] - other[0]);
  if (boxes.length === 0) return null;
  const [south, north] = [Math.min(...boxes.map((box) => box[1])), Math.max(...boxes.map((box) => box[3]))];
  // The widest gap between them is what is left out; the one over the antimeridian is among them.
  let reach = boxes[0][2];
  let [widest, west, east] = [-Infinity, 0, 0];
  for (const box of boxes.slice(1)) {
    if (box[0] - reach > widest) [widest, west, east] = [box[0] - reach, box[0], reach];
    reach = Math.max(reach, box[2]);
  }
  const first = boxes[0][0];
  return first + 360 - reach >= widest ? { west: first, south, east: reach, north } : { west, south, east, north };
}
