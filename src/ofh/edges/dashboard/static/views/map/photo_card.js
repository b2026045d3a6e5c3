// @ts-check
/** What photos of a place look like: a small picture where one points at their ground, and after a click all that show the place, each leading to itself. */
import { html, nothing, render } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { t } from "../../model/i18n.js";
import { hasGallery, photoLink, thumbnail } from "./photo_link.js";

/** @typedef {import("../../map/footprints.js").Photo} Photo */

/** Pictures at the most; of more the newest. */
const MOST = 9;
/** So far on each side of a place, degrees, is the place: about a metre. */
const NEAR = 0.00001;

export class PhotoCard {
  #context;
  #map;
  #Popup;
  /** @type {import("maplibre-gl").Popup | null} */
  #open = null;
  /** @type {import("maplibre-gl").Popup | null} */
  #hint = null;

  /** @param {import("../../app.js").Context} context @param {import("../../map/map.js").FleetMap} map @param {typeof import("maplibre-gl").Popup} Popup */
  constructor(context, map, Popup) {
    this.#context = context;
    this.#map = map;
    this.#Popup = Popup;
  }

  destroy() {
    this.#hint?.remove();
    this.#open?.remove();
  }

  /** Whether there was one to be closed. */
  close() {
    const wasOpen = this.#open !== null;
    this.#open?.remove();
    return wasOpen;
  }

  /** Somebody points at the first one. @param {Photo[]} photos @param {import("maplibre-gl").LngLat} at */
  point([photo], at) {
    this.#hint?.remove();
    this.#hint = null;
    if (this.#open) return;
    this.#map.highlight(photo?.id ?? null);
    if (!photo) return;
    const room = document.createElement("div");
    room.setAttribute("aria-hidden", "true"); // the lists beside the map say the same
    render(html`${thumbnail(photo)}<span>${this.#context.units.moment(photo.capturedAt ?? photo.createdAt)}</span>`, room);
    this.#hint = new this.#Popup({ closeButton: false, closeOnClick: false, focusAfterOpen: false, className: "photo-hint", offset: 14 });
    this.#hint.setLngLat(at).setDOMContent(room).addTo(this.#map.map);
  }

  /** Somebody chose a place. @param {Photo[]} photos none: no place of photos @param {import("maplibre-gl").LngLat} at */
  choose(photos, at) {
    this.point([], at);
    this.#open?.remove();
    if (photos.length === 0) return;
    const room = document.createElement("section");
    room.setAttribute("aria-label", t("photos.here"));
    const popup = new this.#Popup({ className: "photo-card", maxWidth: "20rem", offset: 8, closeOnClick: false });
    const highlight = (/** @type {string | null} */ id) => this.#map.highlight(id);
    render(
      html`<h2>${t("photos.show", { n: photos.length, number: this.#context.units.number(photos.length) })}</h2>
        <ul class="photos">
          ${repeat(
            photos.slice(0, MOST),
            ({ id }) => id,
            (photo) => html`<li @mouseenter=${() => highlight(photo.id)} @focusin=${() => highlight(photo.id)}>${photoLink(this.#context, photo)}</li>`,
          )}
        </ul>
        ${hasGallery() ? html`<p><a href="#/w/${this.#context.workspace?.id}/media/area/${around(at)}">${t("photos.all")}</a></p>` : nothing}`,
      room,
    );
    popup.on("close", () => {
      if (this.#open === popup) this.#open = null;
      highlight(null);
    });
    this.#open = popup;
    popup.setLngLat(at).setDOMContent(room).addTo(this.#map.map);
    highlight(photos[0].id);
  }
}

/** A place as the gallery's address has an area. @param {import("maplibre-gl").LngLat} at */
function around(at) {
  const { lng, lat } = at.wrap();
  return [lng - NEAR, lat - NEAR, lng + NEAR, lat + NEAR].map((side) => side.toFixed(6)).join(",");
}
