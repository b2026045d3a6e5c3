// @ts-check
/** What the gallery's rows have in them: a day's name, a flight's with a box that chooses all of it, and photos. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { t } from "../../model/i18n.js";
import { icon } from "../../ui/icons.js";
import { write } from "./address.js";

/** @typedef {import("../../app.js").Context} Context */
/** @typedef {import("../../model/media_item.js").Item} Item */
/** @typedef {import("../../model/media_layout.js").Row} Row */
/** @typedef {import("../../model/media_layout.js").Group} Group */
/**
 * How the gallery stands, and what happens in it. `stop` is where Tab leads.
 * @typedef {object} Sight
 * @property {Context} context
 * @property {import("../../model/media_selection.js").Selection} selection
 * @property {import("../../model/media_book.js").Wanted} wanted
 * @property {number} columns
 * @property {readonly Item[]} order
 * @property {string | null} stop
 * @property {Group | null} open the group of which there may be more
 * @property {(item: Item) => "picture" | "later" | "none"} standing of its thumbnail: shown, as soon as one rests, or not there
 * @property {(stop: string) => void} focused
 * @property {(event: MouseEvent, item: Item) => void} clicked
 * @property {(event: MouseEvent, item: Item) => void} ticked
 * @property {(group: Group) => void} grouped
 * @property {(id: string) => void} failed its thumbnail could not be fetched
 */

/** What a group is of, in words. @param {Context} context @param {Group} group */
export function nameOf({ units }, group) {
  const { flight, drone } = /** @type {Item} */ (group.items[0]);
  return flight ? t("media.of_flight", { name: drone.name, time: units.time(new Date(flight.startedAt)).slice(0, 5) }) : drone.name;
}

/** @param {Sight} sight @param {Row} row @param {number} index */
export function rowOf(sight, { kind, top, height, group, from, to }, index) {
  const place = `top: ${top}px; height: ${height}px`;
  if (kind === "cells") {
    return html`<div class="media-cells" role="row" aria-rowindex=${index + 1} .style=${`${place}; grid-template-columns: repeat(${sight.columns}, minmax(0, 1fr))`}>
      ${repeat(
        sight.order.slice(from, to),
        ({ id }) => id,
        (item, column) => cell(sight, item, column),
      )}
    </div>`;
  }
  return html`<div class="media-${kind}" role="row" aria-rowindex=${index + 1} .style=${place}>
    <div role="gridcell" aria-colspan=${sight.columns}>
      ${kind === "day" ? html`<h2>${sight.context.units.day(/** @type {Item} */ (group.items[0]).time)}</h2>` : groupHead(sight, group)}
    </div>
  </div>`;
}

/** @param {Sight} sight @param {Group} group */
function groupHead({ context, selection, stop, open, focused, grouped }, group) {
  const { units, workspace } = context;
  const { flight } = /** @type {Item} */ (group.items[0]);
  const chosen = selection.among(group.items);
  const name = nameOf(context, group);
  return html`<button
      type="button"
      class="media-tick"
      role="checkbox"
      aria-checked=${chosen === "all" ? "true" : chosen === "some" ? "mixed" : "false"}
      aria-label=${t("media.choose_group", { name })}
      tabindex=${stop === group.key ? 0 : -1}
      data-stop=${group.key}
      @click=${() => grouped(group)}
      @focus=${() => focused(group.key)}
    ></button>
    <span class="media-group-name" title=${flight ? units.utc(flight.startedAt) : ""}>${name}</span>
    <span class="count">${units.number(group.items.length)}${open === group ? "+" : ""}</span>
    ${flight ? html`<a class="media-flight" href="#/w/${workspace?.id}/flights/${flight.id}" tabindex="-1">${icon("route")}${t("media.to_flight")}</a>` : nothing}`;
}

/** @param {Sight} sight @param {Item} item @param {number} column */
function cell({ context, selection, wanted, stop, standing, focused, clicked, ticked, failed }, item, column) {
  const { id, name, type, time } = item;
  const { units, workspace } = context;
  const isChosen = selection.has(id);
  const address = ["media", ...write(wanted, id)].map(encodeURIComponent).join("/");
  const found = standing(item);
  return html`<div class="media-cell ${isChosen ? "chosen" : ""}" role="gridcell" aria-colindex=${column + 1} aria-selected=${isChosen}>
    <a
      class="media-link"
      href="#/w/${workspace?.id}/${address}"
      tabindex=${id === stop ? 0 : -1}
      data-stop=${id}
      data-media=${id}
      title="${name} · ${units.moment(time)}"
      draggable="false"
      @click=${(/** @type {MouseEvent} */ event) => clicked(event, item)}
      @focus=${() => focused(id)}
      ><span class="unseen">${t(`media.one_${type.toLowerCase()}`)} ${name}, ${units.moment(time)}</span>${found === "picture"
        ? html`<img src=${item.thumbnail} alt="" decoding="async" draggable="false" @error=${() => failed(id)} />`
        : found === "later"
          ? html`<span class="media-none"></span>`
          : placeholder(item)}
      ${type === "VIDEO" ? html`<span class="media-sign">${icon("play")}${t("media.video")}</span>` : nothing}
      ${item.lens === "THERMAL" ? html`<span class="media-sign">${t("media_lens.thermal")}</span>` : nothing}
    </a>
    <button
      type="button"
      class="media-tick"
      role="checkbox"
      aria-checked=${isChosen}
      aria-label=${t("media.choose", { name })}
      tabindex="-1"
      @click=${(/** @type {MouseEvent} */ event) => ticked(event, item)}
    ></button>
  </div>`;
}

/** Where there is no thumbnail, or none yet. @param {Item} item */
function placeholder({ type, name, isRead }) {
  return html`<span class="media-none ${isRead ? "" : "coming"}" title=${t(isRead ? "media.no_preview" : "media.coming")}>
    ${icon(type === "VIDEO" ? "film" : type === "PHOTO" ? "photo" : "file")}
    <span>${isRead ? name.slice(name.lastIndexOf(".") + 1).toUpperCase() : t("media.coming")}</span>
  </span>`;
}
