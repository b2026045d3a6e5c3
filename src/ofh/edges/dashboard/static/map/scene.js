// @ts-check
/**
 * All that moves above the map: markers by a key, each with a symbol, perhaps a label, and a movement between its last two
 * fixes. Who has something to show puts markers here; this module packs them for the card, chooses labels, finds what is
 * pointed at, and draws no more often than somebody could see a difference.
 */

import { cameraOf, project } from "./camera.js";
import { LabelSlots, MOST_LABELS } from "./label_slots.js";
import { movedOn, placeAt, restingAt, speed } from "./motion.js";
import { PALETTES } from "./palette.js";
import { chooseLabels, Grid } from "./placing.js";
import { SYMBOL_FLOATS, Sprites, writePlace } from "./sprites.js";
import { cellOf } from "./symbols.js";
import { Trails } from "./trails.js";
import { enlargement } from "./wall.js";

/**
 * What a marker looks like. `charge` from 0 to 1 makes a ring, null none; `staleAt` is when it turns grey, of
 * `performance.now()`; what has no `label` has none; only what has an `id` can be pointed at.
 * @typedef {object} Look
 * @property {import("./symbols.js").SymbolName} symbol
 * @property {number} rank
 * @property {boolean} [isUpright] whether it does not turn with its heading
 * @property {number | null} [charge]
 * @property {number} [staleAt]
 * @property {boolean} [isAlerted]
 * @property {boolean} [isSelected]
 * @property {(() => import("./label_slots.js").Words) | null} [label] asked whenever it is shown
 * @property {string | null} [id]
 */
/** @typedef {{ key: string, look: Look, motion: import("./motion.js").Motion, row: Float32Array, order: number }} Marker */

/** How far a symbol moves between two frames at the most where it moves slowly, CSS pixels. */
const STEP_PX = 0.25;
/** Nothing is drawn less often than this while it moves; with a turn among it, than the other. */
const SLOWEST_MS = 250;
const TURNING_MS = 50;
const LABELS_MS = 400;
const LABELS_MOVING_MS = 120;
/** After so many seconds of the card's clock it begins anew, before floats run out of digits. */
const EPOCH_S = 4_096;
const POINTED_PX = 18;
/** How wide a symbol is with its ring, at full size. */
const SYMBOL_PX = 36;

export class Scene {
  canvas = document.createElement("canvas");
  trails;
  /** How many times faster than life all moves: 1 but for what is shown of the past. */
  pace = 1;
  /** Times that frames took and how many were drawn, for whoever measures. */
  figures = { frames: 0, scriptMs: 0 };

  #map;
  #palette;
  #sprites;
  #slots;
  #ratio;
  /** How large all is; 1 is as on a desk. */
  #scale = enlargement();
  /** @type {Map<string, Marker>} */
  #markers = new Map();
  /** @type {Marker[]} */
  #inOrder = [];
  #isSorted = true;
  #isPacked = true;
  #packed = new Float32Array(SYMBOL_FLOATS * 64);
  /** @type {ReadonlyMap<string, import("./placing.js").Side>} */
  #sides = new Map();
  #labelsAt = -Infinity;
  #areLabelsLoaded = true;
  /** Until when something moves, how fast at the most (mercator per ms), and whether something turns. */
  #moves = { until: 0, fastest: 0, turns: false };
  #drawnAt = -Infinity;
  #frame = 0;
  #timer = 0;
  #seconds;
  #hovered = "";
  #count = 0;
  /** How large symbols are where many are seen at once. */
  #crowding = 1;

