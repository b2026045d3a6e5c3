// @ts-check
/** Colours for values. */

/** From the lowest value to the highest: ever lighter (dark: ever brighter), so they can be told apart without colours too. */
export const RAMPS = {
  light: ["#2d1e8f", "#5b1aa0", "#8a1f9a", "#b32f86", "#d2466b", "#e8654f", "#f48a35", "#f9b326"],
  dark: ["#6f74ff", "#9a72f5", "#bf71e2", "#dc74c8", "#f07fa8", "#fb9486", "#ffb166", "#ffd75a"],
};
