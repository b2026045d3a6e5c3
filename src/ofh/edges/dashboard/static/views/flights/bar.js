// @ts-check
/** The replay's time bar: play and pause, how fast, and where in time, with what flew then above it. */
import { html, nothing, svg } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { t } from "../../model/i18n.js";
import { SPEEDS } from "../../model/playback.js";
import { wordsOf } from "../../ui/faults.js";
import { icon } from "../../ui/icons.js";

/** @typedef {import("../../model/playback.js").Playback} Playback */
/** What flew when. @typedef {{ id: string, from: number, to: number, name: string }} Band */

/**
 * @param {import("../../model/units.js").Units} units
 * @param {Playback} playback
 * @param {(at: number) => void} seek
 * @param {{ before?: unknown, after?: unknown, bands?: readonly Band[] }} [more] what else belongs to it
 */
export function bar(units, playback, seek, { before = nothing, after = nothing, bands = [] } = {}) {
  const { span, isPlaying, speed } = playback;
  const now = playback.now();
  const toggle = () => (isPlaying ? playback.pause() : playback.play());
  return html`<div class="replay" role="group" aria-label=${t("replay.title")}>
    <div class="replay-controls">
      <button type="button" class="button primary" aria-label=${t(isPlaying ? "replay.pause" : "replay.play")} title=${t(isPlaying ? "replay.pause" : "replay.play")} data-play=${playback.state} @click=${toggle}>
        ${icon(isPlaying ? "pause" : "play")}
      </button>
      <label class="replay-speed"
        ><span class="unseen">${t("replay.speed")}</span>
        <select @change=${(/** @type {Event} */ event) => playback.hurry(Number(/** @type {HTMLSelectElement} */ (event.target).value))}>
          ${SPEEDS.map((one) => html`<option value=${one} .selected=${one === speed}>${one}×</option>`)}
        </select></label
      >
      <time class="replay-now numbers" datetime=${new Date(now).toISOString()} title=${units.utc(now)}><strong>${units.time(now)}</strong></time>
      ${before}<span class="space"></span>${after}
    </div>
    <div class="replay-line">
      ${bands.length ? lane(bands, span) : nothing}
      <input
        type="range"
        aria-label=${t("replay.position")}
        aria-valuetext=${units.time(now)}
        min=${span.from}
        max=${span.to}
        step="1000"
        .value=${live(String(Math.round(now)))}
        @input=${(/** @type {Event} */ event) => seek(Number(/** @type {HTMLInputElement} */ (event.target).value))}
      />
      <div class="plot-scale" aria-hidden="true"><span>${units.time(span.from)}</span><span>${units.time(span.to)}</span></div>
    </div>
    ${notice(units, playback)}
  </div>`;
}

/** @param {import("../../model/units.js").Units} units @param {Playback} playback */
function notice(units, { fault, keptSince }) {
  if (fault) {
    const code = /** @type {any} */ (fault).code;
    const words = code === "RATE_LIMITED" ? t("replay.too_many") : wordsOf(fault, units, { BAD_INPUT: t("replay.not_kept") });
    return html`<p class="problem" role="alert">${words}</p>`;
  }
  if (keptSince !== null) return html`<p class="aside" role="status">${t("replay.kept_since", { time: units.moment(keptSince) })}</p>`;
  return nothing;
}

/** Flights as bands, each in the first row that is free. @param {readonly Band[]} bands @param {{ from: number, to: number }} span */
function lane(bands, { from, to }) {
  const x = (/** @type {number} */ time) => Math.max(0, Math.min(1000, ((time - from) / (to - from)) * 1000));
  const rows = stacked(bands);
  const height = Math.max(1, ...rows.map((row) => row + 1));
  return html`<svg class="lane" viewBox="0 0 1000 ${height}" preserveAspectRatio="none" role="img" aria-label=${t("replay.bands", { n: bands.length })}>
    ${bands.map((band, index) => svg`<rect x=${x(band.from)} y=${rows[index] + 0.12} width=${Math.max(2, x(band.to) - x(band.from))} height="0.76"><title>${band.name}</title></rect>`)}
  </svg>`;
}

/** In which row each band is, none over another. @param {readonly { from: number, to: number }[]} bands @returns {number[]} */
export function stacked(bands) {
  /** @type {number[]} */
  const rows = [];
  /** @type {number[]} */
  const free = [];
  const inOrder = bands.map((_, index) => index).sort((one, other) => bands[one].from - bands[other].from);
  for (const index of inOrder) {
    const found = free.findIndex((until) => until <= bands[index].from);
    rows[index] = found < 0 ? free.length : found;
    free[rows[index]] = bands[index].to;
  }
  return rows;
}