  /** @param {import("maplibre-gl").Map} map @param {import("./palette.js").Theme} theme */
  constructor(map, theme) {
    this.#map = map;
    this.#palette = PALETTES[theme];
    this.#ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    this.#slots = new LabelSlots(this.#ratio, this.#palette, this.#scale);
    this.canvas.className = "map-scene";
    this.canvas.setAttribute("aria-hidden", "true"); // the list beside the map says the same in words
    map.getCanvasContainer().append(this.canvas);
    this.#sprites = new Sprites(this.canvas, this.#palette, this.#slots);
    this.#sprites.onRestored = () => this.#again();
    this.trails = new Trails(this.#sprites, () => this.draw());
    map.on("render", this.#rendered);
    map.on("resize", this.#resized);
    this.#resized();
    this.#seconds = setInterval(() => this.draw(), 1_000); // what only grows older
  }

  destroy() {
    clearInterval(this.#seconds);
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#map.off("render", this.#rendered);
    this.#map.off("resize", this.#resized);
    this.#sprites.destroy();
    this.canvas.remove();
  }

  /** @param {import("./palette.js").Theme} theme */
  setTheme(theme) {
    this.#palette = PALETTES[theme];
    this.#sprites.setPalette(this.#palette);
    this.#slots.forget(this.#palette);
    this.#labelsAt = -Infinity;
    this.draw();
  }

  /**
   * Show something, or show it otherwise.
   * @param {string} key
   * @param {import("./motion.js").Fix} fix
   * @param {Look} look
   */
  put(key, fix, look) {
    const now = performance.now();
    let marker = this.#markers.get(key);
    if (marker === undefined) {
      marker = { key, look, motion: restingAt(fix, now), row: new Float32Array(SYMBOL_FLOATS), order: this.#count++ };
      this.#markers.set(key, marker);
      this.#inOrder.push(marker);
      this.#isSorted = false;
    } else {
      if (marker.look.rank !== look.rank) this.#isSorted = false;
      marker.motion = movedOn(marker.motion, fix, now, this.pace);
      marker.look = look;
    }
    this.#write(marker);
    this.draw();
  }

  /** @param {string} key */
  remove(key) {
    const marker = this.#markers.get(key);
    if (marker === undefined) return;
    this.#markers.delete(key);
    this.#inOrder.splice(this.#inOrder.indexOf(marker), 1);
    this.#isPacked = false;
    this.draw();
  }

  /** Where a marker is seen now. @param {string} key @returns {{ x: number, y: number, heading: number } | null} mercator */
  placeOf(key) {
    const marker = this.#markers.get(key);
    return marker ? placeAt(marker.motion, performance.now()) : null;
  }

  /** Its movement, which its trail ends with. @param {string} key */
  motionOf(key) {
    return this.#markers.get(key)?.motion ?? null;
  }

  /** The id of what is drawn at a point, or near to it. @param {{ x: number, y: number }} point CSS pixels @returns {string | null} */
  at({ x, y }) {
    const [camera, now] = [cameraOf(this.#map), performance.now()];
    const grid = new Grid();
    for (const { key, look, motion } of this.#inOrder) {
      if (look.id == null) continue;
      const place = placeAt(motion, now);
      const seen = project(camera, place.x, place.y);
      if (Math.abs(seen.x - x) < 40 && Math.abs(seen.y - y) < 40)
        grid.add({ left: seen.x, right: seen.x, top: seen.y, bottom: seen.y }, key);
    }
    const key = grid.nearest(x, y, POINTED_PX * this.#scale);
    return key === null ? null : (this.#markers.get(key)?.look.id ?? null);
  }

  /** Show that a click would choose this one. @param {string | null} id */
  hover(id) {
    if ((id ?? "") === this.#hovered) return;
    const before = this.#hovered;
    this.#hovered = id ?? "";
    for (const marker of this.#inOrder) if (marker.look.id === before || marker.look.id === id) this.#write(marker);
    this.draw();
  }

  /** Draw a frame, soon. */
  draw() {
    this.#drawnAt = -Infinity;
    this.#plan();
  }

  #rendered = () => this.#show(performance.now());
  #resized = () => {
    const { clientWidth, clientHeight } = this.#map.getContainer();
    this.#sprites.resize(clientWidth, clientHeight, this.#ratio);
    this.draw();
  };

  #again() {
    this.#slots.forget();
    this.#isPacked = false;
    this.trails.load();
    this.draw();
  }

  #plan() {
    if (this.#frame !== 0) return;
    clearTimeout(this.#timer);
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const now = performance.now();
      if (!this.#map.isMoving()) this.#show(now); // else the map's own frame calls, so that both move together
      this.#next(now);
    });
  }

  /** When the next frame is due, if any is. @param {number} now */
  #next(now) {
    if (!this.#isPacked || !this.#areLabelsLoaded || this.#map.isMoving()) return this.#plan();
    if (now >= this.#moves.until) return;
    const wait = this.#interval() - (performance.now() - this.#drawnAt);
    if (wait < 20) this.#plan();
    else this.#timer = setTimeout(() => this.#plan(), wait - 8);
  }

  #interval() {
    const pixels = this.#moves.fastest * 512 * 2 ** this.#map.getZoom();
    return Math.min(this.#moves.turns ? TURNING_MS : SLOWEST_MS, pixels > 0 ? STEP_PX / pixels : SLOWEST_MS);
  }

  /** @param {number} now */
  #show(now) {
    if (this.#drawnAt > 0 && !this.#map.isMoving() && now - this.#drawnAt < this.#interval() - 8) return;
    const begun = performance.now();
    const camera = cameraOf(this.#map);
    if ((now - this.#sprites.epoch) / 1_000 > EPOCH_S) this.#rebase(now);
    if (!this.#isPacked) this.#pack(now);
    if (now - this.#labelsAt > (this.#map.isMoving() ? LABELS_MOVING_MS : LABELS_MS)) this.#label(camera, now);
    const areWaiting = this.#slots.draw(this.#sprites);
    if (!this.#areLabelsLoaded || areWaiting) {
      this.#slots.load(this.#sprites, this.#sides, (key) => {
        const marker = this.#markers.get(key);
        return marker && { row: marker.row, reach: this.#reach(marker.look, camera) };
      });
    }
    this.#areLabelsLoaded = !areWaiting;
    this.#sprites.draw(camera, now, this.#size(camera));
    this.#drawnAt = now;
    this.figures.frames += 1;
    this.figures.scriptMs += performance.now() - begun;
    if (this.#frame === 0) this.#next(now);
  }

  /** @param {import("./camera.js").Camera} camera @returns {number} of symbols; 1 is full */
  #size({ zoom }) {
    return sizeAt(zoom) * this.#crowding * this.#scale;
  }

  /** @param {Look} look @param {import("./camera.js").Camera} camera @returns {number} CSS pixels from the middle to the label */
  #reach(look, camera) {
    const full = look.isSelected ? 27 : look.isAlerted ? 23 : look.charge == null ? 13 : 19;
    return full * this.#size(camera);
  }

  /** @param {import("./camera.js").Camera} camera @param {number} now */
  #label(camera, now) {
    this.#labelsAt = now;
    /** @type {import("./placing.js").Candidate[]} */
    const candidates = [];
    for (const { key, look, motion } of this.#inOrder) {
      const place = placeAt(motion, now);
      const seen = project(camera, place.x, place.y);
      if (seen.x < -20 || seen.y < -20 || seen.x > camera.width + 20 || seen.y > camera.height + 20) continue;
      const { label, rank } = look;
      const size = label ? () => this.#slots.measure(label()) : null;
      candidates.push({ id: key, x: seen.x, y: seen.y, reach: this.#reach(look, camera), size, rank });
    }
    this.#crowding = crowdedSize(candidates.length, (camera.width * camera.height) / this.#scale ** 2);
    this.#sides = chooseLabels(candidates, { width: camera.width, height: camera.height, most: MOST_LABELS, before: this.#sides });
    const words = new Map();
    for (const key of this.#sides.keys()) words.set(key, this.#markers.get(key)?.look.label?.());
    this.#slots.show(words);
    this.#areLabelsLoaded = false;
  }

  /** @param {Marker} marker */
  #write({ look, motion, row }) {
    const epoch = this.#sprites.epoch;
    writePlace(row, 0, motion.fromX, motion.fromY);
    writePlace(row, 4, motion.toX, motion.toY);
    row[8] = (motion.since - epoch) / 1_000;
    row[9] = (motion.until - epoch) / 1_000;
    row[10] = Math.min(1e6, ((look.staleAt ?? Infinity) - epoch) / 1_000);
    row[11] = look.charge ?? -1;
    row[12] = look.isUpright ? 1_000 : motion.fromHeading % 360;
    row[13] = look.isUpright ? 1_000 : row[12] + (motion.toHeading - motion.fromHeading);
    row[14] = cellOf(look.symbol);
    row[15] = (look.isAlerted ? 1 : 0) + (look.isSelected ? 2 : 0) + (look.id != null && look.id === this.#hovered ? 4 : 0);
    this.#isPacked = false;
  }

  /** All rows for the card, what is above last. @param {number} now */
  #pack(now) {
    if (!this.#isSorted) this.#inOrder.sort((a, b) => a.look.rank - b.look.rank || a.order - b.order);
    this.#isSorted = this.#isPacked = true;
    const count = this.#inOrder.length;
    if (this.#packed.length < count * SYMBOL_FLOATS) this.#packed = new Float32Array(2 * count * SYMBOL_FLOATS);
    const moves = { until: 0, fastest: 0, turns: false };
    for (let index = 0; index < count; index++) {
      const { motion, row } = this.#inOrder[index];
      this.#packed.set(row, index * SYMBOL_FLOATS);
      if (motion.until <= now) continue;
      moves.until = Math.max(moves.until, motion.until);
      moves.fastest = Math.max(moves.fastest, speed(motion, now));
      if (Math.abs(motion.toHeading - motion.fromHeading) > 2) moves.turns = true;
    }
    this.#moves = moves;
    this.#sprites.set("symbol", this.#packed, count);
    this.#areLabelsLoaded = false;
  }

  /** Count the card's seconds from now on. @param {number} now */
  #rebase(now) {
    this.#sprites.epoch = now;
    for (const marker of this.#inOrder) this.#write(marker);
    this.trails.load();
  }
}

/** Symbols are smaller where the map shows a whole country. @param {number} zoom */
const sizeAt = (zoom) => Math.max(0.75, Math.min(1, 0.75 + (zoom - 5) * 0.05));

/** And where they would cover each other. @param {number} count @param {number} area square pixels */
const crowdedSize = (count, area) => Math.max(0.55, Math.min(1, 1.05 / Math.sqrt((count * SYMBOL_PX ** 2) / area)));
