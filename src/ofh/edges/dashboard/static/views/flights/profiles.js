// @ts-check
/** Height, speed and battery of a flight over time, below one another, under one cursor that arrow keys move as well. */
import { html, nothing } from "lit-html";
import { t } from "../../model/i18n.js";
import { BREAK_MS, indexAt, nearestIndex, profile } from "../../model/track.js";
import { NOTHING } from "../../model/units.js";
import { plot } from "../../ui/plot.js";

/** @typedef {import("../../model/track.js").Point} Point */

/** Metres above take-off, or above the ellipsoid where that is not told. @param {boolean} hasElevation */
export const heightOf = (hasElevation) => (/** @type {Point} */ point) => (hasElevation ? point.elevation : point.height);

export class Profiles {
  #units;
  #point;
  #seek;
  /** Worked out once for each track. @type {{ track: readonly Point[], lines: [number, number][][] } | null} */
  #known = null;

  /**
   * @param {import("../../model/units.js").Units} units
   * @param {(time: number | null) => void} point somebody points at a time
   * @param {(time: number) => void} seek somebody wants to go there
   */
  constructor(units, point, seek) {
    this.#units = units;
    this.#point = point;
    this.#seek = seek;
  }

  /**
   * @param {import("./detail.js").Detail} detail
   * @param {{ from: number, to: number }} span
   * @param {number | null} at where the cursor stands
   */
  render({ track, hasElevation }, span, at) {
    if (track.length < 2) return html`<p class="empty">${t("flight.no_track")}</p>`;
    const units = this.#units;
    if (this.#known?.track !== track)
      this.#known = { track, lines: [heightOf(hasElevation), (/** @type {Point} */ { speed }) => speed, (/** @type {Point} */ { charge }) => charge].map((value) => profile(track, value)) };
    const [heights, speeds, charges] = this.#known.lines;
    const shared = { span: /** @type {[number, number]} */ ([span.from, span.to]), gap: BREAK_MS, at, point: this.#point, times: (/** @type {number} */ time) => units.time(time) };
    const index = at === null ? -1 : nearestIndex(track, at);
    return html`<div
      class="profiles"
      role="slider"
      tabindex="0"
      aria-label=${t("flight.profiles")}
      aria-valuemin="0"
      aria-valuemax=${track.length - 1}
      aria-valuenow=${Math.max(0, index)}
      aria-valuetext=${this.#words(track[Math.max(0, index)], hasElevation)}
      @keydown=${(/** @type {KeyboardEvent} */ event) => this.#keyed(event, track, at)}
      @blur=${() => this.#point(null)}
      @click=${() => at !== null && this.#seek(at)}
    >
      ${plot({ ...shared, label: t(hasElevation ? "flight.elevation" : "height"), points: heights, least: 10, words: (value) => units.height(value) })}
      ${plot({ ...shared, label: t("speed"), points: speeds, least: 2, colour: "speed", words: (value) => units.speed(value) })}
      ${charges.length ? plot({ ...shared, label: t("battery"), points: charges, range: [0, 100], colour: "good", words: (value) => units.percent(value) }) : nothing}
    </div>`;
  }

  /** @param {Point} point @param {boolean} hasElevation */
  #words(point, hasElevation) {
    const units = this.#units;
    const values = [units.height(heightOf(hasElevation)(point)), units.speed(point.speed), units.percent(point.charge)];
    return [units.time(point.time), ...values.filter((text) => text !== NOTHING)].join(", ");
  }

  /** @param {KeyboardEvent} event @param {readonly Point[]} track @param {number | null} at */
  #keyed(event, track, at) {
    const current = at === null ? 0 : indexAt(track, at);
    const [step, page] = [event.shiftKey ? 10 : 1, Math.ceil(track.length / 20)];
    const to = {
      ...{ ArrowRight: current + step, ArrowUp: current + step, ArrowLeft: current - step, ArrowDown: current - step },
      ...{ PageUp: current + page, PageDown: current - page, Home: 0, End: track.length - 1 },
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.#point(track[Math.max(0, Math.min(track.length - 1, to))].time);
    } else if (event.key === "Enter" && at !== null) this.#seek(at);
  }
}
