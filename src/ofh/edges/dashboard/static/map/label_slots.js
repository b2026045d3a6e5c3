// @ts-check
/**
 * Pictures of labels in the places of one texture. A label keeps its place as long as it is shown, and is drawn anew only
 * when its words change; of many that change at once some wait for the next frame.
 */

import { LABEL_FLOATS } from "./sprites.js";
import { labelBox } from "./placing.js";

const COLUMNS = 4;
const ROWS = 32;
/** CSS pixels of one place. */
const WIDTH = 196;
const HEIGHT = 36;
const PAD = 6;
export const MOST_LABELS = COLUMNS * ROWS;
/** How many are drawn in one frame. */
const AT_ONCE = 12;
const TITLE = "600 12px system-ui, sans-serif";
const DETAIL = "11px system-ui, sans-serif";

/** @typedef {{ title: string, detail: string }} Words */
/** @typedef {{ place: number, words: string, wanted: Words, width: number }} Slot */
/** @typedef {import("./placing.js").Side} Side */

export class LabelSlots {
  /** How large the texture is, in its own pixels. */
  width;
  height;
  #ratio;
  #scale;
  #canvas = document.createElement("canvas");
  #pen;
  #palette;
  /** @type {Map<string, Slot>} */
  #slots = new Map();
  #free = Array.from({ length: MOST_LABELS }, (_, index) => MOST_LABELS - 1 - index);
  #rows = new Float32Array(MOST_LABELS * LABEL_FLOATS);
  /** @type {Map<string, number>} */
  #widths = new Map();

  /** @param {number} ratio pixels to one of CSS @param {import("./palette.js").Palette} palette @param {number} [scale] how large labels are; 1 is as on a desk */
  constructor(ratio, palette, scale = 1) {
    ratio *= scale;
    this.#ratio = ratio;
    this.#scale = scale;
    this.#palette = palette;
    this.width = Math.ceil(WIDTH * ratio) * COLUMNS;
    this.height = Math.ceil(HEIGHT * ratio) * ROWS;
    this.#canvas.width = this.width / COLUMNS;
    this.#canvas.height = this.height / ROWS;
    const pen = this.#canvas.getContext("2d", { willReadFrequently: true });
    this.#pen = /** @type {CanvasRenderingContext2D} */ (pen);
  }

  /** How large a label will be. @param {Words} words @returns {{ width: number, height: number }} CSS pixels */
  measure(words) {
    const { width, height } = this.#size(words);
    return { width: width * this.#scale, height: height * this.#scale };
  }

  /** The same as on a desk. @param {Words} words */
  #size({ title, detail }) {
    return { width: Math.max(this.#wide(TITLE, title), this.#wide(DETAIL, detail)) + 2 * PAD, height: detail ? HEIGHT : HEIGHT / 2 + 3 };
  }

  /** Draw all anew: the colours are others, or the texture has been lost. @param {import("./palette.js").Palette} [palette] */
  forget(palette = this.#palette) {
    this.#palette = palette;
    for (const slot of this.#slots.values()) slot.words = "";
  }

  /** Which labels are shown, and what they say. @param {ReadonlyMap<string, Words>} wanted at most `MOST_LABELS` */
  show(wanted) {
    for (const [key, slot] of this.#slots) {
      if (wanted.has(key)) continue;
      this.#slots.delete(key);
      this.#free.push(slot.place);
    }
    for (const [key, words] of wanted) {
      const slot = this.#slots.get(key);
      if (slot) slot.wanted = words;
      else this.#slots.set(key, { place: /** @type {number} */ (this.#free.pop()), words: "", wanted: words, width: 0 });
    }
  }

  /** Draw some of what has changed. @param {import("./sprites.js").Sprites} sprites @returns {boolean} whether some wait */
  draw(sprites) {
    let drawn = 0;
    for (const slot of this.#slots.values()) {
      const words = `${slot.wanted.title}\n${slot.wanted.detail}`;
      if (words === slot.words) continue;
      if (drawn++ >= AT_ONCE) return true;
      slot.words = words;
      slot.width = this.#picture(slot.wanted);
      const [column, row] = [slot.place % COLUMNS, Math.floor(slot.place / COLUMNS)];
      sprites.loadLabel(this.#canvas, column * this.#canvas.width, row * this.#canvas.height);
    }
    return false;
  }

  /**
   * Hand the labels to the card.
   * @param {import("./sprites.js").Sprites} sprites
   * @param {ReadonlyMap<string, Side>} sides
   * @param {(key: string) => { row: Float32Array, reach: number } | undefined} symbolOf the symbol's row, which it moves with
   */
  load(sprites, sides, symbolOf) {
    let count = 0;
    for (const [key, slot] of this.#slots) {
      const [side, symbol] = [sides.get(key), symbolOf(key)];
      if (side === undefined || symbol === undefined || slot.words === "") continue;
      const at = count++ * LABEL_FLOATS;
      const height = slot.wanted.detail ? HEIGHT : HEIGHT / 2 + 3;
      const seen = { width: slot.width * this.#scale, height: height * this.#scale };
      const box = labelBox({ x: 0, y: 0, reach: symbol.reach }, seen, side);
      this.#rows.set(symbol.row.subarray(0, 12), at);
      this.#rows[at + 12] = box.left;
      this.#rows[at + 13] = box.top;
      this.#rows[at + 14] = seen.width;
      this.#rows[at + 15] = seen.height;
      this.#rows[at + 16] = (slot.place % COLUMNS) / COLUMNS;
      this.#rows[at + 17] = Math.floor(slot.place / COLUMNS) / ROWS;
      this.#rows[at + 18] = (slot.width * this.#ratio) / this.width;
      this.#rows[at + 19] = (height * this.#ratio) / this.height;
    }
    sprites.set("label", this.#rows, count);
  }

  /** @param {string} font @param {string} text */
  #wide(font, text) {
    const key = font + text.replace(/\d/g, "0"); // digits are as wide as each other, near enough
    let width = this.#widths.get(key);
    if (width === undefined) {
      if (this.#widths.size > 5_000) this.#widths.clear();
      this.#pen.font = font;
      width = Math.min(WIDTH - 2 * PAD, Math.ceil(this.#pen.measureText(key.slice(font.length)).width) + 1);
      this.#widths.set(key, width);
    }
    return width;
  }

  /** Draw one on the canvas. @param {Words} words @returns {number} how wide it is */
  #picture(words) {
    const pen = this.#pen;
    const { width, height } = this.#size(words);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    pen.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    pen.fillStyle = this.#palette.labelBack;
    pen.beginPath();
    pen.roundRect(0.5, 0.5, width - 1, height - 1, 5);
    pen.fill();
    pen.textBaseline = "alphabetic";
    pen.font = TITLE;
    pen.fillStyle = this.#palette.labelText;
    pen.fillText(fitted(pen, words.title, width - 2 * PAD), PAD, 15);
    pen.font = DETAIL;
    pen.fillStyle = this.#palette.labelDetail;
    pen.fillText(words.detail, PAD, 29);
    return width;
  }
}

/** As much of a text as fits, with a mark where some is cut off. @param {CanvasRenderingContext2D} pen @param {string} text @param {number} width */
function fitted(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let kept = text;
  while (kept.length > 1 && pen.measureText(`${kept}…`).width > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}
