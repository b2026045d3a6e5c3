// @ts-check
/**
 * The map: puts its parts together and gives the page a handle. Everything that it shows comes from the fleet's live
 * picture, and from the hub by `query` and `socket`; what is under it, `base_map.js` decides.
 */

import * as maplibre from "maplibre-gl";
import { Aircraft } from "./aircraft.js";
import { Areas } from "./areas.js";
import { BaseMap } from "./base_map.js";
import { Controllers } from "./controllers.js";
import { Covered } from "./covered.js";
import { Footprints } from "./footprints.js";
import { PALETTES } from "./palette.js";
import { registerPmtiles } from "./pmtiles.js";
import { Scene } from "./scene.js";
import { TakeOffs } from "./takeoff.js";
import { Traffic } from "./traffic.js";
import { FlightTrails } from "./trail.js";
import { Viewport } from "./viewport.js";

/** @typedef {import("./palette.js").Theme} Theme */
/** @typedef {import("../model/picture.js").Picture} Fleet */
/** @typedef {import("./footprints.js").Photo} Photo */
/** What the reader has chosen. @typedef {{ units: string, language: string, isDark: boolean, on?: (kind: "change", listener: () => void) => () => void }} Wishes */
/** Milliseconds; `pace` is how fast it goes where that is not as in life, 0 where it stands. @typedef {{ now(): number, readonly pace?: number }} MapClock */
/** @typedef {(document: string, variables?: Record<string, unknown>) => Promise<any>} Query */
/**
 * @typedef {object} Options
 * @property {Fleet} fleet
 * @property {Wishes} settings
 * @property {MapClock} clock the hub's time
 * @property {(id: string | null) => void} onSelect somebody chose a drone on the map, or none
 * @property {() => void} [onUnfollowed] somebody moved the map away from the drone that it followed
 * @property {(photos: Photo[], at: import("maplibre-gl").LngLat) => void} [onPhotos] somebody chose a place that photos show; none: another place
 * @property {(photos: Photo[], at: import("maplibre-gl").LngLat) => void} [onPointed] somebody points at one, with a mouse; none: not any more
 * @property {Query} [query] of api/graphql.js; without it there are no tracks of before, no areas and no footprints
 * @property {() => import("graphql-ws").Client} [socket] of api/graphql.js; without it there is no traffic
 * @property {() => Iterable<Element>} [over] what lies over the map: nothing that is to be seen is shown under it
 * @property {import("./base_map.js").MapSource} [source] what the hub's operator has set
 * @property {Record<string, string>} [words] MapLibre's, in the reader's language: `NavigationControl.ZoomIn` and so on; `Compass`:
 *   the letters of north, east, south and west
 */

/** A fleet of more than this is asked for only where the map looks. */
const LARGE_FLEET = 3_000;
const LARGE_MARGIN = 0.5;
/** Where a map without a fleet looks. */
const NOWHERE = { center: /** @type {[number, number]} */ ([10, 30]), zoom: 1.4 };

/**
 * @param {HTMLElement} element takes all of it
 * @param {Options} options
 */
export function createMap(element, options) {
  return new FleetMap(element, options);
}

export class FleetMap {
  /** MapLibre's, for who draws on it. @type {import("maplibre-gl").Map} */
  map;
  scene;
  #options;
  /** @type {Theme} */
  #theme;
  #parts;
  #base;
  /** @type {Traffic | null} */
  #traffic = null;
  /** @type {string | null} */
  #selected = null;
  #isFollowing = false;
  #isSteered = false;
  /** @type {((margin: number) => import("./geometry.js").Area) | null} */
  #bounds = null;
  #ends;
  #scale;
  #pointed = 0;
  /** The photo that is pointed at. @type {string | undefined} */
  #photoId;

