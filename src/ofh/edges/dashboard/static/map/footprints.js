// @ts-check
/** The ground that photos show: of the newest ones of the workspace, of one drone or of one flight. Fetched while they are shown; new ones come as they are known. */

import { Overlay } from "./overlay.js";

/** Photos at the most: what lies below others cannot be told apart any more. */
const MOST = 100;
const AGAIN_MS = 4_000;
const PHOTOS = `query Footprints($id: ID!, $filter: MediaFilter) { workspace(id: $id) { media(first: ${MOST}, filter: $filter) {
  edges { node { id fileName capturedAt createdAt thumbnailUrl file { url } groundCoverage { geoJson } camera { longitude latitude } } } } } }`;

/** @typedef {{ droneId?: string, flightId?: string }} Which */
/** @typedef {{ id: string, fileName: string, capturedAt: string | null, createdAt: string, thumbnailUrl: string | null, file: { url: string },
 *   groundCoverage: { geoJson: GeoJSON.Polygon | null } | null, camera: { longitude: number, latitude: number } | null }} Photo */

/** One value for the one that stands out, another for those that are there to be found only, and one for all others. @type {(chosen: number, quiet: number, other: number) => any} */
const byStanding = (chosen, quiet, other) => ["case", ["boolean", ["feature-state", "chosen"], false], chosen, ["get", "isQuiet"], quiet, other];
/** @param {import("./palette.js").Palette} palette */
const layers = (palette) => /** @type {any[]} */ ([
  { id: "footprints-fill", type: "fill", filter: ["==", ["geometry-type"], "Polygon"], paint: {
    "fill-color": palette.footprint, "fill-opacity": byStanding(0.34, 0, 0.07) } },
  { id: "footprints-line", type: "line", filter: ["==", ["geometry-type"], "Polygon"], paint: {
    "line-color": palette.footprint, "line-opacity": byStanding(1, 0, 0.5), "line-width": byStanding(2.6, 0, 1) } },
  { id: "footprints-camera", type: "circle", filter: ["==", ["geometry-type"], "Point"], paint: {
    "circle-color": palette.footprint, "circle-radius": byStanding(5.5, 3, 2.5), "circle-stroke-color": palette.rim, "circle-stroke-width": 1 } },
]);

export class Footprints {
  #map;
  #overlay;
  #fleet;
  #query;
  /** @type {Which | null} */
  #which = null;
  #isQuiet = false;
  /** @type {string | null} */
  #chosen = null;
  /** @type {Photo[]} */
  #photos = [];
  #asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #ends;

  /** @param {{ map: import("maplibre-gl").Map, palette: import("./palette.js").Palette, fleet: import("../model/picture.js").Picture, query?: import("./map.js").Query }} needs */
  constructor({ map, palette, fleet, query }) {
    this.#map = map;
    this.#overlay = new Overlay(map, "footprints", palette, layers);
    this.#fleet = fleet;
    this.#query = query;
    this.#ends = [fleet.on("media", () => this.#later()), fleet.on("coverage", () => this.#later()), fleet.on("picture", () => this.#later())];
    map.on("style.load", this.#mark);
  }

  destroy() {
    for (const end of this.#ends) end();
    this.#map.off("style.load", this.#mark);
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#overlay.destroy();
  }

  /** @param {import("./palette.js").Palette} palette */
  setPalette(palette) {
    this.#overlay.setPalette(palette);
  }

  /** Which are shown; null: none. @param {Which | null} which @param {boolean} isQuiet whether their ground is only seen where one points at it */
  choose(which, isQuiet) {
    if (JSON.stringify(which) === JSON.stringify(this.#which) && isQuiet === this.#isQuiet) return;
    [this.#which, this.#isQuiet, this.#photos] = [which, isQuiet, []];
    this.#show();
    void this.#load();
  }

  /** There may be more of them. */
  renew() {
    this.#later();
  }

  /** Of these one stands out. @param {string | null} mediaId */
  highlight(mediaId) {
    if (mediaId === this.#chosen) return;
    this.#chosen = mediaId;
    this.#mark();
  }

  /** The photos that show a place, or were taken there: the newest first. @param {import("maplibre-gl").PointLike} point CSS pixels @returns {Photo[]} */
  at(point) {
    if (this.#photos.length === 0 || !this.#map.getLayer("footprints-fill")) return [];
    const ids = new Set(this.#map.queryRenderedFeatures(point, { layers: ["footprints-fill", "footprints-camera"] }).map(({ properties }) => properties.id));
    return this.#photos.filter(({ id }) => ids.has(id));
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
    for (const { id, groundCoverage, camera } of this.#photos) {
      const properties = { id, isQuiet: this.#isQuiet };
      if (groundCoverage?.geoJson) features.push({ type: "Feature", id: Number(id), properties, geometry: groundCoverage.geoJson });
      if (camera) features.push({ type: "Feature", id: Number(id), properties, geometry: { type: "Point", coordinates: [camera.longitude, camera.latitude] } });
    }
    this.#overlay.show(features);
  }

  /** The one that stands out does so without all being drawn anew. */
  #mark = () => {
    if (!this.#map.getSource("footprints")) return;
    this.#map.removeFeatureState({ source: "footprints" });
    if (this.#chosen !== null) this.#map.setFeatureState({ source: "footprints", id: Number(this.#chosen) }, { chosen: true });
  };
}
