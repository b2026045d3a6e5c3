// @ts-check
/** The workspace's own aircraft as markers: where each was seen last, its state, charge, label and alerts. */

import { labelDetail, rank, staleAt } from "./states.js";

/** @typedef {import("../model/picture.js").Picture} Fleet */
/** @typedef {import("../model/fleet.js").Drone} Drone */

export class Aircraft {
  #scene;
  #fleet;
  #settings;
  #clock;
  /** Which are shown. @type {Set<string>} */
  #shown = new Set();
  /** @type {Set<string>} */
  #alerted = new Set();
  /** @type {string | null} */
  #selected = null;
  #ends;

  /** @param {{ scene: import("./scene.js").Scene, fleet: Fleet, settings: import("./map.js").Wishes, clock: import("./map.js").MapClock }} needs */
  constructor({ scene, fleet, settings, clock }) {
    this.#scene = scene;
    this.#fleet = fleet;
    this.#settings = settings;
    this.#clock = clock;
    this.#ends = [
      fleet.on("change", (ids) => this.#show(ids)),
      fleet.on("picture", () => this.#begin()),
      fleet.on("alerts", () => this.#alert()),
    ];
    this.#alert();
    this.#begin();
  }

  destroy() {
    for (const end of this.#ends) end();
    for (const id of this.#shown) this.#scene.remove(keyOf(id));
  }

  /** @param {string | null} id */
  select(id) {
    const before = this.#selected;
    this.#selected = id;
    this.#show([before, id].filter((one) => one !== null));
  }

  #begin() {
    for (const id of [...this.#shown]) if (!this.#fleet.drones.has(id)) this.#hide(id);
    this.#show(this.#fleet.drones.keys());
  }

  #alert() {
    const before = this.#alerted;
    this.#alerted = new Set();
    for (const { drone, otherDrone } of /** @type {Iterable<any>} */ (this.#fleet.alerts.values())) {
      this.#alerted.add(drone.id);
      if (otherDrone) this.#alerted.add(otherDrone.id);
    }
    this.#show([...before, ...this.#alerted]);
  }

  /** @param {string} id */
  #hide(id) {
    this.#shown.delete(id);
    this.#scene.remove(keyOf(id));
  }

  /** @param {Iterable<string>} ids */
  #show(ids) {
    const now = this.#clock.now();
    for (const id of ids) {
      const drone = this.#fleet.drones.get(id);
      const fix = drone?.fixes.at(-1);
      if (drone === undefined || fix === undefined) continue;
      this.#shown.add(id);
      this.#scene.put(keyOf(id), fix, this.#look(drone, fix, now));
    }
  }

  /** @param {Drone} drone @param {import("../model/fleet.js").Fix} fix @param {number} now @returns {import("./scene.js").Look} */
  #look(drone, fix, now) {
    const state = drone.phase;
    const marks = { isSelected: drone.id === this.#selected, isAlerted: this.#alerted.has(drone.id) };
    const isOffline = state === "offline";
    const charge = drone.battery?.percent ?? null;
    return {
      symbol: state, ...marks, id: drone.id, rank: rank(state, marks),
      isUpright: state === "lost" || isOffline,
      charge: charge === null || isOffline ? null : charge / 100,
      // what is lost or away looks so already: grey would hide the one, and is the other
      staleAt: isOffline || state === "lost" ? undefined : staleAt(now - fix.reportedAt, this.#clock.pace),
      label: () => {
        const height = isOffline ? null : fix.height;
        const elevation = isOffline ? null : (drone.telemetry?.elevation ?? null);
        const ageMs = this.#clock.now() - fix.reportedAt;
        return { title: drone.row.name, detail: labelDetail({ elevation, height, charge, ageMs }, this.#settings) };
      },
    };
  }
}

/** @param {string} id */
export const keyOf = (id) => `drone ${id}`;
