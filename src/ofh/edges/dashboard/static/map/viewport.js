// @ts-check
/** Where the map looks: at the whole fleet, at one aircraft and along with it; and who is told of it. */

import { areaOf, fromMercator, shownArea } from "./geometry.js";
import { keyOf } from "./aircraft.js";
import { clearOf } from "./placing.js";

/** Milliseconds that the map rests before others are told where. */
const REST_MS = 350;
/** One aircraft by itself is not looked at any nearer. */
const NEAREST_ZOOM = 16;

export class Viewport {
  #map;
  #scene;
  #fleet;
  #onMove;
  /** @type {string | null} */
  #followed = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #isPlaced = false;
  #over;
  #ends;
  /** Told when following has ended because somebody moved the map. */
  onUnfollowed = () => {};

  /**
   * @param {{ map: import("maplibre-gl").Map, scene: import("./scene.js").Scene, fleet: import("../model/picture.js").Picture,
   *   isPlaced: boolean, onMove: (bounds: (margin: number) => import("./geometry.js").Area) => void,
   *   over?: () => Iterable<Element> }} needs `over`: what lies over the map
   */
  constructor({ map, scene, fleet, isPlaced, onMove, over = () => [] }) {
    this.#map = map;
    this.#scene = scene;
    this.#fleet = fleet;
    this.#onMove = onMove;
    this.#over = over;
    this.#isPlaced = isPlaced;
    const drag = () => this.#followed !== null && (this.follow(null), this.onUnfollowed());
    map.on("moveend", this.#moved);
    map.on("dragstart", drag);
    this.#ends = [
      fleet.on("picture", () => this.#first()),
      fleet.on("change", (ids) => this.#followed !== null && ids.has(this.#followed) && this.#along()),
      () => map.off("moveend", this.#moved),
      () => map.off("dragstart", drag),
      () => clearTimeout(this.#timer),
    ];
    this.#first();
    this.#moved();
  }

  destroy() {
    for (const end of this.#ends) end();
  }

  /** Show all that is in flight or on; where nothing is, all that was seen last. @param {boolean} [isGentle] */
  fit(isGentle = true) {
    const all = [...this.#fleet.drones.values()].filter((drone) => drone.fixes.length > 0);
    const present = all.filter((drone) => drone.phase !== "offline");
    const area = areaOf((present.length ? present : all).map((drone) => drone.fixes[drone.fixes.length - 1]));
    if (area === null) return;
    this.follow(null);
    this.show(area, isGentle);
  }

  /** @param {import("./geometry.js").Area} area @param {boolean} [isGentle] */
  show({ west, south, east, north }, isGentle = true) {
    this.#isPlaced = true;
    this.#map.fitBounds([[west, south], [west > east ? east + 360 : east, north]], {
      padding: this.#padding(), maxZoom: NEAREST_ZOOM, animate: isGentle, duration: 700,
    });
  }

  #padding() {
    const container = this.#map.getContainer();
    const { left, top, width, height } = container.getBoundingClientRect();
    const over = [...this.#over()].map((element) => {
      const box = element.getBoundingClientRect();
      return { left: box.left - left, top: box.top - top, right: box.right - left, bottom: box.bottom - top };
    });
    return clearOf({ width, height }, over);
  }

  /** Go to an aircraft. @param {string} id */
  fly(id) {
    const place = this.#scene.placeOf(keyOf(id));
    if (place === null) return;
    this.#isPlaced = true;
    const { longitude, latitude } = fromMercator(place);
    this.#map.easeTo({ center: [longitude, latitude], zoom: Math.max(this.#map.getZoom(), NEAREST_ZOOM - 1), duration: 700 });
  }

  /** Go along with an aircraft; null ends it. @param {string | null} id */
  follow(id) {
    this.#followed = id;
    if (id === null) this.#map.scrollZoom.enable();
    else this.#map.scrollZoom.enable({ around: "center" });
    if (id !== null) this.fly(id);
  }

  #first() {
    if (this.#isPlaced || !this.#fleet.isKnown) return;
    this.fit(false);
    this.#isPlaced = true;
  }

  /** The map arrives where the aircraft does, at the same time. */
  #along() {
    const motion = this.#scene.motionOf(keyOf(/** @type {string} */ (this.#followed)));
    if (motion === null || this.#map.isZooming()) return;
    const { longitude, latitude } = fromMercator({ x: motion.toX, y: motion.toY });
    const duration = Math.max(0, motion.until - performance.now());
    this.#map.easeTo({ center: [longitude, latitude], duration, easing: (part) => part, essential: true });
  }

  #moved = () => {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const bounds = this.#map.getBounds();
      this.#onMove((margin) => shownArea(bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth(), margin));
    }, REST_MS);
  };
}
