// @ts-check
/** One flight on the map: its line in the colours of what it tells, where it began and ended, and a mark that goes along it. */

import { Marker } from "maplibre-gl";
import { coloured, placeAt } from "../model/track.js";
import { distance } from "./geometry.js";
import { Overlay } from "./overlay.js";
import { RAMPS } from "./ramps.js";

/** @typedef {import("../model/track.js").Point} Point */
/** @typedef {import("./palette.js").Theme} Theme */

/** Of what told no value. */
const UNTOLD = { light: "#6d747c", dark: "#9aa3ad" };
const RIM = { light: "#ffffff", dark: "#0c131a" };
/** How near to the line one has to point, in pixels. */
const NEAR_PX = 24;

export class FlightTrack {
  #map;
  #overlay;
  /** @type {Theme} */
  #theme;
  /** @type {readonly Point[]} */
  #track = [];
  /** @type {import("../model/track.js").Piece[]} */
  #pieces = [];
  #mark;
  #ends;
  #isMarked = false;
  #pointed = 0;
  #point;

  /**
   * @param {import("maplibre-gl").Map} map whose style is still to be loaded
   * @param {Theme} theme
   * @param {(time: number | null) => void} point somebody points at the line, at a time of it; null: not any more
   */
  constructor(map, theme, point) {
    this.#map = map;
    this.#theme = theme;
    this.#point = point;
    // The palette has no colours for values: they are the features' own.
    this.#overlay = new Overlay(map, "flight-track", /** @type {any} */ ({}), () => /** @type {any[]} */ ([
      { id: "flight-track-rim", type: "line", layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": ["get", "rim"], "line-width": 7 } },
      { id: "flight-track-line", type: "line", layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": ["get", "colour"], "line-width": 4 } },
    ]));
    this.#mark = new Marker({ element: element("track-mark") });
    this.#ends = [new Marker({ element: element("track-begin") }), new Marker({ element: element("track-end") })];
    map.on("mousemove", this.#moved);
    map.on("mouseout", this.#left);
  }

  destroy() {
    cancelAnimationFrame(this.#pointed);
    this.#map.off("mousemove", this.#moved);
    this.#map.off("mouseout", this.#left);
    for (const marker of [this.#mark, ...this.#ends]) marker.remove();
    this.#overlay.destroy();
  }

  /**
   * @param {readonly Point[]} track none: nothing is shown
   * @param {(point: Point) => number | null} value what colours it
   * @param {[number, number] | null} range of the values
   * @param {boolean} hasEnded whether its last point is where it landed
   */
  show(track, value, range, hasEnded) {
    this.#track = track;
    this.#pieces = coloured(track, value, range, RAMPS.light.length);
    this.#draw();
    const [begin, end] = this.#ends;
    place(this.#map, begin, track[0] ?? null);
    place(this.#map, end, hasEnded ? (track.at(-1) ?? null) : null);
    if (track.length === 0) this.mark(null);
  }

  /** Mark where it was at a time; null: nowhere. @param {number | null} time */
  mark(time) {
    const found = time === null ? null : placeAt(this.#track, time);
    if (found && this.#isMarked) this.#mark.setLngLat([found.longitude, found.latitude]);
    else place(this.#map, this.#mark, found);
    this.#isMarked = found !== null;
  }

  /** Of the style that comes next. @param {Theme} theme */
  setTheme(theme) {
    if (theme === this.#theme) return;
    this.#theme = theme;
    this.#draw();
  }

  #draw() {
    const ramp = RAMPS[this.#theme];
    this.#overlay.show(
      this.#pieces.map(({ step, line }) => ({
        type: "Feature",
        properties: { colour: ramp[step] ?? UNTOLD[this.#theme], rim: RIM[this.#theme] },
        geometry: { type: "LineString", coordinates: line },
      })),
    );
  }

  #moved = (/** @type {import("maplibre-gl").MapMouseEvent} */ { point, lngLat }) => {
    if (this.#pointed !== 0 || this.#track.length === 0) return;
    this.#pointed = requestAnimationFrame(() => {
      this.#pointed = 0;
      this.#point(this.#nearest(point, lngLat));
    });
  };

  #left = () => this.#track.length && this.#point(null);

  /** @param {{ x: number, y: number }} point @param {{ lng: number, lat: number }} at */
  #nearest(point, at) {
    let best = this.#track[0];
    let least = Infinity;
    const here = { longitude: at.lng, latitude: at.lat };
    for (const one of this.#track) {
      const metres = distance(here, one);
      if (metres < least) [best, least] = [one, metres];
    }
    const { x, y } = this.#map.project([best.longitude, best.latitude]);
    return Math.hypot(x - point.x, y - point.y) < NEAR_PX ? best.time : null;
  }
}

/** @param {string} name of its class */
function element(name) {
  const made = document.createElement("div");
  made.className = name;
  made.setAttribute("aria-hidden", "true"); // the profiles below say where and when in words
  return made;
}

/** @param {import("maplibre-gl").Map} map @param {Marker} marker @param {{ longitude: number, latitude: number } | null} at */
function place(map, marker, at) {
  if (at) marker.setLngLat([at.longitude, at.latitude]).addTo(map);
  else marker.remove();
}
