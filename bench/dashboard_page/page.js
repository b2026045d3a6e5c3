// @ts-check
/**
 * The dashboard's map over a made-up fleet, and beside it the two ways of drawing that it could have had:
 * `sprites` as it is; `layer`, the same with the map drawn anew in every frame, as a layer within it has it; `geojson`,
 * a source of MapLibre's that is set anew in every frame.
 */
import { createMap } from "/static/map/map.js";
import { fromMercator } from "/static/map/geometry.js";
import { movedOn, placeAt, restingAt } from "/static/map/motion.js";
import { drawSymbols, CELL_PX } from "/static/map/symbols.js";
import { PALETTES } from "/static/map/palette.js";
import { Clock } from "/static/model/clock.js";
import { Fleet } from "/static/model/fleet.js";
import { Reports } from "./reports.js";

const given = new URLSearchParams(location.search);
if (given.get("draw") !== "1") {
  // A processor that stands in for a graphics card would be all that is measured: the calls are made, nothing is drawn.
  for (const name of ["drawArrays", "drawElements", "drawArraysInstanced", "drawElementsInstanced"])
    WebGL2RenderingContext.prototype[name] = () => {};
}
const [count, way] = [Number(given.get("count")), given.get("way")];
const middle = { longitude: 8.55, latitude: 47.37 };
const ZOOM = 16;
const metres = (pixels) => (pixels * 40_075_016 * Math.cos((middle.latitude * Math.PI) / 180)) / (512 * 2 ** ZOOM);
const reports = new Reports(count, middle, metres(innerWidth * 0.9), metres(innerHeight * 0.9));
const clock = new Clock();
const fleet = new Fleet({ client: reports, workspaceId: "1", clock });
const settings = { units: "metric", language: "en", isDark: false };
const shown = way === "geojson" ? Object.assign(Object.create(fleet), { drones: new Map(), on: () => () => {} }) : fleet;
const handle = createMap(document.querySelector("#map"), { fleet: shown, settings, clock, onSelect: () => {} });
handle.map.jumpTo({ center: [middle.longitude, middle.latitude], zoom: ZOOM });

const figures = { frames: 0, pictures: 0 };
const chances = () => {
  figures.frames += 1;
  requestAnimationFrame(chances);
};
requestAnimationFrame(chances);
globalThis.figures = () => ({ chances: figures.frames, drawn: way === "sprites" ? handle.scene.figures.frames : figures.pictures, now: performance.now() });

if (way === "layer") {
  handle.map.on("render", () => (figures.pictures += 1));
  const again = () => {
    handle.map.triggerRepaint();
    requestAnimationFrame(again);
  };
  again();
}
if (way === "geojson") {
  const motions = new Map();
  fleet.on("change", (ids) => {
    for (const id of ids) {
      const fix = fleet.drones.get(id)?.fixes.at(-1);
      if (fix) motions.set(id, motions.has(id) ? movedOn(motions.get(id), fix, performance.now()) : restingAt(fix, performance.now()));
    }
  });
  handle.map.on("style.load", () => {
    const symbols = drawSymbols(PALETTES.light);
    const side = symbols.height;
    handle.map.addImage("flying", symbols.getContext("2d").getImageData(0, 0, side, side), { pixelRatio: side / CELL_PX });
    handle.map.addSource("fleet", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
    handle.map.addLayer({ id: "fleet", type: "symbol", source: "fleet", layout: {
      "icon-image": "flying", "icon-rotate": ["get", "heading"], "icon-rotation-alignment": "map", "icon-allow-overlap": true, "icon-ignore-placement": true } });
    handle.map.on("sourcedata", (event) => event.sourceId === "fleet" && event.tile === undefined && (figures.pictures += 1));
    const again = () => {
      const now = performance.now();
      const features = [...motions.values()].map((motion) => {
        const place = placeAt(motion, now);
        const { longitude, latitude } = fromMercator(place);
        return { type: "Feature", properties: { heading: place.heading }, geometry: { type: "Point", coordinates: [longitude, latitude] } };
      });
      handle.map.getSource("fleet").setData({ type: "FeatureCollection", features });
      requestAnimationFrame(again);
    };
    again();
  });
}
