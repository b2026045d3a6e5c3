// @ts-check
/** From the map's mercator square to the screen and back, for a map that is looked at straight from above. Pure but for `cameraOf`. */

import { mercatorX, mercatorY } from "./geometry.js";

/**
 * Which place is where on the screen: the mercator place `x`, `y` at the pixel `left`, `top`; `world` pixels are a whole
 * round; `cos` and `sin` are of the bearing, by which the map is turned counter-clockwise. CSS pixels.
 * @typedef {object} Camera
 * @property {number} x @property {number} y @property {number} left @property {number} top @property {number} world
 * @property {number} bearing degrees @property {number} cos @property {number} sin @property {number} zoom
 * @property {number} width @property {number} height
 */

/** @param {import("maplibre-gl").Map} map @returns {Camera} */
export function cameraOf(map) {
  const centre = map.getCenter();
  const { x: left, y: top } = map.project(centre);
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  const [zoom, bearing] = [map.getZoom(), map.getBearing()];
  return {
    x: mercatorX(centre.lng), y: mercatorY(centre.lat), left, top, world: 512 * 2 ** zoom, zoom, bearing,
    cos: Math.cos((bearing * Math.PI) / 180), sin: Math.sin((bearing * Math.PI) / 180), width, height,
  };
}

/** The pixel of a mercator place, of the round that is nearest to the middle. @param {Camera} camera @param {number} x @param {number} y */
export function project(camera, x, y) {
  const away = x - camera.x;
  const [east, south] = [(away - Math.round(away)) * camera.world, (y - camera.y) * camera.world];
  return {
    x: camera.left + east * camera.cos + south * camera.sin,
    y: camera.top - east * camera.sin + south * camera.cos,
  };
}

/** How many rounds are to be drawn on each side of the middle one. @param {Camera} camera */
export const roundsBeside = (camera) => Math.ceil(Math.max(0, Math.hypot(camera.width, camera.height) / camera.world - 1) / 2);
