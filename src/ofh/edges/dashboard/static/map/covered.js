// @ts-check
/** The ground that many photos show together, as one area below everything else that is drawn. */

import { linesOf } from "./outlines.js";
import { Overlay } from "./overlay.js";

/** @param {import("./palette.js").Palette} palette */
const layers = (palette) => /** @type {any[]} */ ([
  // Without the fill's own edge, which would show where the antimeridian cuts it.
  { id: "covered-fill", type: "fill", filter: ["==", ["geometry-type"], "Polygon"], paint: {
    "fill-color": palette.covered, "fill-opacity": 0.2, "fill-antialias": false } },
  { id: "covered-line", type: "line", filter: ["==", ["geometry-type"], "LineString"], layout: { "line-join": "round" }, paint: {
    "line-color": palette.covered, "line-width": ["interpolate", ["linear"], ["zoom"], 10, 1, 16, 2] } },
]);

export class Covered {
  #overlay;

  /** @param {{ map: import("maplibre-gl").Map, palette: import("./palette.js").Palette }} needs */
  constructor({ map, palette }) {
    this.#overlay = new Overlay(map, "covered", palette, layers);
  }

  destroy() {
    this.#overlay.destroy();
  }

  /** @param {import("./palette.js").Palette} palette */
  setPalette(palette) {
    this.#overlay.setPalette(palette);
  }

  /** @param {import("./outlines.js").Ground | null} ground null: none */
  show(ground) {
    if (ground === null) return this.#overlay.show([]);
    this.#overlay.show([
      { type: "Feature", properties: {}, geometry: ground },
      { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: linesOf(ground) } },
    ]);
  }
}
