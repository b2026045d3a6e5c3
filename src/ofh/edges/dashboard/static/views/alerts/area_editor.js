// @ts-check
/** An area, corner by corner: pointed at on a map, dragged there, or typed as coordinates. */
import { html, nothing } from "lit-html";
import { t } from "../../model/i18n.js";
import { icon } from "../../ui/icons.js";
import { Corners, middles, outline } from "./corners.js";

/** @typedef {import("./words.js").Corner} Corner */
/** @typedef {import("maplibre-gl").Marker} Marker */

export class AreaEditor {
  #context;
  #corners;
  /** @type {import("../../map/map.js").FleetMap | null} */
  #map = null;
  /** @type {import("../../map/overlay.js").Overlay | null} */
  #overlay = null;
  /** @type {typeof import("maplibre-gl").Marker | null} */
  #Marker = null;
  /** @type {Marker[]} */
  #markers = [];
  /** Between two corners: a new one comes out of them. @type {Marker[]} */
  #middles = [];
  #isOver = false;
  #hasMap = true;
  #end;

  /** @param {import("../../app.js").Context} context @param {Corner[]} corners of before */
  constructor(context, corners) {
    this.#context = context;
    this.#corners = new Corners(corners);
    this.#end = context.settings.on("change", () => this.#overlay?.setPalette(this.#palette));
    requestAnimationFrame(() => requestAnimationFrame(() => void this.#open()));
  }

  /** As the hub takes them. */
  get corners() {
    return this.#corners.list;
  }

  destroy() {
    this.#isOver = true;
    this.#end();
    for (const marker of [...this.#markers, ...this.#middles]) marker.remove();
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
      this.#map.map.doubleClickZoom.disable(); // two clicks are meant for one corner
      this.#map.map.on("click", ({ lngLat, originalEvent }) => originalEvent.detail < 2 && this.#insert(this.corners.length, placeOf(lngLat)));
      const area = areaOf(this.corners);
      if (area) this.#map.show(area);
      this.#changed();
    } catch (error) {
      console.info("There is no map.", error);
      this.#hasMap = false;
      this.#context.update();
    }
  }

  /** @param {number} index @param {Corner} corner */
  #insert(index, corner) {
    this.#corners.insert(index, corner);
    this.#changed();
  }

  /** By keyboard: where the map looks, or beside the last one. */
  #addHere = () => {
    const centre = this.#map?.map.getCenter();
    this.#insert(this.corners.length, centre ? placeOf(centre) : (this.corners.at(-1) ?? { longitude: 0, latitude: 0 }));
    this.#focus(this.corners.length - 1, "input");
  };

  /** By keyboard: half-way to the next one. @param {number} index */
  #insertBehind(index) {
    this.#insert(index + 1, /** @type {Corner} */ (middles(this.corners)[index]));
    this.#focus(index + 1, "input");
  }

