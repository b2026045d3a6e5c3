// @ts-check
/** Days and moments as form fields have them, in the viewer's zone; and as addresses have them, in UTC. Pure. */

const two = (/** @type {number} */ value) => String(value).padStart(2, "0");

/** `2026-06-01`. @param {number} time milliseconds */
export function dayText(time) {
  const day = new Date(time);
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** `2026-06-01T08:15:00`. @param {number} time milliseconds */
export function momentText(time) {
  const moment = new Date(time);
  return `${dayText(time)}T${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
}

/** The beginning of a day, or of one so many days later; null of what is none. @param {string} text @param {number} [later] @returns {number | null} */
export function dayOf(text, later = 0) {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  return found ? new Date(Number(found[1]), Number(found[2]) - 1, Number(found[3]) + later).getTime() : null;
}

/** A moment without a zone, as the viewer means it; null of what is none. @param {string} text @returns {number | null} */
export function momentOf(text) {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? new Date(text).getTime() : NaN;
  return Number.isFinite(time) ? time : null;
}

/** To the second, in UTC: `2026-06-01T08:15:00Z`. @param {number} time */
export const addressOf = (time) => new Date(time).toISOString().replace(/\.\d+/, "");

/** The moment in an address; null where there is none. @param {string | undefined} text @returns {number | null} */
export function addressed(text) {
  const time = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(text ?? "") ? Date.parse(/** @type {string} */ (text)) : NaN;
  return Number.isFinite(time) ? time : null;
}
