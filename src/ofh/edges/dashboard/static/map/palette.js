// @ts-check
/**
 * The map's colours, light and dark. Each state differs from the others by its symbol too, never by colour alone, and
 * every symbol has a rim that keeps it apart from whatever lies under it.
 */

/** @typedef {"light" | "dark"} Theme */

export const PALETTES = Object.freeze({
  light: Object.freeze({
    flying: "#00806f", landed: "#4a6788", lost: "#b35c00", offline: "#6d747c", controller: "#3d4f8a", traffic: "#7a4a8f",
    takeOff: "#4a6788", rim: "#ffffff", good: "#00806f", low: "#c96a00", empty: "#c62828", faint: "#c4cbd3",
    alert: "#d32020", selected: "#12202e", stale: "#8b929a", labelBack: "rgba(255,255,255,.88)", labelText: "#12202e",
    labelDetail: "#44505c",
    sea: "#d6e3ec", land: "#f5f3ee", border: "#b9b2a4", coast: "#a3b7c4", grid: "#c3cdd4", placeText: "#6f6a5f",
    placeHalo: "#f5f3ee", gridText: "#7d8a94", area: "#6b4fb3", areaAlert: "#d32020", footprint: "#a8620a", covered: "#0f62d0",
    road: "#ffffff", roadEdge: "#d9d4c8", wood: "#e3ebd9", water: "#c2d8e6", building: "#e6e1d7",
  }),
  dark: Object.freeze({
    flying: "#3ddbc4", landed: "#9db4d0", lost: "#ffb547", offline: "#9aa3ad", controller: "#aab8ff", traffic: "#d7a6ec",
    takeOff: "#9db4d0", rim: "#0c131a", good: "#3ddbc4", low: "#ffb547", empty: "#ff6b62", faint: "#3b4855",
    alert: "#ff5a52", selected: "#ffffff", stale: "#7d8792", labelBack: "rgba(14,21,28,.86)", labelText: "#f1f5f8",
    labelDetail: "#b8c3cd",
    sea: "#0f1b26", land: "#1b2630", border: "#465462", coast: "#34495a", grid: "#202d38", placeText: "#8d9aa6",
    placeHalo: "#1b2630", gridText: "#6b7b88", area: "#a794e8", areaAlert: "#ff5a52", footprint: "#e0a24c", covered: "#64b0ff",
    road: "#33414d", roadEdge: "#232f39", wood: "#1f2f2c", water: "#122230", building: "#26323c",
  }),
});

/** @typedef {{ readonly [name in keyof typeof PALETTES.light]: string }} Palette */

/** A colour `#rrggbb` as three numbers from 0 to 1. @param {string} colour @returns {[number, number, number]} */
export function parts(colour) {
  const number = Number.parseInt(colour.slice(1), 16);
  return [(number >> 16) / 255, ((number >> 8) & 255) / 255, (number & 255) / 255];
}
