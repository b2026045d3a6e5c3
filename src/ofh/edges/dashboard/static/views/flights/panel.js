// @ts-check
/** One flight in figures, as files, and in the photos that were taken on it. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { t } from "../../model/i18n.js";
import { icon } from "../../ui/icons.js";
import { VIEWS } from "../frame.js";

/** @typedef {import("./detail.js").Detail} Detail */

/** @param {import("../../app.js").Context} context @param {Detail} detail @param {() => void} close */
export function flightPanel(context, detail, close) {
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
      ${figures(context, detail)} ${files(detail)} ${photos(context, detail)}
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

/** @param {import("../../app.js").Context} context @param {Detail} detail */
function photos({ units, workspace }, { media, photos }) {
  const hasGallery = VIEWS.some(({ name }) => /** @type {string} */ (name) === "media");
  return html`<section aria-label=${t("flight.photos")}>
    <h3>${t("flight.photos")}${media ? html` <span class="count">${units.number(media)}</span>` : nothing}</h3>
    ${media === 0 ? html`<p class="aside">${t("flight.no_photos")}</p>` : nothing}
    <ul class="photos">
      ${repeat(
        photos,
        ({ id }) => id,
        ({ id, fileName, file, thumbnailUrl, capturedAt, createdAt }) => {
          const time = capturedAt ?? createdAt;
          const inside = thumbnailUrl
            ? html`<img src=${here(thumbnailUrl)} alt=${fileName} loading="lazy" />`
            : html`<span class="photo-none">${icon("photo")}<span class="unseen">${fileName}</span></span>`;
          const title = `${fileName} · ${units.moment(time)} · ${units.utc(time)}`;
          return html`<li>
            ${hasGallery
              ? html`<a href="#/w/${workspace?.id}/media/${id}" title=${title}>${inside}</a>`
              : html`<a href=${here(file.url)} target="_blank" rel="noopener" title=${title}>${inside}</a>`}
          </li>`;
        },
      )}
    </ul>
  </section>`;
}

/** An address of the hub as this page reaches it, by whichever name. @param {string} url */
function here(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}
