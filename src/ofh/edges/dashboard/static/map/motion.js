// @ts-check
/**
 * How a symbol moves between two fixes, pure. It leaves where it is seen when a fix comes, and arrives at that fix when
 * the next one is due; there it waits. So it is late by one report, never ahead of the truth, and never jumps where
 * reports come regularly. The shader of `sprites.js` computes the same as `placeAt`.
 */

import { nearest, shortestTurn, toMercator } from "./geometry.js";

/**
 * Mercator places and directions in degrees: from, and since when, in milliseconds of the page's clock; to, and by when.
 * @typedef {object} Motion
 * @property {number} fromX @property {number} fromY @property {number} fromHeading @property {number} since
 * @property {number} toX @property {number} toY @property {number} toHeading @property {number} until
 * @property {number} reportedAt of the newest fix, milliseconds
 */
/** @typedef {{ longitude: number, latitude: number, heading: number | null, reportedAt: number }} Fix */

/** Reports that are further apart than this are not joined by a movement that nobody saw. */
export const LONGEST_GAP_MS = 10_000;
/** No movement takes longer. */
export const LONGEST_GLIDE_MS = 2_000;
/** Of the past, which is told faster than life, what lies between two fixes of so many milliseconds of now was told of nobody. */
const TOLD_MS = 500;

/**
 * How long to move to a fix that was reported so long after the one before.
 * @param {number} gapMs
 * @param {number} [pace] how many times faster than life it is shown
 * @returns {number} milliseconds
 */
export function glideMs(gapMs, pace = 1) {
  const told = pace > 1 ? TOLD_MS * pace : 0;
  if (!(gapMs > 0) || gapMs > Math.max(LONGEST_GAP_MS, told)) return 0;
  return Math.min(gapMs, Math.max(LONGEST_GLIDE_MS, told)) / pace;
}

/** @param {Fix} fix @param {number} now @returns {Motion} at rest. */
export function restingAt(fix, now) {
  const { x, y } = toMercator(fix);
  const heading = fix.heading ?? 0;
  return {
    fromX: x, fromY: y, fromHeading: heading, since: now,
    toX: x, toY: y, toHeading: heading, until: now, reportedAt: fix.reportedAt,
  };
}

/**
 * Take a newer fix.
 * @param {Motion} motion
 * @param {Fix} fix one that is not newer is left alone
 * @param {number} now
 * @param {number} [pace] how many times faster than life it is shown
 * @returns {Motion}
 */
export function movedOn(motion, fix, now, pace) {
  if (fix.reportedAt <= motion.reportedAt) return motion;
  const glide = glideMs(fix.reportedAt - motion.reportedAt, pace);
  if (glide === 0) return restingAt({ ...fix, heading: fix.heading ?? motion.toHeading }, now);
  const seen = placeAt(motion, now);
  const to = toMercator(fix);
  return {
    fromX: seen.x, fromY: seen.y, fromHeading: seen.heading, since: now,
    toX: nearest(to.x, seen.x), toY: to.y,
    toHeading: seen.heading + shortestTurn(seen.heading, fix.heading ?? motion.toHeading),
    until: now + glide, reportedAt: fix.reportedAt,
  };
}

/** Where it is seen at a time. @param {Motion} motion @param {number} now @returns {{ x: number, y: number, heading: number }} */
export function placeAt(motion, now) {
  const whole = motion.until - motion.since;
  const part = whole > 0 ? Math.max(0, Math.min(1, (now - motion.since) / whole)) : 1;
  return {
    x: motion.fromX + (motion.toX - motion.fromX) * part,
    y: motion.fromY + (motion.toY - motion.fromY) * part,
    heading: motion.fromHeading + (motion.toHeading - motion.fromHeading) * part,
  };
}

/** How fast it moves over the map, in mercator units per millisecond. @param {Motion} motion @param {number} now */
export function speed(motion, now) {
  if (now >= motion.until) return 0;
  return Math.hypot(motion.toX - motion.fromX, motion.toY - motion.fromY) / (motion.until - motion.since);
}
