// @ts-check
/**
 * What lies below: by default land, borders and a graticule that come with the hub, and so need no internet; else a style
 * or a PMTiles archive that the hub's operator has set. Where that cannot be loaded, the first stands in for it, and the map
 * says so.
 */

import { Graticule, spellingOf } from "./graticule.js";
import { PALETTES } from "./palette.js";
import { tilesStyle } from "./tiles_style.js";

/** @typedef {import("./palette.js").Theme} Theme */
/** Addresses that the hub's operator has set, null where not. @typedef {{ style: string | null, pmtiles: string | null }} MapSource */

/** Coast lines of 1:50 million are off by kilometres: nearer than this they would put aircraft into the sea. */
const COAST_ENDS = [8.5, 10.5];
const WORLD = new URL("../vendor/world.json", import.meta.url).href;

/** Milliseconds that a set style or archive has to answer, before the map that comes with the hub stands in for it. */
const PATIENCE_MS = 15_000;

/** @param {MapSource} source @param {Theme} theme @returns {Promise<string | import("maplibre-gl").StyleSpecification>} */
async function styleOf({ style, pmtiles }, theme) {
  if (style !== null) return style;
  if (pmtiles !== null) return tilesStyle(new URL(pmtiles, location.href).href, theme);
  return offlineStyle(theme);
}

/**
 * The style of a map, kept as the theme has it. `stage`: what was set is waited for, or shown; or what comes with the hub is.
 */
export class BaseMap {
  #map;
  #source;
  #theme;
  #words;
  /** @type {"waiting" | "shown" | "bundled"} */
  #stage = "bundled";
  /** @type {Graticule | null} */
  #graticule = null;
  #note = document.createElement("div");
  #turn = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {{ map: import("maplibre-gl").Map, source: MapSource, theme: Theme, words?: Record<string, string> }} needs */
  constructor({ map, source, theme, words = {} }) {
    this.#map = map;
    this.#source = source;
    this.#theme = theme;
    this.#words = words;
    this.#note.className = "maplibregl-ctrl map-note";
    this.#note.setAttribute("role", "status");
    map.addControl({ onAdd: () => this.#note, onRemove: () => this.#note.remove() }, "bottom-left");
    map.on("style.load", this.#loaded);
    map.on("sourcedata", this.#came);
    map.on("error", this.#failed);
    void this.#load();
  }

  destroy() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#map.off("style.load", this.#loaded);
    this.#map.off("sourcedata", this.#came);
    this.#map.off("error", this.#failed);
    this.#graticule?.destroy();
  }

  /** @param {Theme} theme */
  setTheme(theme) {
    if (theme === this.#theme) return;
    this.#theme = theme;
    this.#graticule?.setPalette(PALETTES[theme]);
    void this.#load();
  }

  /** What was set, if anything, else what comes with the hub. */
  async #load() {
    const turn = (this.#turn += 1);
    const isSet = this.#source.style !== null || this.#source.pmtiles !== null;
    clearTimeout(this.#timer);
    if (!isSet) return this.#bundle();
    this.#stage = "waiting";
    this.#timer = setTimeout(() => this.#standIn("no answer"), PATIENCE_MS);
    try {
      const style = await styleOf(this.#source, this.#theme);
      if (turn === this.#turn) this.#map.setStyle(style, { diff: false });
    } catch (error) {
      if (turn === this.#turn) this.#standIn(error);
    }
  }

  #bundle() {
    this.#stage = "bundled";
    this.#graticule ??= new Graticule(this.#map, PALETTES[this.#theme], spellingOf(this.#words));
    this.#map.setStyle(offlineStyle(this.#theme), { diff: false });
  }

  /** @param {unknown} why */
  #standIn(why) {
    console.warn("The map that was set cannot be loaded.", why);
    clearTimeout(this.#timer);
    this.#turn += 1;
    this.#bundle();
    this.#say("BaseMap.Missing");
  }

  #loaded = () => {
    if (this.#stage !== "waiting") return;
    clearTimeout(this.#timer);
    this.#stage = "shown";
    this.#graticule?.destroy();
    this.#graticule = null;
    this.#say(null);
  };

  /** Before a style is there any error is one of the style; later ones are of its parts. @param {{ error: any }} event */
  #failed = ({ error }) => {
    if (this.#stage === "waiting") return this.#standIn(error?.message ?? error);
    console.warn("The map is not whole.", error?.message ?? error);
    if (this.#stage === "shown") this.#say("BaseMap.Partial");
  };

  /** A tile is there: what failed before is not failing any more. @param {any} event MapLibre's `tile` is in no type */
  #came = ({ tile, source }) => {
    if (this.#stage === "shown" && tile?.hasData() && source?.type !== "geojson") this.#say(null);
  };

  /** @param {string | null} word why the map is not the one that was set; null: it is */
  #say(word) {
    const text = word === null ? "" : (this.#words[word] ?? word);
    if ((this.#note.firstChild?.textContent ?? "") === text) return;
    if (word === null) return this.#note.replaceChildren();
    const line = document.createElement("span");
    line.textContent = text;
    const again = document.createElement("button");
    again.type = "button";
    again.className = "button";
    again.textContent = this.#words["BaseMap.Again"] ?? "";
    again.addEventListener("click", () => void this.#load());
    this.#note.replaceChildren(line, again);
  }
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
