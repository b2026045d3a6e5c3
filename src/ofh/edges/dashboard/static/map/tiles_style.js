// @ts-check
/**
 * A style for whatever a PMTiles archive holds: pictures as they are; of vector tiles what both common schemas, Protomaps'
 * and OpenMapTiles', have by one name or another. It is quiet, since aircraft are to be seen, not roads.
 */

import { PALETTES } from "./palette.js";
import { archiveAt, SCHEME } from "./pmtiles.js";

/** @param {string} url @param {import("./palette.js").Theme} theme @returns {Promise<import("maplibre-gl").StyleSpecification>} */
export async function tilesStyle(url, theme) {
  const { kind, minZoom, maxZoom, bounds, metadata } = await archiveAt(url).head();
  const common = {
    tiles: [`${SCHEME}://${url}/{z}/{x}/{y}`], minzoom: minZoom, maxzoom: maxZoom, bounds,
    attribution: typeof metadata.attribution === "string" ? metadata.attribution : undefined,
  };
  const palette = PALETTES[theme];
  /** @type {any} */
  const below = { id: "below", type: "background", paint: { "background-color": palette.land } };
  if (kind !== "vector") {
    /** @type {any} */
    const pictures = { id: "tiles", type: "raster", source: "tiles", paint: theme === "dark" ? { "raster-brightness-max": 0.55, "raster-saturation": -0.35 } : {} };
    return { version: 8, sources: { tiles: { type: "raster", tileSize: 256, ...common } }, layers: [below, pictures] };
  }
  const there = new Set((metadata.vector_layers ?? []).map((/** @type {{ id: string }} */ layer) => layer.id));
  const layers = vectorLayers(palette).filter((layer) => there.has(layer["source-layer"]));
  const sea = there.has("earth") ? [{ ...below, paint: { "background-color": palette.sea } }] : [below];
  return { version: 8, sources: { tiles: { type: "vector", ...common } }, layers: [...sea, ...layers.map((layer) => ({ ...layer, source: "tiles" }))] };
}

/** Kinds of roads by width, in either schema. */
const WIDE = ["motorway", "trunk", "primary", "highway", "major_road"];

/** @param {import("./palette.js").Palette} palette @returns {any[]} */
function vectorLayers(palette) {
  const kind = ["coalesce", ["get", "kind"], ["get", "class"], ""];
  const polygon = ["==", ["geometry-type"], "Polygon"];
  const line = ["==", ["geometry-type"], "LineString"];
  const isWide = ["in", kind, ["literal", WIDE]];
  const width = (/** @type {number} */ more) => ["interpolate", ["exponential", 1.6], ["zoom"], 6, ["case", isWide, 0.6, 0], 12, ["case", isWide, 2 + more, 0.6 + more], 18, ["case", isWide, 22 + more, 10 + more]];
  const name = ["coalesce", ["get", "name"], ["get", "name:en"], ""];
  /** @type {(id: string, source: string, paint: object, more?: object) => object} */
  const fill = (id, source, paint, more = {}) => ({ id, type: "fill", "source-layer": source, filter: polygon, paint, ...more });
  const green = ["wood", "forest", "park", "nature_reserve", "grass", "scrub", "grassland", "national_park", "farmland"];
  const woods = { "fill-color": palette.wood };
  const isGreen = ["all", polygon, ["in", kind, ["literal", green]]];
  return [
    fill("earth", "earth", { "fill-color": palette.land }),
    fill("landcover", "landcover", woods, { filter: isGreen }),
    fill("landuse", "landuse", woods, { filter: isGreen }),
    fill("park", "park", woods),
    fill("water", "water", { "fill-color": palette.water }),
    { id: "waterway", type: "line", "source-layer": "waterway", paint: { "line-color": palette.water, "line-width": 1.2 } },
    { id: "water-line", type: "line", "source-layer": "water", filter: line, paint: { "line-color": palette.water, "line-width": 1.2 } },
    fill("buildings", "buildings", { "fill-color": palette.building }, { minzoom: 13 }),
    fill("building", "building", { "fill-color": palette.building }, { minzoom: 13 }),
    ...["roads", "transportation"].flatMap((source) => [
      { id: `${source}-edge`, type: "line", "source-layer": source, filter: line, layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": palette.roadEdge, "line-width": width(1.4) } },
      { id: source, type: "line", "source-layer": source, filter: line, layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": palette.road, "line-width": width(0) } },
    ]),
    ...["boundaries", "boundary"].map((source) => ({ id: source, type: "line", "source-layer": source, filter: line, paint: { "line-color": palette.border, "line-width": 1, "line-dasharray": [4, 2] } })),
    ...["places", "place"].map((source) => ({
      id: source, type: "symbol", "source-layer": source, filter: ["==", ["geometry-type"], "Point"],
      layout: { "text-field": name, "text-size": ["interpolate", ["linear"], ["zoom"], 4, 11, 14, 14], "text-font": ["system-ui", "sans-serif"], "text-max-width": 8 },
      paint: { "text-color": palette.placeText, "text-halo-color": palette.placeHalo, "text-halo-width": 1.4 },
    })),
  ];
}