  /** @param {HTMLElement} element @param {Options} options */
  constructor(element, options) {
    const { fleet, settings, clock, query, source = { style: null, pmtiles: null }, words } = options;
    this.#options = { ...options, source };
    this.#theme = settings.isDark ? "dark" : "light";
    const palette = PALETTES[this.#theme];
    if (source.pmtiles !== null) registerPmtiles(maplibre.addProtocol);
    this.map = new maplibre.Map({
      container: element, ...NOWHERE, attributionControl: false, maxPitch: 0, pitchWithRotate: false, touchPitch: false, rollEnabled: false,
      minZoom: 0.5, maxZoom: 21, fadeDuration: 0, locale: words, cancelPendingTileRequestsWhileZooming: true,
    });
    this.map.addControl(new maplibre.AttributionControl({ compact: true }), "bottom-left");
    this.map.addControl(new maplibre.NavigationControl({ visualizePitch: false }), "bottom-right");
    this.#scale = new maplibre.ScaleControl({ maxWidth: 120, unit: scaleUnit(settings) });
    this.map.addControl(this.#scale, "bottom-left");
    this.scene = new Scene(this.map, this.#theme);
    const needs = { scene: this.scene, map: this.map, palette, fleet, settings, clock, query };
    this.#parts = {
      covered: new Covered(needs),
      areas: new Areas(needs),
      footprints: new Footprints(needs),
      takeOffs: new TakeOffs(needs),
      controllers: new Controllers(needs),
      aircraft: new Aircraft(needs),
      trails: new FlightTrails(needs),
      viewport: new Viewport({ ...needs, over: options.over, isPlaced: false, onMove: (bounds) => this.#moved(bounds) }),
    };
    this.#parts.viewport.onUnfollowed = () => {
      this.#isFollowing = false;
      options.onUnfollowed?.();
    };
    this.map.on("click", (event) => this.#clicked(event));
    this.map.on("mousemove", (event) => this.#point(event));
    this.map.on("mouseout", (event) => this.#photosPointed([], event.lngLat));
    this.#base = new BaseMap({ map: this.map, source, theme: this.#theme, words });
    this.#ends = [settings.on?.("change", () => this.#settle())];
  }

  destroy() {
    cancelAnimationFrame(this.#pointed);
    for (const end of this.#ends) end?.();
    this.showTraffic(false);
    for (const part of Object.values(this.#parts)) part.destroy();
    this.#base.destroy();
    this.scene.destroy();
    this.map.remove();
  }

  /** Mark a drone, as if it had been chosen; nobody is told. @param {string | null} id */
  select(id) {
    if (id === this.#selected) return;
    this.#selected = id;
    this.#parts.aircraft.select(id);
    this.#parts.takeOffs.select(id);
    this.#parts.trails.select(id);
    if (this.#isFollowing) this.follow(id !== null);
  }

  /** Go along with the selected drone. @param {boolean} isWanted */
  follow(isWanted) {
    this.#isFollowing = isWanted && this.#selected !== null;
    this.#parts.viewport.follow(this.#isFollowing ? this.#selected : null);
  }

  get isFollowing() {
    return this.#isFollowing;
  }

  /** Show the whole fleet. @param {boolean} [isGentle] */
  fit(isGentle) {
    this.#isFollowing = false;
    this.#parts.viewport.fit(isGentle);
  }

  /** Show an area. @param {import("./geometry.js").Area} area */
  show(area) {
    this.#parts.viewport.show(area);
  }

  /** Go to a drone. @param {string} id */
  fly(id) {
    this.#parts.viewport.fly(id);
  }

  /** @param {import("./trail.js").Choice} choice */
  showTrails(choice) {
    this.#parts.trails.choose(choice);
  }

  /** Whether aircraft of others are shown. @param {boolean} isWanted */
  showTraffic(isWanted) {
    const { socket, settings, clock } = this.#options;
    if (!isWanted || socket === undefined) {
      this.#traffic?.destroy();
      this.#traffic = null;
      return;
    }
    this.#traffic ??= new Traffic({ scene: this.scene, settings, clock, socket });
    if (this.#bounds) this.#traffic.watch(this.#bounds(Traffic.margin));
  }

  /**
   * Whose photos' ground is shown: `{}` all of the workspace's, null none.
   * @param {import("./footprints.js").Which | null} which
   * @param {boolean} [isQuiet] whether only where one points at it
   */
  showFootprints(which, isQuiet = false) {
    this.#parts.footprints.choose(which, isQuiet);
  }

  /** There may be more photos than are shown. */
  renewFootprints() {
    this.#parts.footprints.renew();
  }

  /** Of the photos whose ground is shown one stands out. @param {string | null} mediaId */
  highlight(mediaId) {
    this.#parts.footprints.highlight(mediaId);
  }

  /** The ground that many photos show together; null: none. @param {import("./outlines.js").Ground | null} ground */
  showCovered(ground) {
    this.#parts.covered.show(ground);
  }

  /** The areas of alert rules have been changed here. */
  reloadAreas() {
    return this.#parts.areas.load();
  }

  /** The element has another size. */
  resize() {
    this.map.resize();
  }

  /** @param {(margin: number) => import("./geometry.js").Area} bounds */
  #moved(bounds) {
    this.#bounds = bounds;
    this.#traffic?.watch(bounds(Traffic.margin));
    const { fleet } = this.#options;
    this.#isSteered ||= fleet.drones.size > LARGE_FLEET;
    if (this.#isSteered) fleet.moveViewport(bounds(LARGE_MARGIN));
  }

  /** An aircraft first, then what photos show. @param {import("maplibre-gl").MapMouseEvent} event */
  #clicked({ point, lngLat }) {
    const id = this.scene.at(point);
    const photos = id === null ? this.#photosAt(point) : [];
    this.#options.onPhotos?.(photos, lngLat);
    if (photos.length) return;
    this.select(id);
    this.#options.onSelect(id);
  }

  /** @param {import("maplibre-gl").MapMouseEvent} event */
  #point({ point, lngLat }) {
    if (this.#pointed !== 0) return;
    this.#pointed = requestAnimationFrame(() => {
      this.#pointed = 0;
      if (this.map.isMoving() && !this.#isFollowing) return;
      const id = this.scene.at(point);
      this.scene.hover(id);
      const photos = id === null ? this.#photosAt(point) : [];
      this.#photosPointed(photos, lngLat);
      this.map.getCanvas().classList.toggle("is-pointing", id !== null || photos.length > 0);
    });
  }

  /** Of those whom somebody wants to be told of. @param {import("maplibre-gl").Point} point */
  #photosAt(point) {
    return this.#options.onPhotos ? this.#parts.footprints.at(point) : [];
  }

  /** @param {Photo[]} photos @param {import("maplibre-gl").LngLat} at */
  #photosPointed(photos, at) {
    if (photos[0]?.id === this.#photoId) return;
    this.#photoId = photos[0]?.id;
    this.#options.onPointed?.(photos, at);
  }

  /** What the reader has chosen is otherwise. */
  #settle() {
    const { settings } = this.#options;
    this.#scale.setUnit(scaleUnit(settings));
    const theme = settings.isDark ? "dark" : "light";
    if (theme === this.#theme) return;
    this.#theme = theme;
    this.scene.setTheme(theme);
    for (const part of [this.#parts.covered, this.#parts.areas, this.#parts.footprints]) part.setPalette(PALETTES[theme]);
    this.#base.setTheme(theme);
  }
}

/** @param {Wishes} settings @returns {"metric" | "imperial"} */
const scaleUnit = ({ units }) => (units === "imperial" ? "imperial" : "metric");
