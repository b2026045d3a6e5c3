// @ts-check
/** The page's own drawings, 24 units square, in the colour of the text around them. They say nothing by themselves. */
import { nothing, svg } from "lit-html";

const LINES = {
  map: "M3 6l6-2 6 2 6-2v14l-6 2-6-2-6 2zM9 4v14M15 6v14",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  gear: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 2.500v3M12 18.500v3M2.500 12h3M18.500 12h3M5.300 5.300l2.100 2.100M16.600 16.600l2.100 2.100M18.700 5.300l-2.100 2.100M7.400 16.600l-2.100 2.100",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.500l3 2",
  route: "M6 16.500a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM18 3.500a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM8 18.500h7a3.5 3.5 0 0 0 0-7H9a3 3 0 0 1 0-6h7",
  download: "M12 4v11M7 10.500l5 5 5-5M5 20h14",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  stop: "M6 6h12v12H6z",
  full: "M4 9V4h5M20 9V4h-5M20 15v5h-5M4 15v5h5",
  inset: "M3 5h18v14H3zM12 12h6v4h-6z",
  video: "M3 7h12v10H3zM15 11l6-3.500v9L15 13z",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  plus: "M12 5v14M5 12h14",
  pencil: "M4 20l1-4.500L16 4.500l3.500 3.500L8.500 19zM13.500 7l3.500 3.500",
  skip: "M5 12h14",
  wait: "M12 6a6 6 0 1 0 0 12 6 6 0 0 0 0-12z",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21",
  close: "M5 5l14 14M19 5L5 19",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c1-4 4.5-6 8-6s7 2 8 6",
  chevron: "M6 9l6 6 6-6",
  back: "M15 5l-7 7 7 7",
  forward: "M9 5l7 7-7 7",
  up: "M12 20V5M6 11l6-6 6 6",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  film: "M3 5h18v14H3zM8 5v14M16 5v14M3 9.5h5M3 14.5h5M16 9.5h5M16 14.5h5",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  zoom: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21M8 10.500h5M10.500 8v5",
  alert: "M12 3L2 20h20zM12 10v4.500M12 17.400v.2",
  photo: "M3 7h4l2-2h6l2 2h4v12H3zM12 9.500a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
  list: "M8 6h13M8 12h13M8 18h13M3.5 6h.100M3.5 12h.100M3.5 18h.1",
  sort: "M7 4v16M3.5 16.500L7 20l3.5-3.500M13 6h8M13 12h6M13 18h4",
  check: "M4 12.500l5 5L20 6.5",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  frame: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  target: "M12 5.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM12 2v5M12 17v5M2 12h5M17 12h5",
  plane: "M12 3c.8 0 1.3.9 1.3 2v5l7.2 4.2v1.8l-7.2-2.2v4.2l2 1.6v1.4L12 20l-3.3 1v-1.4l2-1.6v-4.2L3.5 16v-1.8l7.2-4.2V5c0-1.100.5-2 1.3-2z",
  ground: "M3 16l5-3 5 3 5-3 3 2v4l-3-1-5 3-5-3-5 2zM12 3.500L6.5 12M12 3.500l5.5 8.500",
  pin: "M12 21s7-6.5 7-11.500a7 7 0 0 0-14 0C5 14.5 12 21 12 21zM12 7.500a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
};

/** @typedef {keyof typeof LINES} IconName */

/** @param {IconName} name */
export function icon(name) {
  return svg`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${LINES[name]}></path></svg>`;
}

/** The product's sign. */
export function mark() {
  return svg`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path d="M16 4l9 23-9-5.200L7 27z"></path></svg>`;
}

/**
 * An aircraft's state by its shape, so that it can be told without its colour: flying points, landed is a disc on a line,
 * lost is a broken triangle, offline is hollow. With a ring where an alert stands.
 * @param {import("../model/fleet.js").Phase} phase
 * @param {{ hasAlert?: boolean, heading?: number | null }} [more]
 */
export function stateGlyph(phase, { hasAlert = false, heading = null } = {}) {
  const turn = phase === "flying" && heading !== null ? `rotate(${Math.round(heading)} 12 12)` : nothing;
  return svg`<svg class="glyph glyph-${phase}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    ${hasAlert ? svg`<circle class="ring" cx="12" cy="12" r="10.8"></circle>` : nothing}
    <g transform=${turn}>${SHAPES[phase]}</g>
  </svg>`;
}

const SHAPES = {
  flying: svg`<path d="M12 3.500l6 16-6-3.6-6 3.600z"></path>`,
  landed: svg`<circle cx="12" cy="10.5" r="5"></circle><path d="M5.5 18.500h13v1.800h-13z"></path>`,
  lost: svg`<path d="M12 4l8.5 15.500h-17zM11 9.500v5h2v-5zM11 16v2h2v-2z" fill-rule="evenodd"></path>`,
  offline: svg`<circle class="hollow" cx="12" cy="12" r="5.5"></circle>`,
};
