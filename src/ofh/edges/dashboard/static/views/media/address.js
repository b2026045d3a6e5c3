// @ts-check
/** What the gallery shows, as its address has it: `media/flight/12/type/PHOTO/from/2026-06-01/77`, the photo last. Pure. */
import { EVERYTHING } from "../../model/media_book.js";
import { dayOf, dayText } from "../flights/moments.js";

/** @typedef {import("../../model/media_book.js").Wanted} Wanted */

const TYPES = /** @type {const} */ (["PHOTO", "VIDEO", "OTHER"]);
const isId = (/** @type {string} */ text) => /^[1-9]\d{0,17}$/.test(text);

/**
 * What it cannot read is left out.
 * @param {readonly string[]} parts
 * @returns {{ wanted: Wanted, id: string | null }}
 */
export function read(parts) {
  /** @type {Record<string, string>} */
  const said = {};
  let at = 0;
  for (; at + 1 < parts.length; at += 2) said[parts[at] ?? ""] = parts[at + 1] ?? "";
  const idOf = (/** @type {string} */ text) => (isId(text) ? text : null);
  const { drone = "", flight = "", type = "", lens = "", from = "", until = "", area = "" } = said;
  const wanted = {
    ...EVERYTHING,
    ...{ droneId: idOf(drone), flightId: idOf(flight), type: TYPES.find((name) => name === type) ?? null },
    ...{ lens: /^[A-Z_]+$/.test(lens) ? lens : null, from: dayOf(from), until: dayOf(until, 1), area: areaOf(area) },
  };
  const last = parts[at] ?? "";
  return { wanted, id: idOf(last) };
}

/** @param {Wanted} wanted @param {string | null} [id] @returns {string[]} */
export function write({ droneId, flightId, type, lens, from, until, area }, id = null) {
  const sides = area && [area.west, area.south, area.east, area.north].map((side) => Number(side.toFixed(6))).join(",");
  const pairs = Object.entries({
    ...{ drone: droneId, flight: flightId, type, lens },
    ...{ from: from === null ? null : dayText(from), until: until === null ? null : dayText(until - 1), area: sides },
  });
  const said = pairs.filter(([, value]) => value !== null).flat();
  return /** @type {string[]} */ (id === null ? said : [...said, id]);
}

/** @param {string} text @returns {Wanted["area"]} */
function areaOf(text) {
  const sides = text.split(",").map(Number);
  const [west = NaN, south = NaN, east = NaN, north = NaN] = sides;
  const isGood = sides.length === 4 && sides.every(Number.isFinite) && Math.abs(west) <= 180 && Math.abs(east) <= 180 && south >= -90 && north <= 90 && south <= north;
  return isGood ? { west, south, east, north } : null;
}