  /** @param {number} index */
  #remove(index) {
    this.#corners.remove(index);
    this.#changed();
    this.#focus(Math.min(index, this.corners.length - 1), "button:last-child");
  }

  #undo = () => {
    this.#corners.undo();
    this.#changed();
  };

  /** @param {KeyboardEvent} event */
  #keyed = (event) => {
    if (event.key.toLowerCase() !== "z" || event.shiftKey || !(event.ctrlKey || event.metaKey) || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    this.#undo();
  };

  /** Something in the row of a corner, once it is drawn; without one, the button that adds one. @param {number} index @param {string} what */
  #focus(index, what) {
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        const found = document.querySelector(`.corner-row:nth-child(${index + 1}) ${what}`) ?? document.querySelector(".area-add");
        /** @type {HTMLElement | null} */ (found)?.focus();
      }),
    );
  }

  /** Draw it anew, on the map and in the list. */
  #changed() {
    this.#context.update();
    const map = this.#map?.map;
    if (!map || !this.#Marker) return;
    const ring = outline(this.corners);
    const line = /** @type {GeoJSON.Feature} */ ({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: ring } });
    const filled = /** @type {GeoJSON.Feature} */ ({ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } });
    this.#overlay?.show(ring.length > 3 ? [line, filled] : ring.length > 1 ? [line] : []);
    place(this.#markers, this.corners, (index) => this.#mark(map, index));
    place(this.#middles, middles(this.corners), () => this.#markMiddle(map));
  }

  /** @param {import("maplibre-gl").Map} map @param {string} kind @param {string} text @returns {Marker} the list says the same, and takes the keyboard */
  #marker(map, kind, text) {
    const element = document.createElement("div");
    element.className = kind;
    element.textContent = text;
    const Marker = /** @type {typeof import("maplibre-gl").Marker} */ (this.#Marker);
    const marker = new Marker({ element, draggable: true }).setLngLat(map.getCenter()).addTo(map);
    element.removeAttribute("aria-label");
    element.removeAttribute("tabindex");
    element.setAttribute("aria-hidden", "true");
    return marker;
  }

  /** @param {import("maplibre-gl").Map} map @param {number} index */
  #mark(map, index) {
    const marker = this.#marker(map, "corner", String(index + 1));
    marker.on("dragstart", () => this.#corners.begin());
    marker.on("drag", () => this.#drag(index, marker));
    marker.getElement().addEventListener("click", (event) => event.stopPropagation());
    return marker;
  }

  /** A click puts a corner there, and pulling it away one where it is let go. @param {import("maplibre-gl").Map} map */
  #markMiddle(map) {
    const marker = this.#marker(map, "corner-middle", "");
    let index = -1;
    const insert = () => this.#insert((index = this.#middles.indexOf(marker) + 1), placeOf(marker.getLngLat()));
    marker.on("dragstart", () => {
      insert();
      this.#middles.splice(index - 1, 1); // it is pulled on, over the new corner
    });
    marker.on("drag", () => this.#drag(index, marker));
    marker.on("dragend", () => marker.remove());
    marker.getElement().addEventListener("click", (event) => {
      event.stopPropagation();
      if (this.#middles.includes(marker)) insert();
    });
    return marker;
  }

  /** @param {number} index @param {Marker} marker */
  #drag(index, marker) {
    this.#corners.move(index, placeOf(marker.getLngLat()));
    this.#changed();
  }

  render() {
    return html`<div class="area" @keydown=${this.#keyed}>
      <div class="area-map">${this.#hasMap ? nothing : html`<p class="empty">${t("map.none")}</p>`}</div>
      <fieldset class="area-corners">
        <legend>${t("area.corners")} <span class="count">${this.corners.length || ""}</span></legend>
        <p class="aside">${t("area.how")}</p>
        <ol>
          ${this.corners.map(
            (corner, index) => html`<li class="corner-row">
              <span class="corner-number" aria-hidden="true">${index + 1}</span>
              ${this.#degree(corner.latitude, index, "latitude", 90)} ${this.#degree(corner.longitude, index, "longitude", 180)}
              ${this.corners.length > 1
                ? html`<button type="button" class="button quiet small" aria-label=${t("area.insert", { number: index + 1 })} title=${t("area.insert", { number: index + 1 })} @click=${() => this.#insertBehind(index)}>${icon("plus")}</button>`
                : nothing}
              <button type="button" class="button quiet small" aria-label=${t("area.remove", { number: index + 1 })} @click=${() => this.#remove(index)}>${icon("close")}</button>
            </li>`,
          )}
        </ol>
        <div class="buttons">
          <button type="button" class="button small area-add" @click=${this.#addHere}>${icon("plus")}${t("area.add")}</button>
          <button type="button" class="button small" aria-disabled=${!this.#corners.mayUndo} @click=${this.#undo}>${t("area.undo")}</button>
        </div>
      </fieldset>
    </div>`;
  }

  /** @param {number} value @param {number} index @param {"latitude" | "longitude"} name @param {number} most */
  #degree(value, index, name, most) {
    const typed = (/** @type {Event} */ event) => {
      const box = /** @type {HTMLInputElement} */ (event.target);
      if (box.value !== "" && box.validity.valid) {
        this.#corners.type(index, { [name]: Number(box.value) });
        this.#changed();
      }
    };
    return html`<input type="number" step="any" min=${-most} max=${most} required .value=${String(value)} aria-label=${t(`area.${name}`, { number: index + 1 })} @change=${typed} />`;
  }
}

/** @param {import("maplibre-gl").LngLat} lngLat @returns {Corner} */
const placeOf = ({ lng, lat }) => ({ longitude: lng, latitude: lat });

/** Have a marker at each place. @param {Marker[]} markers @param {readonly Corner[]} places @param {(index: number) => Marker} make */
function place(markers, places, make) {
  for (const marker of markers.splice(places.length)) marker.remove();
  places.forEach(({ longitude, latitude }, index) => (markers[index] ??= make(index)).setLngLat([longitude, latitude]));
}

/** @param {import("../../map/palette.js").Palette} palette */
const layers = (palette) =>
  /** @type {any[]} */ ([
    { id: "draft-fill", type: "fill", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": palette.area, "fill-opacity": 0.18 } },
    { id: "draft-line", type: "line", filter: ["==", ["geometry-type"], "LineString"], paint: { "line-color": palette.area, "line-width": 2.5 } },
  ]);
