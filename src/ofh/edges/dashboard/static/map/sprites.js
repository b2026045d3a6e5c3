// @ts-check
/**
 * Draws symbols, labels and trails on a canvas of its own above the map, by WebGL 2, in a handful of calls however many
 * there are. The card moves them, so a frame costs the page next to nothing; and as the canvas is its own, the map below
 * is drawn only when it moves itself.
 */

import { roundsBeside } from "./camera.js";
import { parts } from "./palette.js";
import { LABEL, SYMBOL, TRAIL } from "./shaders.js";
import { CELL_PX, SYMBOLS, drawSymbols } from "./symbols.js";

/** Floats of one symbol, label and piece of trail, as the shaders' attributes have them. */
export const SYMBOL_FLOATS = 16;
export const LABEL_FLOATS = 20;
export const TRAIL_FLOATS = 12;
const ATTRIBUTES = {
  symbol: ["a_from", "a_to", "a_times", "a_look"],
  label: ["a_from", "a_to", "a_times", "a_box", "a_cut"],
  trail: ["a_from", "a_to", "a_times"],
};
const COARSE = 1_048_576;

/** Write a mercator place as coarse and fine parts. @param {Float32Array} row @param {number} at @param {number} x @param {number} y */
export function writePlace(row, at, x, y) {
  row[at] = Math.floor(x * COARSE) / COARSE;
  row[at + 1] = Math.floor(y * COARSE) / COARSE;
  row[at + 2] = x - Math.floor(x * COARSE) / COARSE;
  row[at + 3] = y - Math.floor(y * COARSE) / COARSE;
}

export class Sprites {
  /** Milliseconds of the page's clock from which the rows' seconds count. */
  epoch = performance.now();
  /** Told when the card has forgotten everything and it has to be given anew. @type {() => void} */
  onRestored = () => {};

  #canvas;
  /** @type {WebGL2RenderingContext} */
  #gl;
  /** @type {Record<"symbol" | "label" | "trail", Batch>} */
  #batches;
  #palette;
  /** @type {WebGLTexture | null} */
  #symbols = null;
  #texts;

