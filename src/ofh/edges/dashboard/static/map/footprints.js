// @ts-check
/** The ground that photos show: of the newest ones of the workspace, of one drone or of one flight. Fetched while they are shown; new ones come as they are known. */

import { Overlay } from "./overlay.js";

/** Photos at the most: what lies below others cannot be told apart any more. */
const MOST = 100;
const AGAIN_MS = 4_000;
const PHOTOS = `query Footprints($id: ID!, $filter: MediaFilter) { workspace(id: $id) { media(first: ${MOST}, filter: $filter) {
  edges { node { id fileName groundCoverage { geoJson } camera { longitude latitude } } } } } }`;

/** @typedef {{ droneId?: string, flightId?: string }} Which */

/** @param {import("./palette.js").Palette} palette */
const layers = (palette) => /** @type {any[]} */ ([
  { id: "footprints-fill", type: "fill", filter: ["==", ["geometry-type"], "Polygon"], paint: {
    "fill-color": palette.footprint, "fill-opacity": ["case", ["get", "chosen"], 0.28, 0.07] } },
  { id: "footprints-line", type: "line", filter: ["==", ["geometry-type"], "Polygon"], paint: {
    "line-color": palette.footprint, "line-opacity": ["case", ["get", "chosen"], 1, 0.5], "line-width": ["case", ["get", "chosen"], 2.4, 1] } },
  { id: "footprints-camera", type: "circle", filter: ["==", ["geometry-type"], "Point"], paint: {
    "circle-color": palette.footprint, "circle-radius": ["case", ["get", "chosen"], 4.5, 2], "circle-stroke-color": palette.rim, "circle-stroke-width": 1 } },
]);

export class Footprints {
  #overlay;
  #fleet;
  #query;
  /** @type {Which | null} */
  #which = null;
  /** @type {string | null} */
  #chosen = null;
  /** @type {any[]} */
  #photos = [];
  #asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #end;

  /** @param {{ map: import("maplibre-gl").Map, palette: import("./palette.js").Palette, fleet: import("../model/picture.js").Picture, query?: import("./map.js").Query }} needs */
  constructor({ map, palette, fleet, query }) {
    this.#overlay = new Overlay(map, "footprints", palette, layers);
    this.#fleet = fleet;
    this.#query = query;
    this.#end = fleet.on("media", () => this.#later());
  }

  destroy() {
    this.#end();
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#overlay.destroy();
  }

  /** @param {import("./palette.js").Palette} palette */
  setPalette(palette) {
    this.#overlay.setPalette(palette);
  }

  /** Which are shown; null: none. @param {Which | null} which */
  choose(which) {
    this.#which = which;
    this.#photos = [];
    this.#show();
    void this.#load();
  }

  /** Of these one stands out. @param {string | null} mediaId */
  highlight(mediaId) {
    this.#chosen = mediaId;
    this.#show();
  }

  #later() {
    if (this.#which === null || this.#timer !== undefined) return; // one of many that come together
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#load();
    }, AGAIN_MS);
  }

  async #load() {
    const asked = ++this.#asked;
    if (this.#which === null || this.#query === undefined) return;
    try {
      const { workspace } = await this.#query(PHOTOS, { id: this.#fleet.workspaceId, filter: this.#which });
      if (asked !== this.#asked) return;
      this.#photos = (workspace?.media.edges ?? []).map((/** @type {any} */ edge) => edge.node);
      this.#show();
    } catch (error) {
      console.info("What photos show of the ground could not be fetched; it is tried again.", error);
      if (asked === this.#asked) this.#later();
    }
  }

  #show() {
    /** @type {GeoJSON.Feature[]} */
    const features = [];
    for (const { id, fileName, groundCoverage, camera } of this.#photos) {
      const properties = { id, fileName, chosen: id === this.#chosen };
      if (groundCoverage?.geoJson) features.push({ type: "Feature", properties, geometry: groundCoverage.geoJson });
      if (camera) features.push({ type: "Feature", properties, geometry: { type: "Point", coordinates: [camera.longitude, camera.latitude] } });
    }
    this.#overlay.show(features);
  }
}
