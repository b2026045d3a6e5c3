// @ts-check
/** All that is known of a photo, in words with units. */
import { html, nothing } from "lit-html";
import { t } from "../../model/i18n.js";
import { icon } from "../../ui/icons.js";
import { addressOf } from "../flights/moments.js";

/** @typedef {import("../../model/media_item.js").Item} Item */
/** Degrees and metres, as the API has them. @typedef {{ longitude: number, latitude: number, absoluteAltitude: number | null, relativeAltitude: number | null,
 *   gimbalYaw: number | null, gimbalPitch: number | null, gimbalRoll: number | null }} Camera */
/**
 * @typedef {object} Details
 * @property {string} url of its file
 * @property {Camera | null} camera
 * @property {string | null} cameraModel
 * @property {number | null} width pixels, as it is stored
 * @property {number | null} height
 * @property {string | null} payload
 * @property {boolean} isOriginal
 * @property {boolean} isPanorama
 * @property {string} folder
 * @property {{ id: string, fileCount: number | null, uploadedCount: number | null, completedAt: string | null } | null} group
 * @property {{ exif?: Record<string, any>, xmp?: Record<string, string> } | null} meta
 * @property {{ geoJson: GeoJSON.Polygon | null } | null} ground
 */

export const DETAIL_FIELDS = `isOriginal isPanorama folder payload cameraModel width height meta
  camera { longitude latitude absoluteAltitude relativeAltitude gimbalYaw gimbalPitch gimbalRoll }
  group { id fileCount uploadedCount completedAt } groundCoverage { geoJson } file { url }`;

/** @param {any} row as `DETAIL_FIELDS` ask for it @returns {Details} */
export function readDetails({ isOriginal, isPanorama, folder, payload, cameraModel, width, height, meta, camera, group, groundCoverage, file }) {
  return { isOriginal, isPanorama, folder, payload, cameraModel, width, height, meta, camera, group, ground: groundCoverage, url: file.url };
}

/** @param {import("../../app.js").Context} context @param {Item} item @param {Details} details */
export function facts({ units, workspace }, item, details) {
  const { camera, cameraModel, width, height, payload, group, folder } = details;
  const moment = (/** @type {number} */ time) => html`<time datetime=${new Date(time).toISOString()} title=${units.utc(time)}>${units.moment(time)}</time>`;
  const at = item.isTimed ? `/at/${addressOf(item.time)}` : "";
  const angle = (/** @type {number | null | undefined} */ degrees) => (degrees == null ? "–" : `${units.number(degrees, 1)}°`);
  /** @type {[string, unknown][]} */
  const rows = [
    ["media.taken", item.isTimed ? html`<time datetime=${new Date(item.time).toISOString()} title=${units.utc(item.time)}>${units.day(item.time)}, ${units.time(item.time)}</time>` : t("media.not_told")],
    ["media.came", moment(item.cameAt)],
    ["media.drone", html`<a href="#/w/${workspace?.id}/map/drone/${item.drone.id}">${item.drone.name}</a>`],
    ["media.flight", item.flight && html`<a href="#/w/${workspace?.id}/flights/${item.flight.id}${at}">${icon("route")} ${units.moment(item.flight.startedAt)}</a>`],
    ["position", camera && `${units.number(camera.latitude, 6)}°, ${units.number(camera.longitude, 6)}°`],
    ["elevation", camera?.relativeAltitude == null ? null : units.height(camera.relativeAltitude)],
    ["media.altitude", camera?.absoluteAltitude == null ? null : html`<span title=${t("media.altitude_text")}>${units.height(camera.absoluteAltitude)}</span>`],
    ["media.direction", camera?.gimbalYaw == null ? null : angle((camera.gimbalYaw + 360) % 360)],
    ["media.pitch", camera?.gimbalPitch == null ? null : angle(camera.gimbalPitch)],
    ["media.roll", camera?.gimbalRoll ? angle(camera.gimbalRoll) : null],
    ["media.camera", [cameraModel, payload].filter(Boolean).join(" · ") || null],
    ["media.lens", item.lens && t(`media_lens.${item.lens.toLowerCase()}`)],
    ["media.exposure", exposureOf(units, details.meta?.exif ?? {})],
    ["media.pixels", width && height ? `${units.number(width)} × ${units.number(height)}` : null],
    ["media.panorama", details.isPanorama ? t("media.yes") : null],
    ["media.file", `${item.contentType}, ${units.bytes(item.size)}`],
    ["media.original", details.isOriginal ? null : t("media.only_preview")],
    ["media.folder", folder || null],
    ["media.task", group && (group.fileCount === null ? `${group.id}` : t("media.task_of", { id: group.id, n: units.number(group.fileCount) }))],
  ];
  return html`<dl class="values">
      ${rows.map(([key, value]) => (value ? html`<div data-fact=${key}><dt>${t(key)}</dt><dd>${value}</dd></div>` : nothing))}
    </dl>
    ${said(details.meta)}`;
}

/** Of EXIF: 1/1000 s, f/2.8, ISO 100, 24 mm. @param {import("../../model/units.js").Units} units @param {Record<string, any>} exif */
function exposureOf(units, { ExposureTime: time, FNumber: stop, ISOSpeedRatings: iso, FocalLength: length, FocalLengthIn35mmFilm: full }) {
  const number = (/** @type {number} */ value) => units.number(value, Number.isInteger(value) ? 0 : 1);
  const parts = [
    time > 0 ? (time < 0.3 ? `1/${units.number(Math.round(1 / time))} s` : `${number(time)} s`) : null,
    stop > 0 ? `f/${number(stop)}` : null,
    iso > 0 ? `ISO ${iso}` : null,
    full > 0 ? t("media.focal_full", { n: number(full) }) : length > 0 ? `${number(length)} mm` : null,
  ];
  return parts.filter(Boolean).join(" · ") || null;
}

/** What the file says of itself, word for word. @param {Details["meta"]} meta */
function said(meta) {
  const lines = Object.entries({ ...meta?.exif, ...meta?.xmp });
  if (lines.length === 0) return nothing;
  return html`<details class="media-said">
    <summary>${t("media.said", { n: lines.length })}</summary>
    <dl class="values">
      ${lines.map(([name, value]) => html`<div><dt>${name}</dt><dd>${Array.isArray(value) ? value.join(", ") : String(value)}</dd></div>`)}
    </dl>
  </details>`;
}