  /** @param {HTMLCanvasElement} canvas @param {import("./palette.js").Palette} palette @param {HTMLCanvasElement | { width: number, height: number }} texts how large the labels' texture is */
  constructor(canvas, palette, texts) {
    this.#canvas = canvas;
    this.#palette = palette;
    this.#texts = texts;
    const gl = canvas.getContext("webgl2", { antialias: false, depth: false, stencil: false, alpha: true });
    if (gl === null) throw new Error("this browser has no WebGL 2, which the map needs");
    this.#gl = gl;
    this.#batches = this.#start();
    canvas.addEventListener("webglcontextlost", this.#keep);
    canvas.addEventListener("webglcontextrestored", this.#restore);
  }

  /** The labels' texture. @type {WebGLTexture | null} */
  labelTexture = null;

  destroy() {
    this.#canvas.removeEventListener("webglcontextlost", this.#keep);
    this.#canvas.removeEventListener("webglcontextrestored", this.#restore);
    this.#gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  /** @param {import("./palette.js").Palette} palette */
  setPalette(palette) {
    this.#palette = palette;
    this.#loadSymbols();
  }

  /** Replace all symbols, or labels, or trails. @param {"symbol" | "label" | "trail"} kind @param {Float32Array} rows @param {number} count */
  set(kind, rows, count) {
    this.#batches[kind].set(rows, count);
  }

  /** Put a label's picture into the texture. @param {HTMLCanvasElement} picture @param {number} left @param {number} top pixels of the texture */
  loadLabel(picture, left, top) {
    const gl = this.#gl;
    gl.bindTexture(gl.TEXTURE_2D, this.labelTexture);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, left, top, gl.RGBA, gl.UNSIGNED_BYTE, picture);
  }

  /** @param {number} width CSS pixels @param {number} height @param {number} ratio */
  resize(width, height, ratio) {
    const [wide, high] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (this.#canvas.width !== wide) this.#canvas.width = wide;
    if (this.#canvas.height !== high) this.#canvas.height = high;
  }

  /** @param {import("./camera.js").Camera} camera @param {number} now of the page's clock @param {number} size of symbols, 1 is full */
  draw(camera, now, size) {
    const gl = this.#gl;
    if (gl.isContextLost()) return;
    const ratio = this.#canvas.width / camera.width;
    gl.viewport(0, 0, this.#canvas.width, this.#canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const centre = new Float32Array(4);
    writePlace(centre, 0, camera.x, camera.y);
    const seconds = (now - this.epoch) / 1_000;
    for (const kind of /** @type {const} */ (["trail", "symbol", "label"])) {
      const batch = this.#batches[kind];
      if (batch.count === 0) continue;
      gl.useProgram(batch.program);
      gl.uniform4fv(batch.at("u_centre"), centre);
      gl.uniform4f(batch.at("u_screen"), camera.left, camera.top, camera.width, camera.height);
      gl.uniform3f(batch.at("u_world"), camera.world, camera.cos, camera.sin);
      gl.uniform1f(batch.at("u_time"), seconds);
      if (kind === "symbol") {
        gl.uniform2f(batch.at("u_turned"), (camera.bearing * Math.PI) / 180, size);
        gl.uniform1f(batch.at("u_soft"), 1 / (ratio * size));
        gl.bindTexture(gl.TEXTURE_2D, this.#symbols);
      } else if (kind === "label") {
        gl.uniform1f(batch.at("u_ratio"), ratio);
        gl.bindTexture(gl.TEXTURE_2D, this.labelTexture);
      }
      const beside = roundsBeside(camera);
      for (let round = -beside; round <= beside; round++) {
        gl.uniform1f(batch.at("u_round"), round);
        batch.draw();
      }
    }
    gl.bindVertexArray(null);
  }

  #keep = (/** @type {Event} */ event) => event.preventDefault();
  #restore = () => {
    this.#symbols = null; // gone with all else
    this.#batches = this.#start();
    this.onRestored();
  };

  #start() {
    const gl = this.#gl;
    this.labelTexture = texture(gl, gl.LINEAR);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, this.#texts.width, this.#texts.height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    const fragment = SYMBOL.fragment(SYMBOLS.length, CELL_PX);
    const batches = {
      symbol: new Batch(gl, SYMBOL.vertex, fragment, ATTRIBUTES.symbol),
      label: new Batch(gl, LABEL.vertex, LABEL.fragment, ATTRIBUTES.label),
      trail: new Batch(gl, TRAIL.vertex, TRAIL.fragment, ATTRIBUTES.trail),
    };
    this.#batches = batches;
    this.#loadSymbols();
    return batches;
  }

  #loadSymbols() {
    const [gl, palette] = [this.#gl, this.#palette];
    if (this.#symbols) gl.deleteTexture(this.#symbols);
    this.#symbols = texture(gl, gl.LINEAR_MIPMAP_LINEAR);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, drawSymbols(palette));
    gl.generateMipmap(gl.TEXTURE_2D);
    const { symbol, trail } = this.#batches;
    gl.useProgram(symbol.program);
    for (const name of /** @type {const} */ (["good", "low", "empty", "faint", "alert", "selected", "rim", "stale"]))
      gl.uniform3fv(symbol.at(`u_${name}`), parts(palette[name]));
    gl.useProgram(trail.program);
    gl.uniform3fv(trail.at("u_trail"), parts(palette.flying));
  }
}

/** One program with the instances that it draws. */
class Batch {
  count = 0;
  /** @type {WebGLProgram} */
  program;
  #gl;
  #array;
  #buffer;
  #bytes = 0;
  #floats;
  /** @type {Map<string, WebGLUniformLocation | null>} */
  #uniforms = new Map();

  /** @param {WebGL2RenderingContext} gl @param {string} vertex @param {string} fragment @param {string[]} attributes of four floats each */
  constructor(gl, vertex, fragment, attributes) {
    this.#gl = gl;
    this.#floats = attributes.length * 4;
    this.program = link(gl, vertex, fragment);
    this.#array = gl.createVertexArray();
    gl.bindVertexArray(this.#array);
    const corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(this.program, "a_corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    this.#buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    attributes.forEach((name, index) => {
      const at = gl.getAttribLocation(this.program, name);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, 4, gl.FLOAT, false, attributes.length * 16, index * 16);
      gl.vertexAttribDivisor(at, 1);
    });
    gl.bindVertexArray(null);
  }

  /** @param {string} uniform */
  at(uniform) {
    const known = this.#uniforms.get(uniform);
    if (known !== undefined) return known;
    const found = this.#gl.getUniformLocation(this.program, uniform);
    this.#uniforms.set(uniform, found);
    return found;
  }

  /** @param {Float32Array} rows @param {number} count */
  set(rows, count) {
    const gl = this.#gl;
    this.count = count;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    if (rows.byteLength > this.#bytes) {
      this.#bytes = rows.byteLength;
      gl.bufferData(gl.ARRAY_BUFFER, this.#bytes, gl.DYNAMIC_DRAW);
    }
    if (count > 0) gl.bufferSubData(gl.ARRAY_BUFFER, 0, rows, 0, count * this.#floats);
  }

  draw() {
    const gl = this.#gl;
    gl.bindVertexArray(this.#array);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.count);
  }
}

/** @param {WebGL2RenderingContext} gl @param {number} smaller how it is read where it is drawn smaller */
function texture(gl, smaller) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, smaller);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  return made;
}

/** @param {WebGL2RenderingContext} gl @param {string} vertex @param {string} fragment */
function link(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of /** @type {const} */ ([[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost())
      throw new Error(`the map's shader does not compile: ${gl.getShaderInfoLog(shader)}`);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost())
    throw new Error(`the map's shaders do not link: ${gl.getProgramInfoLog(program)}`);
  return program;
}
