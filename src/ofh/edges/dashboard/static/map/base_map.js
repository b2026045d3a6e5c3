// @ts-check
/**
 * What lies below: by default land, borders and a graticule that come with the hub, and so need no internet; else a style
 * or a PMTiles archive that the hub's operator has set.
 */

import { PALETTES } from "./palette.js";
import { tilesStyle } from "./tiles_style.js";

/** @typedef {import("./palette.js").Theme} Theme */
/** Addresses that the hub's operator has set, null where not. @typedef {{ style: string | null, pmtiles: string | null }} MapSource */

/** Coast lines of 1:50 million are off by kilometres: nearer than this they would put aircraft into the sea. */
const COAST_ENDS = [8.5, 10.5];
const WORLD = new URL("../vendor/world.json", import.meta.url).href;

/** @param {MapSource} source @param {Theme} theme @returns {Promise<string | import("maplibre-gl").StyleSpecification>} */
export async function styleOf({ style, pmtiles }, theme) {
  if (style !== null) return style;
  if (pmtiles !== null) return tilesStyle(new URL(pmtiles, location.href).href, theme);
  return offlineStyle(theme);
}

/** @param {Theme} theme @returns {import("maplibre-gl").StyleSpecification} */
export function offlineStyle(theme) {
  const palette = PALETTES[theme];
  const [from, to] = COAST_ENDS;
  /** @type {(near: string) => any} */
  const landAtLast = (near) => ["interpolate", ["linear"], ["zoom"], from, near, to, palette.land];
  /** @type {any} */
  const fading = ["interpolate", ["linear"], ["zoom"], from, 1, to, 0];
  return {
    version: 8,
    sources: {
      world: { type: "geojson", data: WORLD, maxzoom: 9, tolerance: 0.3, attribution: "Natural Earth" },
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": landAtLast(palette.sea) } },
      { id: "land", type: "fill", source: "world", maxzoom: to + 0.5, filter: ["==", ["get", "kind"], "land"],
        paint: { "fill-color": palette.land, "fill-antialias": false } },
      { id: "coast", type: "line", source: "world", maxzoom: to, filter: ["==", ["get", "kind"], "land"],
        paint: { "line-color": palette.coast, "line-width": ["interpolate", ["linear"], ["zoom"], 1, 0.5, 8, 1.4], "line-opacity": fading } },
      { id: "borders", type: "line", source: "world", maxzoom: to, filter: ["==", ["get", "kind"], "border"],
        paint: { "line-color": palette.border, "line-width": ["interpolate", ["linear"], ["zoom"], 1, 0.5, 8, 1.4], "line-dasharray": [4, 2], "line-opacity": fading } },
    ],
  };
}
