// @ts-check
/** What a battery has said since the page was opened. */

/** Of one battery: those of hours, since only changes are kept. */
const MOST = 240;
/** Closer together they are not told apart in a plot. */
const APART_MS = 5_000;

/** As many numbers as they are, in one array: as objects they were what a map of hundreds of aircraft grew by. */
export class Charges {
  /** Time, percent, time, percent and so on. @type {number[]} */
  #flat = [];

  /**
   * Of a charge that stays the same only when it began and the newest are kept, so that a page that is open all day does not grow.
   * @param {{ percent: number, reportedAt: number }} charge
   */
  add({ percent, reportedAt }) {
    const flat = this.#flat;
    const size = flat.length;
    if (size > 2 && flat[size - 1] === percent && flat[size - 3] === percent) flat[size - 2] = reportedAt;
    else if (size === 0 || reportedAt - flat[size - 2] >= APART_MS) flat.push(reportedAt, percent);
    if (flat.length > 2 * MOST) flat.splice(0, 2);
  }

  /** When, of `Date.parse`, and how many percent, in order of time. @returns {[number, number][]} */
  get points() {
    return Array.from({ length: this.#flat.length / 2 }, (_, n) => [this.#flat[2 * n], this.#flat[2 * n + 1]]);
  }
}
