// @ts-check
/** A small map of one photo: where its camera was and looked, the ground that it shows, and faint the photos beside it. */

import { html, render } from "lit-html";
import * as maplibre from "maplibre-gl";
import { BaseMap } from "./base_map.js";
import { beside, boundsOf, linesOf, ringsOf } from "./outlines.js";
import { Overlay } from "./overlay.js";
import { PALETTES } from "./palette.js";
import { registerPmtiles } from "./pmtiles.js";

/** `bearing`: degrees clockwise from true north that it looks to; null where that is not known, or straight down. @typedef {{ longitude: number, latitude: number, bearing: number | null }} Camera */
/** @typedef {{ id: string, camera: Camera | null, footprint: import("./outlines.js").Ground | null }} Shown */

const NEAREST_ZOOM = 18.5;

/** @param {import("./palette.js").Palette} palette */
const layers = (palette) => /** @type {any[]} */ ([
  { id: "place-others", type: "line", filter: ["all", ["==", ["geometry-type"], "LineString"], ["!", ["get", "isShown"]]], paint: {
    "line-color": palette.footprint, "line-opacity": 0.35, "line-width": 1 } },
  { id: "place-fill", type: "fill", filter: ["==", ["geometry-type"], "Polygon"], paint: {
    "fill-color": palette.footprint, "fill-opacity": 0.3, "fill-antialias": false } },
  { id: "place-line", type: "line", filter: ["all", ["==", ["geometry-type"], "LineString"], ["get", "isShown"]], layout: { "line-join": "round" }, paint: {
    "line-color": palette.footprint, "line-width": 2.4 } },
  { id: "place-cameras", type: "circle", filter: ["==", ["geometry-type"], "Point"], paint: {
    "circle-color": palette.footprint, "circle-opacity": 0.7, "circle-radius": 3.5, "circle-stroke-color": palette.rim, "circle-stroke-width": 1 } },
]);

export class PlaceMap {
  /** MapLibre's. @type {import("maplibre-gl").Map} */
  map;
  #theme;
  #overlay;
  #base;
  #camera;
  /** Whether it has looked anywhere yet. */
  #isPlaced = false;

  /**
   * @param {HTMLElement} element
   * @param {{ theme: import("./palette.js").Theme, source: import("./base_map.js").MapSource, words: Record<string, string>,
   *   onChoose: (id: string) => void }} needs `onChoose`: somebody clicked on another photo's camera
   */
  constructor(element, { theme, source, words, onChoose }) {
    this.#theme = theme;
    if (source.pmtiles) registerPmtiles(maplibre.addProtocol);
    this.map = new maplibre.Map({
      container: element, center: [10, 30], zoom: 1, attributionControl: false, maxPitch: 0, pitchWithRotate: false, touchPitch: false, rollEnabled: false,
      dragRotate: false, minZoom: 0.5, maxZoom: 21, fadeDuration: 0, locale: words, cooperativeGestures: false,
    });
    this.map.addControl(new maplibre.AttributionControl({ compact: true }), "top-left");
    this.map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
    this.#overlay = new Overlay(this.map, "place", PALETTES[theme], layers);
    this.#camera = new maplibre.Marker({ element: cameraElement(), rotationAlignment: "map", pitchAlignment: "map" });
    this.map.on("click", "place-cameras", ({ features }) => {
      const id = features?.[0]?.properties.id;
      if (id !== undefined) onChoose(String(id));
    });
    for (const kind of /** @type {const} */ (["mouseenter", "mouseleave"]))
      this.map.on(kind, "place-cameras", () => this.map.getCanvas().classList.toggle("is-pointing", kind === "mouseenter"));
    this.#base = new BaseMap({ map: this.map, source, theme, words });
  }

  destroy() {
    this.#camera.remove();
    this.#base.destroy();
    this.#overlay.destroy();
    this.map.remove();
  }

  /** @param {import("./palette.js").Theme} theme */
  setTheme(theme) {
    if (theme === this.#theme) return;
    this.#theme = theme;
    this.#overlay.setPalette(PALETTES[theme]);
    this.#base.setTheme(theme);
  }

  /** @param {Shown} shown @param {readonly Shown[]} others beside it */
  show({ id, camera, footprint }, others) {
    const first = footprint ? ringsOf(footprint)[0]?.[0]?.[0] : undefined;
    const middle = camera?.longitude ?? first ?? 0;
    /** @type {GeoJSON.Feature[]} */
    const features = [];
    /** @type {(ground: import("./outlines.js").Ground, isShown: boolean) => void} */
    const outline = (ground, isShown) => void features.push({ type: "Feature", properties: { isShown }, geometry: { type: "MultiLineString", coordinates: linesOf(ground) } });
    for (const other of others) {
      if (other.id === id) continue;
      if (other.footprint) outline(beside(other.footprint, middle), false);
      if (other.camera) features.push({ type: "Feature", properties: { id: other.id }, geometry: beside(pointOf(other.camera), middle) });
    }
    const ground = footprint && beside(footprint, middle);
    if (ground) {
      features.push({ type: "Feature", properties: { id, isShown: true }, geometry: ground });
      outline(ground, true);
    }
    this.#overlay.show(features);
    this.#mark(camera);
    const positions = [...(ground ? ringsOf(ground).flat() : []), ...(camera ? [pointOf(camera).coordinates] : [])];
    this.#fit(boundsOf(positions));
  }

  /** @param {import("./outlines.js").Bounds | null} bounds */
  #fit(bounds) {
    if (bounds === null) return;
    const { clientWidth, clientHeight } = this.map.getContainer();
    this.map.fitBounds(bounds, { padding: Math.min(36, clientWidth / 6, clientHeight / 6), maxZoom: NEAREST_ZOOM, animate: this.#isPlaced, duration: 400 });
    this.#isPlaced = true;
  }

  /** @param {Camera | null} camera */
  #mark(camera) {
    if (camera === null) return void this.#camera.remove();
    const { longitude, latitude, bearing } = camera;
    this.#camera.getElement().classList.toggle("has-view", bearing !== null);
    this.#camera.setLngLat([longitude, latitude]).setRotation(bearing ?? 0).addTo(this.map);
    const element = this.#camera.getElement();
    for (const name of ["aria-label", "role", "tabindex"]) element.removeAttribute(name);
  }
}

/** @param {Camera} camera @returns {GeoJSON.Point} */
const pointOf = ({ longitude, latitude }) => ({ type: "Point", coordinates: [longitude, latitude] });

/** A camera that looks up the picture, with the cone of its view. */
function cameraElement() {
  const element = document.createElement("div");
  element.className = "place-camera";
  element.setAttribute("aria-hidden", "true"); // the words below say the same
  render(
    html`<svg viewBox="-30 -30 60 60"><path class="view" d="M0 0L-15 -27A31 31 0 0 1 15 -27Z"></path><circle class="body" r="6.5"></circle></svg>`,
    element,
  );
  return element;
}
