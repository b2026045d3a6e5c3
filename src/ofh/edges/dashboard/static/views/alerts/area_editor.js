// @ts-check
/** An area, corner by corner: pointed at on a map, dragged there, or typed as coordinates. */
import { html, nothing } from "lit-html";
import { t } from "../../model/i18n.js";
import { icon } from "../../ui/icons.js";

/** @typedef {import("./words.js").Corner} Corner */

/** Digits behind the point of a degree: 11 cm. */
const DIGITS = 6;

export class AreaEditor {
  /** @type {Corner[]} */
  corners;
  #context;
  /** @type {import("../../map/map.js").FleetMap | null} */
  #map = null;
  /** @type {import("../../map/overlay.js").Overlay | null} */
  #overlay = null;
  /** @type {typeof import("maplibre-gl").Marker | null} */
  #Marker = null;
  /** @type {import("maplibre-gl").Marker[]} */
  #markers = [];
  #isOver = false;
  #hasMap = true;
  #end;

  /** @param {import("../../app.js").Context} context @param {Corner[]} corners of before */
  constructor(context, corners) {
    this.#context = context;
    this.corners = corners.map(({ longitude, latitude }) => ({ longitude, latitude }));
    this.#end = context.settings.on("change", () => this.#overlay?.setPalette(this.#palette));
    requestAnimationFrame(() => requestAnimationFrame(() => void this.#open()));
  }

  destroy() {
    this.#isOver = true;
    this.#end();
    for (const marker of this.#markers) marker.remove();
    this.#overlay?.destroy();
    this.#map?.destroy();
  }

  /** @type {typeof import("../../map/palette.js").PALETTES | null} */
  #palettes = null;

  get #palette() {
    const palettes = /** @type {typeof import("../../map/palette.js").PALETTES} */ (this.#palettes);
    return this.#context.settings.isDark ? palettes.dark : palettes.light;
  }

  async #open() {
    const { fleet, settings, clock } = this.#context;
    try {
      const [{ words }, { createMap }, { Overlay }, { PALETTES }, { areaOf }, { Marker }] = await Promise.all([
        import("../map.js"),
        import("../../map/map.js"),
        import("../../map/overlay.js"),
        import("../../map/palette.js"),
        import("../../map/geometry.js"),
        import("maplibre-gl"),
      ]);
      const room = /** @type {HTMLElement | null} */ (document.querySelector(".area-map"));
      if (this.#isOver || room === null) return;
      this.#palettes = PALETTES;
      this.#Marker = Marker;
      const source = JSON.parse(document.documentElement.dataset.map ?? "{}");
      const live = /** @type {import("../../model/fleet.js").Fleet} */ (fleet);
      this.#map = createMap(room, { fleet: live, settings, clock, onSelect: () => {}, source, words: words() });
      this.#overlay = new Overlay(this.#map.map, "draft", this.#palette, layers);
      this.#map.map.on("click", ({ lngLat }) => this.#add({ longitude: lngLat.wrap().lng, latitude: lngLat.lat }));
      const area = areaOf(this.corners);
      if (area) this.#map.show(area);
      this.#changed();
    } catch (error) {
      console.info("There is no map.", error);
      this.#hasMap = false;
      this.#context.update();
    }
  }

  /** @param {Corner} corner */
  #add({ longitude, latitude }) {
    this.corners = [...this.corners, { longitude: rounded(longitude), latitude: rounded(latitude) }];
    this.#changed();
  }

  /** By keyboard: where the map looks, or beside the last one. */
  #addHere = () => {
    const centre = this.#map?.map.getCenter().wrap();
    const last = this.corners.at(-1);
    this.#add(centre ? { longitude: centre.lng, latitude: centre.lat } : (last ?? { longitude: 0, latitude: 0 }));
    requestAnimationFrame(() => /** @type {HTMLElement | undefined} */ ([...document.querySelectorAll(".corner-row input")].at(-2))?.focus());
  };

  /** @param {number} index */
  #remove(index) {
    this.corners = this.corners.filter((_, at) => at !== index);
    this.#changed();
  }

