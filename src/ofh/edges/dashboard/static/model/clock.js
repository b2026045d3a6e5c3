// @ts-check
/**
 * The hub's time on this page, whose own clock may be wrong. What comes from the hub with a time on it was there at that
 * time or later, so of all differences the greatest is the nearest to the truth; old news only gives smaller ones.
 */

const SPAN_MS = 300_000;

export class Clock {
  /** Hub less page, in milliseconds: the greatest of this span of time, and of the one before. */
  #current = -Infinity;
  #previous = -Infinity;
  #begun = 0;

  /** Something has just come that bears this time. @param {number | string} time milliseconds, or ISO 8601 */
  note(time) {
    const page = Date.now();
    const hub = typeof time === "string" ? Date.parse(time) : time;
    if (!Number.isFinite(hub)) return;
    if (page - this.#begun > SPAN_MS || page < this.#begun) {
      this.#previous = this.#begun ? this.#current : -Infinity;
      this.#current = -Infinity;
      this.#begun = page;
    }
    this.#current = Math.max(this.#current, hub - page);
  }

  /** Hub less page, in milliseconds; 0 until something came. */
  get offset() {
    const known = Math.max(this.#current, this.#previous);
    return Number.isFinite(known) ? known : 0;
  }

  /** Milliseconds since 1970 by the hub's clock. */
  now() {
    return Date.now() + this.offset;
  }

  /** Milliseconds that something is old, never less than none. @param {number} time by the hub's clock */
  age(time) {
    return Math.max(0, this.now() - time);
  }
}
