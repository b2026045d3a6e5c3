// @ts-check
/** The areas that the workspace's alert rules are about; one whose alert stands is told apart by colour, a thick line and a fill. */

import { unwrap } from "./geometry.js";
import { Overlay } from "./overlay.js";

const RULES = `query Areas($id: ID!) { workspace(id: $id) { alertRules { id kind name enabled onEnter area { longitude latitude } } } }`;

const AGAIN_MS = 10_000;

/** @typedef {{ id: string, name: string, enabled: boolean, onEnter: boolean | null, area: import("./geometry.js").Place[] | null }} Rule */

/** @param {import("./palette.js").Palette} palette */
const layers = (palette) => /** @type {any[]} */ ([
  { id: "areas-fill", type: "fill", paint: {
    "fill-color": ["case", ["get", "stands"], palette.areaAlert, palette.area],
    "fill-opacity": ["case", ["get", "stands"], 0.2, ["get", "onEnter"], 0.1, 0.03] } },
  { id: "areas-line", type: "line", filter: ["!", ["get", "stands"]], layout: { "line-join": "round" }, paint: {
    "line-color": palette.area, "line-width": 1.6, "line-dasharray": [3, 2] } },
  { id: "areas-alert", type: "line", filter: ["get", "stands"], layout: { "line-join": "round" }, paint: {
    "line-color": palette.areaAlert, "line-width": 3.2 } },
  { id: "areas-name", type: "symbol", minzoom: 9, layout: { "symbol-placement": "line", "text-field": ["get", "name"], "text-size": 12,
    "text-font": ["system-ui", "sans-serif"], "text-offset": [0, 0.9], "symbol-spacing": 600 }, paint: {
    "text-color": ["case", ["get", "stands"], palette.areaAlert, palette.area], "text-halo-color": palette.land, "text-halo-width": 1.5 } },
]);

export class Areas {
  #overlay;
  #fleet;
  #query;
  /** @type {Rule[]} */
  #rules = [];
  #asked = 0;
  #ends;

  /** @param {{ map: import("maplibre-gl").Map, palette: import("./palette.js").Palette, fleet: import("../model/picture.js").Picture, query?: import("./map.js").Query }} needs */
  constructor({ map, palette, fleet, query }) {
    this.#overlay = new Overlay(map, "areas", palette, layers);
    this.#fleet = fleet;
    this.#query = query;
    this.#ends = [fleet.on("alerts", () => this.#show()), fleet.on("rules", () => void this.load()), fleet.on("picture", () => void this.load())];
    void this.load();
  }

  destroy() {
    for (const end of this.#ends) end();
    this.#asked += 1;
    this.#overlay.destroy();
  }

  /** @param {import("./palette.js").Palette} palette */
  setPalette(palette) {
    this.#overlay.setPalette(palette);
  }

  /** Ask for the rules anew: when one has been changed, and with each new picture. */
  async load() {
    if (this.#query === undefined) return;
    const asked = ++this.#asked;
    try {
      const { workspace } = await this.#query(RULES, { id: this.#fleet.workspaceId });
      if (asked !== this.#asked) return;
      this.#rules = (workspace?.alertRules ?? []).filter((/** @type {Rule} */ rule) => rule.enabled && rule.area);
      this.#show();
    } catch (error) {
      console.info("The areas of the alert rules could not be fetched; it is tried again.", error);
      setTimeout(() => asked === this.#asked && void this.load(), AGAIN_MS);
    }
  }

  #show() {
    const standing = new Set([...this.#fleet.alerts.values()].map(({ rule }) => rule?.id));
    this.#overlay.show(
      this.#rules.map(({ id, name, onEnter, area }) => {
        const ring = unwrap(/** @type {import("./geometry.js").Place[]} */ (area)).map(({ longitude, latitude }) => [longitude, latitude]);
        return {
          type: "Feature",
          properties: { id, name, onEnter, stands: standing.has(id) },
          geometry: { type: "Polygon", coordinates: [[...ring, ring[0]]] },
        };
      }),
    );
  }
}
