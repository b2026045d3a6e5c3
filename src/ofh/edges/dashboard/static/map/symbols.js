// @ts-check
/** The symbols, drawn once per palette on a canvas that becomes a texture: a row of cells, each `CELL_PX` CSS pixels wide and pointing north. */

/** In the order of their cells. */
export const SYMBOLS = /** @type {const} */ (["flying", "landed", "lost", "offline", "controller", "takeOff", "traffic", "stillTraffic"]);
/** @typedef {(typeof SYMBOLS)[number]} SymbolName */
export const CELL_PX = 32;
/** Pixels of the texture to one of CSS: symbols are drawn smaller, and on dense screens, and stay sharp. */
const DETAIL = 4;

/** @param {SymbolName} name */
export const cellOf = (name) => SYMBOLS.indexOf(name);

/** @param {import("./palette.js").Palette} palette @returns {HTMLCanvasElement} */
export function drawSymbols(palette) {
  const canvas = document.createElement("canvas");
  canvas.width = SYMBOLS.length * CELL_PX * DETAIL;
  canvas.height = CELL_PX * DETAIL;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.lineJoin = "round";
  pen.lineCap = "round";
  SYMBOLS.forEach((name, cell) => {
    pen.setTransform(DETAIL, 0, 0, DETAIL, (cell + 0.5) * CELL_PX * DETAIL, (CELL_PX * DETAIL) / 2);
    DRAWN[name](pen, palette);
  });
  return canvas;
}

/** @typedef {(pen: CanvasRenderingContext2D, palette: import("./palette.js").Palette) => void} Drawing */

/** A shape with a rim round it. @param {CanvasRenderingContext2D} pen @param {Path2D} path @param {string} fill @param {string} rim @param {number} [wide] */
function rimmed(pen, path, fill, rim, wide = 3) {
  pen.strokeStyle = rim;
  pen.lineWidth = wide;
  pen.stroke(path);
  pen.fillStyle = fill;
  pen.fill(path);
}

const ARROW = "M0 -11 L8.2 8.6 Q4 5.4 0 5.2 Q-4 5.4 -8.2 8.6 Z";
const CROWNED = "M0 -13 C1.4 -13 1.9 -10.5 1.9 -8 L1.9 -3.6 L12 2.8 L12 5.2 L1.9 2.2 L1.6 7.4 L4.8 9.9 L4.8 11.7 L0 10.4 L-4.8 11.7 L-4.8 9.9 L-1.6 7.4 L-1.9 2.2 L-12 5.2 L-12 2.8 L-1.9 -3.6 L-1.9 -8 C-1.9 -10.5 -1.4 -13 0 -13 Z";

/** @type {Readonly<Record<SymbolName, Drawing>>} */
const DRAWN = {
  flying(pen, palette) {
    rimmed(pen, new Path2D(ARROW), palette.flying, palette.rim);
  },
  landed(pen, palette) {
    const path = new Path2D();
    path.arc(0, 0, 7, 0, 2 * Math.PI);
    const nose = new Path2D("M0 -11.2 L4 -5.5 L-4 -5.5 Z");
    path.addPath(nose);
    rimmed(pen, path, palette.landed, palette.rim);
    pen.fillStyle = palette.rim;
    pen.beginPath();
    pen.arc(0, 0, 2.6, 0, 2 * Math.PI);
    pen.fill();
  },
  lost(pen, palette) {
    rimmed(pen, new Path2D("M0 -10.6 L10.4 8 L-10.4 8 Z"), palette.lost, palette.rim, 4);
    pen.strokeStyle = palette.lost;
    pen.lineWidth = 1.6;
    pen.stroke(new Path2D("M0 -10.6 L10.4 8 L-10.4 8 Z"));
    pen.fillStyle = pen.strokeStyle = palette.rim;
    pen.lineWidth = 2.4;
    pen.stroke(new Path2D("M0 -4 L0 2"));
    pen.beginPath();
    pen.arc(0, 5.4, 1.4, 0, 2 * Math.PI);
    pen.fill();
  },
  offline(pen, palette) {
    const path = new Path2D();
    path.arc(0, 0, 6, 0, 2 * Math.PI);
    pen.strokeStyle = palette.rim;
    pen.lineWidth = 5;
    pen.stroke(path);
    pen.strokeStyle = palette.offline;
    pen.lineWidth = 2.2;
    pen.stroke(path);
  },
  controller(pen, palette) {
    const path = new Path2D();
    path.roundRect(-7, -4, 14, 9.5, 3);
    path.addPath(new Path2D("M-5.2 -4 L-6.4 -9 L-4.6 -9 L-3.6 -4 Z M5.2 -4 L6.4 -9 L4.6 -9 L3.6 -4 Z"));
    rimmed(pen, path, palette.controller, palette.rim);
    pen.fillStyle = palette.rim;
    pen.fillRect(-3.6, -1.6, 7.2, 4.6);
  },
  takeOff(pen, palette) {
    const path = new Path2D();
    path.arc(0, 0, 7.2, 0, 2 * Math.PI);
    pen.strokeStyle = palette.rim;
    pen.lineWidth = 4.4;
    pen.stroke(path);
    pen.fillStyle = palette.rim;
    pen.fill(path);
    pen.strokeStyle = palette.takeOff;
    pen.lineWidth = 1.8;
    pen.stroke(path);
    pen.stroke(new Path2D("M-2.6 -3.6 L-2.6 3.6 M2.6 -3.6 L2.6 3.6 M-2.6 0 L2.6 0"));
  },
  traffic(pen, palette) {
    rimmed(pen, new Path2D(CROWNED), palette.traffic, palette.rim);
  },
  stillTraffic(pen, palette) {
    rimmed(pen, new Path2D("M0 -7 L7 0 L0 7 L-7 0 Z"), palette.traffic, palette.rim);
  },
};
