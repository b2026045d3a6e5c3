// @ts-check
/** Aircraft of others inside what the map shows: one subscription, begun anew when the map shows something else. */

import { course, distance } from "./geometry.js";
import { labelDetail, STALE_MS } from "./states.js";

const TRAFFIC = `subscription Traffic($area: Area!) { traffic(area: $area) { id longitude latitude height reportedAt } }`;
const MARGIN = 0.2;
/** Where the hub has an aircraft's disappearance too: it tells of none for longer. */
const FORGOTTEN_MS = 60_000;
const AGAIN_MS = 5_000;
/** Below this way between two fixes a course is chance: metres. */
const LEAST_WAY_M = 5;

export class Traffic {
  #scene;
  #settings;
  #clock;
  #socket;
  /** @type {Map<string, { fix: import("./motion.js").Fix, height: number | null }>} */
  #known = new Map();
  /** @type {import("./geometry.js").Area | null} */
  #area = null;
  #leave = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;
  #round;

  /** @param {{ scene: import("./scene.js").Scene, settings: import("./map.js").Wishes, clock: { now(): number }, socket: () => import("graphql-ws").Client }} needs */
  constructor({ scene, settings, clock, socket }) {
    this.#scene = scene;
    this.#settings = settings;
    this.#clock = clock;
    this.#socket = socket;
    this.#round = setInterval(() => this.#show(), 1_000);
  }

  destroy() {
    clearInterval(this.#round);
    this.#stop();
    for (const id of this.#known.keys()) this.#scene.remove(keyOf(id));
  }

  /** Where to look. @param {import("./geometry.js").Area} area */
  watch(area) {
    const is = (/** @type {import("./geometry.js").Area | null} */ one) => one && `${[one.west, one.south, one.east, one.north]}`;
    if (is(area) === is(this.#area)) return;
    this.#area = area;
    this.#begin();
  }

  /** How much more than the screen is asked for, so that what comes in is there. */
  static margin = MARGIN;

  #begin() {
    this.#stop();
    const area = this.#area;
    this.#leave = this.#socket().subscribe(
      { query: TRAFFIC, variables: { area } },
      {
        next: ({ data }) => this.#take(/** @type {any} */ (data)?.traffic ?? []),
        error: () => this.#later(),
        complete: () => {},
      },
    );
  }

  #stop() {
    clearTimeout(this.#again);
    const leave = this.#leave;
    this.#leave = () => {};
    leave();
  }

  #later() {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#begin(), AGAIN_MS);
  }

  /** @param {{ id: string, longitude: number, latitude: number, height: number | null, reportedAt: string }[]} aircraft */
  #take(aircraft) {
    for (const { id, longitude, latitude, height, reportedAt } of aircraft) {
      const before = this.#known.get(id)?.fix;
      const fix = { longitude, latitude, heading: before?.heading ?? null, reportedAt: Date.parse(reportedAt) };
      if (before && fix.reportedAt <= before.reportedAt) continue;
      if (before && distance(before, fix) > LEAST_WAY_M) fix.heading = course(before, fix);
      this.#known.set(id, { fix, height });
    }
    this.#show();
  }

  #show() {
    const now = this.#clock.now();
    for (const [id, { fix, height }] of this.#known) {
      const ageMs = now - fix.reportedAt;
      if (ageMs > FORGOTTEN_MS) {
        this.#known.delete(id);
        this.#scene.remove(keyOf(id));
        continue;
      }
      const words = () => labelDetail({ elevation: null, height, charge: null, ageMs: this.#clock.now() - fix.reportedAt }, this.#settings);
      const label = /^~?[0-9a-f]{6}$/i.test(id) // of a shared drone the name tells nothing
        ? () => ({ title: id.toUpperCase(), detail: words() })
        : height === null ? null : () => ({ title: words(), detail: "" });
      this.#scene.put(keyOf(id), fix, {
        symbol: fix.heading === null ? "stillTraffic" : "traffic", rank: -1, isUpright: fix.heading === null,
        staleAt: performance.now() + STALE_MS - ageMs, label,
      });
    }
  }
}

/** @param {string} id */
const keyOf = (id) => `traffic ${id}`;
