// @ts-check
/** How much larger than on a desk all is: on a wall display it is read from afar (`html` in style.css). */

const DESK_PX = 14;

/** 1 on a desk. @returns {number} */
export function enlargement() {
  const root = globalThis.document?.documentElement;
  return root ? Math.max(1, parseFloat(getComputedStyle(root).fontSize) / DESK_PX || 1) : 1;
}
