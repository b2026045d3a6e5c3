// @ts-check
/**
 * A small plot of one quantity over time: a line, its scale in words, and a cursor that shows the value under it. Several
 * plots share a cursor where they are given the same `at` and the same `point`.
 */
import { html, nothing, svg } from "lit-html";

const WIDTH = 320;
const HEIGHT = 72;
const PAD = 6;

/**
 * @typedef {object} Plot
 * @property {string} label what it shows, also for those who do not see it
 * @property {readonly (readonly [number, number])[]} points time in milliseconds and value, in order of time
 * @property {[number, number]} [span] of time; else from the first to the last point. Plots that share a cursor share it
 * @property {number} [gap] milliseconds: between points that are further apart there is no line
 * @property {[number, number]} [range] of values; else that of the points, never less than `least` apart
 * @property {number} [least]
 * @property {(value: number) => string} words of a value
 * @property {(time: number) => string} times words of a time
 * @property {string} [colour] a class: `good`, `plain`
 * @property {number | null} [at] where the cursor stands, a time
 * @property {(time: number | null) => void} [point] somebody points at a time
 */

/** @param {Plot} plot */
export function plot({ label, points, span, gap = Infinity, range, least = 1, words, times, colour = "plain", at = null, point }) {
  const [first, last] = [points[0], points.at(-1)];
  const [begin, end] = span ?? [first?.[0] ?? 0, last?.[0] ?? 0];
  if (!first || !last || points.length < 2 || end <= begin) return nothing;
  const values = points.map(([, value]) => value);
  let [low, high] = range ?? [Math.min(...values), Math.max(...values)];
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  const x = (/** @type {number} */ time) => ((time - begin) / (end - begin)) * WIDTH;
  const y = (/** @type {number} */ value) => HEIGHT - PAD - ((value - low) / (high - low)) * (HEIGHT - 2 * PAD);
  const stretches = joined(points, gap).map((stretch) => stretch.map(([time, value]) => `${x(time).toFixed(1)} ${y(value).toFixed(1)}`));
  const line = stretches.map((stretch) => `M${stretch.join("L")}`).join("");
  const area = stretches.map((stretch) => `M${stretch[0].split(" ")[0]} ${HEIGHT}L${stretch.join("L")}V${HEIGHT}Z`).join("");
  const under = at === null ? null : nearest(points, at);
  const pointed = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {SVGElement} */ (event.currentTarget).getBoundingClientRect();
    point?.(begin + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * (end - begin));
  };
  const summary = `${label}: ${times(first[0])} ${words(first[1])}, ${times(last[0])} ${words(last[1])}`;
  const [time, value] = under ?? last;
  return html`<figure class="plot">
    <figcaption><span>${label}</span><output>${under ? html`<span class="plot-time">${times(time)}</span> ` : nothing}${words(value)}</output></figcaption>
    <svg
      class="plot-${colour}"
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      preserveAspectRatio="none"
      role="img"
      aria-label=${summary}
      @pointermove=${pointed}
      @pointerleave=${() => point?.(null)}
    >
      <path class="plot-grid" d="M0 ${y(high)}H${WIDTH}M0 ${y(low)}H${WIDTH}"></path>
      <path class="plot-area" d=${area}></path>
      <path class="plot-line" d=${line}></path>
      ${under ? svg`<path class="plot-cursor" d="M${x(under[0])} 0V${HEIGHT}"></path>` : nothing}
    </svg>
    <div class="plot-scale" aria-hidden="true"><span>${times(begin)}</span><span>${words(low)} – ${words(high)}</span><span>${times(end)}</span></div>
  </figure>`;
}

/** @param {readonly (readonly [number, number])[]} points @param {number} time */
function nearest(points, time) {
  let [low, high] = [0, points.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (/** @type {[number, number]} */ (points[middle])[0] <= time) low = middle;
    else high = middle;
  }
  const [one, other] = [/** @type {[number, number]} */ (points[low]), /** @type {[number, number]} */ (points[high])];
  return time - one[0] < other[0] - time ? one : other;
}

/** The points in stretches without a gap. @param {readonly (readonly [number, number])[]} points @param {number} gap */
function joined(points, gap) {
  /** @type {(readonly [number, number])[][]} */
  const stretches = [];
  let before = -Infinity;
  for (const point of points) {
    if (point[0] - before > gap || stretches.length === 0) stretches.push([]);
    stretches[stretches.length - 1].push(point);
    before = point[0];
  }
  return stretches;
}