  /** @param {number} index @param {Partial<Corner>} news */
  #set(index, news) {
    this.corners = this.corners.map((corner, at) => (at === index ? { ...corner, ...news } : corner));
    this.#changed();
  }

  /** Draw it anew, on the map and in the list. */
  #changed() {
    this.#context.update();
    const map = this.#map?.map;
    if (!map || !this.#Marker) return;
    const ring = this.corners.map(({ longitude, latitude }) => /** @type {[number, number]} */ ([longitude, latitude]));
    const closed = ring.length > 2 ? [...ring, /** @type {[number, number]} */ (ring[0])] : ring;
    const line = /** @type {GeoJSON.Feature} */ ({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: closed } });
    const filled = /** @type {GeoJSON.Feature} */ ({ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [closed] } });
    this.#overlay?.show(ring.length > 2 ? [line, filled] : ring.length > 1 ? [line] : []);
    for (const marker of this.#markers.splice(ring.length)) marker.remove();
    ring.forEach((place, index) => {
      const marker = (this.#markers[index] ??= this.#mark(map, index, place));
      marker.setLngLat(place);
    });
  }

  /** @param {import("maplibre-gl").Map} map @param {number} index @param {[number, number]} place */
  #mark(map, index, place) {
    const element = document.createElement("div");
    element.className = "corner";
    element.textContent = String(index + 1);
    const Marker = /** @type {typeof import("maplibre-gl").Marker} */ (this.#Marker);
    const marker = new Marker({ element, draggable: true }).setLngLat(place).addTo(map);
    element.removeAttribute("aria-label");
    element.removeAttribute("tabindex");
    element.setAttribute("aria-hidden", "true"); // the list says the same, and takes the keyboard
    marker.on("drag", () => {
      const { lng, lat } = marker.getLngLat().wrap();
      this.#set(index, { longitude: rounded(lng), latitude: rounded(lat) });
    });
    element.addEventListener("click", (event) => event.stopPropagation());
    return marker;
  }

  render() {
    return html`<div class="area">
      <div class="area-map">${this.#hasMap ? nothing : html`<p class="empty">${t("map.none")}</p>`}</div>
      <fieldset class="area-corners">
        <legend>${t("area.corners")} <span class="count">${this.corners.length || ""}</span></legend>
        <p class="aside">${t("area.how")}</p>
        <ol>
          ${this.corners.map(
            (corner, index) => html`<li class="corner-row">
              <span class="corner-number" aria-hidden="true">${index + 1}</span>
              ${this.#degree(corner.latitude, index, "latitude", 90)} ${this.#degree(corner.longitude, index, "longitude", 180)}
              <button type="button" class="button quiet small" aria-label=${t("area.remove", { number: index + 1 })} @click=${() => this.#remove(index)}>${icon("close")}</button>
            </li>`,
          )}
        </ol>
        <button type="button" class="button small" @click=${this.#addHere}>${icon("plus")}${t("area.add")}</button>
      </fieldset>
    </div>`;
  }

  /** @param {number} value @param {number} index @param {"latitude" | "longitude"} name @param {number} most */
  #degree(value, index, name, most) {
    const typed = (/** @type {Event} */ event) => {
      const box = /** @type {HTMLInputElement} */ (event.target);
      if (box.value !== "" && box.validity.valid) this.#set(index, { [name]: Number(box.value) });
    };
    return html`<input type="number" step="any" min=${-most} max=${most} required .value=${String(value)} aria-label=${t(`area.${name}`, { number: index + 1 })} @change=${typed} />`;
  }
}

/** @param {number} degrees */
const rounded = (degrees) => Number(degrees.toFixed(DIGITS));

/** @param {import("../../map/palette.js").Palette} palette */
const layers = (palette) =>
  /** @type {any[]} */ ([
    { id: "draft-fill", type: "fill", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": palette.area, "fill-opacity": 0.18 } },
    { id: "draft-line", type: "line", filter: ["==", ["geometry-type"], "LineString"], paint: { "line-color": palette.area, "line-width": 2.5 } },
  ]);
