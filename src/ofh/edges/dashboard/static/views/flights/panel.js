// @ts-check
/** One flight in figures, as files, and in the photos that were taken on it. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { t } from "../../model/i18n.js";
import { icon } from "../../ui/icons.js";
import { here, photoLink } from "../map/photo_link.js";

/** @typedef {import("./detail.js").Detail} Detail */

/**
 * @param {import("../../app.js").Context} context
 * @param {Detail} detail
 * @param {() => void} close
 * @param {(mediaId: string | null) => void} point somebody points at one of its photos; null: not any more
 */
export function flightPanel(context, detail, close, point) {
  const { drone, startedAt, endedAt } = detail.flight;
  const { units, workspace } = context;
  return html`<aside class="panel" aria-label=${t("flight.of", { name: drone.name })} data-flight-panel=${detail.flight.id}>
    <header class="panel-head">
      <span class="row-sign">${icon("route")}</span>
      <div class="panel-who">
        <h2>${drone.name}</h2>
        <p>${drone.model ?? t("model.unknown")} · <time datetime=${startedAt} title=${units.utc(startedAt)}>${units.moment(startedAt)}</time></p>
      </div>
      <button type="button" class="button quiet" aria-label=${t("close")} @click=${close}>${icon("close")}</button>
    </header>
    <div class="panel-body">
      ${endedAt
        ? nothing
        : html`<p class="note">${t("flight.open")} <a href="#/w/${workspace?.id}/map/drone/${drone.id}">${t("flight.live")}</a></p>`}
      ${figures(context, detail)} ${files(detail)} ${photos(context, detail, point)}
    </div>
  </aside>`;
}

/** @param {import("../../app.js").Context} context @param {Detail} detail */
function figures({ units }, { flight, track, takeOff, fastest }) {
  const { duration, distance, maxElevation, maxHeight, batteryUsed, startedAt, landedAt, lastReportAt } = flight;
  const charges = track.map(({ charge }) => charge).filter((charge) => charge !== null);
  const moment = (/** @type {string} */ time) => html`<time datetime=${time} title=${units.utc(time)}>${units.time(new Date(time))}</time>`;
  /** @type {[string, unknown][]} */
  const rows = [
    ["flight.started", moment(startedAt)],
    landedAt ? ["flight.landed_at", moment(landedAt)] : ["flight.last_report", moment(lastReportAt)],
    ["flight.max_speed", fastest === null ? null : units.speed(fastest)],
    ["flight.max_height", maxHeight === null ? null : units.height(maxHeight)],
    ["flight.charge", charges.length ? `${units.percent(charges[0])} → ${units.percent(charges.at(-1))}` : null],
    ["flight.take_off", takeOff ? `${units.number(takeOff.latitude, 5)}°, ${units.number(takeOff.longitude, 5)}°` : null],
  ];
  return html`<dl class="large">
      <div><dt>${t("flight.duration")}</dt><dd>${units.duration(duration * 1_000)}</dd></div>
      <div><dt>${t("flight.distance")}</dt><dd>${units.distance(distance)}</dd></div>
      <div><dt>${t("flight.max_elevation")}</dt><dd>${units.height(maxElevation)}</dd></div>
      <div><dt>${t("flight.battery_used")}</dt><dd>${units.percent(batteryUsed)}</dd></div>
    </dl>
    <dl class="values">${rows.map(([key, value]) => (value ? html`<div><dt>${t(key)}</dt><dd>${value}</dd></div>` : nothing))}</dl>`;
}

/** @param {Detail} detail */
function files({ exports, flight }) {
  return html`<section aria-label=${t("flight.files")}>
    <h3>${t("flight.files")}</h3>
    <ul class="files">
      ${exports.map(
        ({ format, url }) => html`<li>
          <a class="button small" href=${here(url)} download title=${t(`format.${format.toLowerCase()}`)} data-export=${`${flight.id} ${format}`}>${icon("download")}${NAMES[format] ?? format}</a>
        </li>`,
      )}
    </ul>
  </section>`;
}

/** @type {Record<string, string>} */
const NAMES = { GEOJSON: "GeoJSON" };

/** @param {import("../../app.js").Context} context @param {Detail} detail @param {(id: string | null) => void} point */
function photos(context, { media, photos }, point) {
  const { units } = context;
  return html`<section aria-label=${t("flight.photos")}>
    <h3>${t("flight.photos")}${media ? html` <span class="count">${units.number(media)}</span>` : nothing}</h3>
    ${media === 0 ? html`<p class="aside">${t("flight.no_photos")}</p>` : nothing}
    <ul class="photos" @mouseleave=${() => point(null)} @focusout=${() => point(null)}>
      ${repeat(
        photos,
        ({ id }) => id,
        (photo) => html`<li @mouseenter=${() => point(photo.id)} @focusin=${() => point(photo.id)}>${photoLink(context, photo)}</li>`,
      )}
    </ul>
  </section>`;
}
