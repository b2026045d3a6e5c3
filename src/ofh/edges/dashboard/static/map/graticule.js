// @ts-check
/** Lines of longitude and latitude, as fine as the map is near, with what they are. On the map that comes with the hub they are all there is to hold on to when it is near. */

import { Overlay } from "./overlay.js";
import { wrapLongitude } from "./geometry.js";
import { enlargement } from "./wall.js";

/** Degrees; below one each is a tenth, a half or a fifth of a round number. */
const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
/** Pixels between two lines, at least. */
const LEAST_PX = 130;

/** How many degrees lie between lines. @param {number} zoom */
export function stepAt(zoom) {
  const degreePx = (512 * 2 ** zoom) / 360;
  return [...STEPS].reverse().find((step) => step * degreePx >= LEAST_PX) ?? STEPS[0];
}

/**
 * How the reader's language has them: numbers, and the letters of north, east, south and west.
 * @typedef {{ number: (value: number, digits: number) => string, letters: readonly string[] }} Spelling
 */
/** @type {Spelling} */
const PLAIN = { number: (value, digits) => value.toFixed(digits), letters: ["N", "E", "S", "W"] };

/** In the page's language, with letters that are given. @param {Record<string, string>} [words] `Compass`: north, east, south and west @returns {Spelling} */
export function spellingOf(words) {
  const number = (/** @type {number} */ value, /** @type {number} */ digits) =>
    value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return { number, letters: words?.Compass?.split(" ") ?? PLAIN.letters };
}

/** @param {number} degrees @param {string} positive @param {string} negative @param {number} step @param {Spelling} [spelling] */
export function degreeText(degrees, positive, negative, step, { number } = PLAIN) {
  const digits = step >= 1 ? 0 : Math.ceil(-Math.log10(step) - 1e-9);
  const value = Number(Math.abs(degrees).toFixed(digits));
  return `${number(value, digits)}°${value === 0 || value === 180 ? "" : ` ${degrees > 0 ? positive : negative}`}`;
}

/**
 * The lines over a part of the map, each with its words where it leaves the part at the left or at the top.
 * @param {import("./geometry.js").Area} shown `east` not wrapped
 * @param {number} step degrees
 * @param {Spelling} [spelling]
 * @returns {GeoJSON.Feature[]}
 */
export function graticule({ west, south, east, north }, step, spelling = PLAIN) {
  const [n = "", e = "", s = "", w = ""] = spelling.letters;
  const [up, across] = [north - south, east - west];
  /** @type {GeoJSON.Feature[]} */
  const features = [];
  /** @type {(words: string | null, coordinates: number[][]) => void} */
  const line = (_, coordinates) => void features.push({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } });
  /** @type {(words: string, at: number[], isMeridian: boolean) => void} */
  const words = (text, at, isMeridian) =>
    void features.push({ type: "Feature", properties: { words: text, isMeridian }, geometry: { type: "Point", coordinates: at } });
  for (let index = Math.floor((west - across) / step); index * step <= east + across; index++) {
    const longitude = index * step;
    line(null, [[longitude, Math.max(-85, south - up)], [longitude, Math.min(85, north + up)]]);
    if (longitude > west && longitude < east) words(degreeText(wrapLongitude(longitude), e, w, step, spelling), [longitude, north], true);
  }
  for (let index = Math.floor(Math.max(-85, south - up) / step); index * step <= Math.min(85, north + up); index++) {
    const latitude = index * step;
    line(null, [[west - across, latitude], [east + across, latitude]]);
    if (latitude > south && latitude < north) words(degreeText(latitude, n, s, step, spelling), [west, latitude], false);
  }
  return features;
}

/** @param {import("./palette.js").Palette} palette */
const layers = (palette) => /** @type {any[]} */ ([
  { id: "graticule-line", type: "line", filter: ["==", ["geometry-type"], "LineString"], paint: { "line-color": palette.grid, "line-width": 1 } },
  { id: "graticule-words", type: "symbol", filter: ["==", ["geometry-type"], "Point"], layout: {
    "text-field": ["get", "words"], "text-size": 11 * enlargement(), "text-font": ["system-ui", "sans-serif"], "text-allow-overlap": true,
    "text-anchor": ["case", ["get", "isMeridian"], "top-left", "bottom-left"], "text-offset": ["case", ["get", "isMeridian"], ["literal", [0.4, 0.3]], ["literal", [0.4, -0.2]]] },
    paint: { "text-color": palette.gridText } },
]);

export class Graticule {
  #map;
  #overlay;
  #spelling;

  /** @param {import("maplibre-gl").Map} map @param {import("./palette.js").Palette} palette @param {Spelling} [spelling] */
  constructor(map, palette, spelling = PLAIN) {
    this.#map = map;
    this.#spelling = spelling;
    this.#overlay = new Overlay(map, "graticule", palette, layers);
    map.on("moveend", this.#show);
    map.on("resize", this.#show);
    this.#show();
  }

  destroy() {
    this.#map.off("moveend", this.#show);
    this.#map.off("resize", this.#show);
    this.#overlay.destroy();
  }

  /** @param {import("./palette.js").Palette} palette */
  setPalette(palette) {
    this.#overlay.setPalette(palette);
  }

  #show = () => {
    const bounds = this.#map.getBounds();
    const shown = { west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(), north: bounds.getNorth() };
    this.#overlay.show(graticule(shown, stepAt(this.#map.getZoom()), this.#spelling));
  };
}
