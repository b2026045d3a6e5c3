// @ts-check
/**
 * Lines behind what moves. Each is told as points with the movement that is going on at its end; the card draws that last
 * piece only as far as the symbol has come, so no line is ahead of its aircraft.
 */

import { greatCircle, nearest, toMercator } from "./geometry.js";
import { TRAIL_FLOATS, writePlace } from "./sprites.js";

/** Points of a live line at the most; of older ones every second is left out. */
const MOST_POINTS = 4_000;
/** Between points further apart the shortest way is no straight line on the map. */
const FAR_DEGREES = 1;

/** @typedef {{ points: number[], strength: number, width: number, motion: import("./motion.js").Motion | null }} Line points: x, y, x, y … mercator */

export class Trails {
  #sprites;
  #redraw;
  /** @type {Map<string, Line>} */
  #lines = new Map();
  #rows = new Float32Array(TRAIL_FLOATS * 256);
  #isPlanned = false;

  /** @param {import("./sprites.js").Sprites} sprites @param {() => void} redraw */
  constructor(sprites, redraw) {
    this.#sprites = sprites;
    this.#redraw = redraw;
  }

  /**
   * Show a line, in place of what was shown by this key.
   * @param {string} key
   * @param {readonly import("./geometry.js").Place[]} places
   * @param {{ strength?: number, width?: number }} [look] from 0 to 1; CSS pixels
   */
  set(key, places, { strength = 1, width = 3 } = {}) {
    /** @type {number[]} */
    const points = [];
    places.forEach((place, index) => {
      const before = places[index - 1];
      const isFar = before && Math.abs(place.latitude - before.latitude) + Math.abs(place.longitude - before.longitude) > FAR_DEGREES;
      for (const one of isFar ? greatCircle(before, place).slice(1) : [place]) {
        const { x, y } = toMercator(one);
        points.push(points.length ? nearest(x, points[points.length - 2]) : x, y);
      }
    });
    this.#lines.set(key, { points, strength, width, motion: null });
    this.#plan();
  }

  /** A line follows a movement: its beginning becomes a point. @param {string} key @param {import("./motion.js").Motion} motion */
  follow(key, motion) {
    const line = this.#lines.get(key);
    if (line === undefined || line.motion === motion) return;
    const { points } = line;
    const last = points.length ? points[points.length - 2] : motion.fromX;
    const x = nearest(motion.fromX, last);
    if (points.length < 2 || x !== last || motion.fromY !== points[points.length - 1]) points.push(x, motion.fromY);
    if (points.length > 2 * MOST_POINTS) line.points = points.filter((_, index) => index % 4 < 2 || index >= points.length - 200);
    line.motion = motion;
    this.#plan();
  }

  /** @param {string} key */
  remove(key) {
    if (this.#lines.delete(key)) this.#plan();
  }

  /** @param {string} key */
  has(key) {
    return this.#lines.has(key);
  }

  keys() {
    return [...this.#lines.keys()];
  }

  /** Hand all to the card. */
  load() {
    this.#isPlanned = false;
    let pieces = 0;
    for (const { points } of this.#lines.values()) pieces += points.length / 2;
    if (this.#rows.length < pieces * TRAIL_FLOATS) this.#rows = new Float32Array(Math.ceil(pieces * 1.5) * TRAIL_FLOATS);
    let at = 0;
    const epoch = this.#sprites.epoch;
    for (const { points, strength, width, motion } of this.#lines.values()) {
      for (let index = 0; index + 3 < points.length; index += 2, at += TRAIL_FLOATS) {
        writePlace(this.#rows, at, points[index], points[index + 1]);
        writePlace(this.#rows, at + 4, points[index + 2], points[index + 3]);
        this.#rows.set([0, 0, strength, width], at + 8);
      }
      if (motion === null || points.length < 2) continue;
      const [x, y] = points.slice(-2);
      writePlace(this.#rows, at, x, y);
      writePlace(this.#rows, at + 4, nearest(motion.toX, x), motion.toY);
      this.#rows.set([(motion.since - epoch) / 1_000, (motion.until - epoch) / 1_000, strength, width], at + 8);
      at += TRAIL_FLOATS;
    }
    this.#sprites.set("trail", this.#rows, at / TRAIL_FLOATS);
  }

  /** Once for all that comes together. */
  #plan() {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.load();
      this.#redraw();
    });
  }
}
