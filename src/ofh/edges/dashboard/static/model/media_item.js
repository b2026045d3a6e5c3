// @ts-check
/** One photo, video or side file as the gallery keeps it: little, for there are thousands. */

/** @typedef {"PHOTO" | "VIDEO" | "OTHER"} MediaType */
/**
 * `time` is when it was taken, and where nobody tells that, when it came (`isTimed` false); `cameAt` when the hub had it: both
 * milliseconds. `size` in bytes. `thumbnail` is an address of the hub; null where there is none (`isRead`), or none yet.
 * @typedef {{ id: string, type: MediaType, lens: string | null, name: string, size: number, contentType: string, time: number,
 *   isTimed: boolean, cameAt: number, thumbnail: string | null, isRead: boolean, drone: { id: string, name: string },
 *   flight: { id: string, startedAt: string } | null }} Item
 */

/** A page of 200 of them stays within what the hub lets one ask for at once. */
export const ITEM_FIELDS = `id type lens fileName createdAt capturedAt thumbnailUrl file { size contentType analysedAt }
  drone { id name } flight { id startedAt }`;

/** Pictures that every browser shows as they are. */
const SHOWN = ["image/jpeg", "image/png", "image/webp"];
/** Videos that it is worth to try. */
const PLAYED = ["video/mp4", "video/quicktime", "video/webm"];

/** @param {any} row as `ITEM_FIELDS` ask for it @returns {Item} */
export function readItem({ id, type, lens, fileName, createdAt, capturedAt, thumbnailUrl, file, drone, flight }) {
  return {
    ...{ id, type, lens, drone, flight, name: fileName, size: Number(file.size), contentType: file.contentType },
    ...{ time: Date.parse(capturedAt ?? createdAt), isTimed: capturedAt !== null, cameAt: Date.parse(createdAt) },
    ...{ thumbnail: thumbnailUrl && pathOf(thumbnailUrl), isRead: file.analysedAt !== null },
  };
}

/** An address of the hub as this page reaches it, by whichever name. @param {string} url */
export function pathOf(url) {
  return url.replace(/^[a-z]+:\/\/[^/]+/i, "");
}

/** What the full view does with it. @param {string} contentType @returns {"picture" | "video" | "none"} */
export function showing(contentType) {
  return SHOWN.includes(contentType) ? "picture" : PLAYED.includes(contentType) ? "video" : "none";
}

/** The newest first; ids are whole numbers as text. @param {Item} one @param {Item} other */
export function byTime(one, other) {
  return other.time - one.time || other.id.length - one.id.length || (other.id > one.id ? 1 : other.id < one.id ? -1 : 0);
}
