// @ts-check
/** Where what is in the air took off: of a small fleet all, of a large one the selected aircraft's flight. */

/** Drones of a fleet that is large. */
const LARGE = 60;

export class TakeOffs {
  #scene;
  #fleet;
  /** @type {Set<string>} */
  #shown = new Set();
  /** @type {string | null} */
  #selected = null;
  #ends;

  /** @param {{ scene: import("./scene.js").Scene, fleet: import("../model/picture.js").Picture }} needs */
  constructor({ scene, fleet }) {
    this.#scene = scene;
    this.#fleet = fleet;
    this.#ends = [
      fleet.on("picture", () => this.#all()),
      fleet.on("change", (ids) => {
        for (const id of ids) this.#show(id);
      }),
    ];
    this.#all();
  }

  destroy() {
    for (const end of this.#ends) end();
    for (const id of this.#shown) this.#scene.remove(keyOf(id));
  }

  /** @param {string | null} id */
  select(id) {
    const before = this.#selected;
    this.#selected = id;
    if (before !== null) this.#show(before, true);
    if (id !== null) this.#show(id, true);
  }

  #all() {
    for (const id of this.#shown) if (!this.#fleet.drones.has(id)) this.#show(id);
    for (const id of this.#fleet.drones.keys()) this.#show(id);
  }

  /** @param {string} id @param {boolean} [anew] */
  #show(id, anew = false) {
    const flight = this.#fleet.drones.get(id)?.flight;
    const place = flight?.takeOff;
    const isShown = id === this.#selected || this.#fleet.drones.size <= LARGE;
    if (!isShown || !flight || !place || flight.landedAt) {
      if (this.#shown.delete(id)) this.#scene.remove(keyOf(id));
      return;
    }
    if (this.#shown.has(id) && !anew) return;
    this.#shown.add(id);
    const isSelected = id === this.#selected;
    const fix = { ...place, heading: null, reportedAt: Date.parse(flight.startedAt) };
    this.#scene.put(keyOf(id), fix, { symbol: "takeOff", rank: isSelected ? -1 : -3, isUpright: true });
  }
}

/** @param {string} id */
const keyOf = (id) => `take-off ${id}`;
