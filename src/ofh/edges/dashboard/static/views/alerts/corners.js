// @ts-check
/** The corners of an area while it is drawn, and what was before each step, to be taken back. Pure. */
import { fromMercator, toMercator, unwrap, wrapLongitude } from "../../map/geometry.js";

/** @typedef {import("../../map/geometry.js").Place} Place */

/** Digits behind the point of a degree: 11 cm. */
const DIGITS = 6;

export class Corners {
  /** In their order, longitudes from -180 up to, and without, 180 where a map was pointed at. @type {readonly Place[]} */
  list;
  /** @type {(readonly Place[])[]} */
  #before = [];

  /** @param {readonly Place[]} list */
  constructor(list) {
    this.list = list.map(({ longitude, latitude }) => ({ longitude, latitude }));
  }

  get mayUndo() {
    return this.#before.length > 0;
  }

  /** What is moved from now on is one step. */
  begin() {
    this.#before.push(this.list);
  }

  undo() {
    this.list = this.#before.pop() ?? this.list;
  }

  /** @param {number} index where it will stand @param {Place} place */
  insert(index, { longitude, latitude }) {
    this.begin();
    this.list = this.list.toSpliced(index, 0, { longitude: rounded(wrapLongitude(longitude)), latitude: rounded(latitude) });
  }

  /** @param {number} index */
  remove(index) {
    this.begin();
    this.list = this.list.toSpliced(index, 1);
  }

  /** Within a step that was begun. @param {number} index @param {Place} place */
  move(index, { longitude, latitude }) {
    this.list = this.list.with(index, { longitude: rounded(wrapLongitude(longitude)), latitude: rounded(latitude) });
  }

  /** As it was typed. @param {number} index @param {Partial<Place>} news */
  type(index, news) {
    this.begin();
    this.list = this.list.with(index, { .../** @type {Place} */ (this.list[index]), ...news });
  }
}

/** How a map draws it: each side the shorter way round, over 180° too; closed where there is something to close. @param {readonly Place[]} corners @returns {[number, number][]} */
export function outline(corners) {
  const ring = unwrap(corners.length > 2 ? [...corners, /** @type {Place} */ (corners[0])] : corners);
  return ring.map(({ longitude, latitude }) => [longitude, latitude]);
}

/** The place in the middle of each side as it is drawn: where a corner can be put in behind the one with the same index. @param {readonly Place[]} corners @returns {Place[]} */
export function middles(corners) {
  const places = outline(corners).map(([longitude, latitude]) => toMercator({ longitude, latitude }));
  return places.slice(1).map(({ x, y }, index) => {
    const before = /** @type {import("../../map/geometry.js").Mercator} */ (places[index]);
    return fromMercator({ x: (before.x + x) / 2, y: (before.y + y) / 2 });
  });
}

/** @param {number} degrees */
const rounded = (degrees) => Number(degrees.toFixed(DIGITS));
