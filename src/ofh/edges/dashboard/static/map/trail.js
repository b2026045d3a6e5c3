// @ts-check
/** Trails of current flights: what the hub has of the track, then what is reported. Of the selected aircraft, of all in flight, or of none. */

import { keyOf } from "./aircraft.js";

/** @typedef {"selected" | "all" | "none"} Choice */

const TRACK = `query Trail($id: ID!, $most: Int) { flight(id: $id) { id track(maxPoints: $most) { longitude latitude time } } }`;
const MOST_POINTS = 2_000;
/** Of others than the selected one. */
const FEW_POINTS = 200;
/** So many tracks are asked for at a time, and so many in all. */
const AT_ONCE = 4;
const MOST_TRACKS = 200;
const AGAIN_MS = 10_000;

export class FlightTrails {
  #scene;
  #fleet;
  #query;
  /** @type {Choice} */
  #choice = "selected";
  /** @type {string | null} */
  #selected = null;
  /** Which flight a drone's line is of. @type {Map<string, string>} */
  #flights = new Map();
  /** @type {(() => Promise<void>)[]} */
  #waiting = [];
  #running = 0;
  #ends;

  /** @param {{ scene: import("./scene.js").Scene, fleet: import("../model/picture.js").Picture, query?: import("./map.js").Query }} needs */
  constructor({ scene, fleet, query }) {
    this.#scene = scene;
    this.#fleet = fleet;
    this.#query = query;
    this.#ends = [
      fleet.on("change", (ids) => {
        for (const id of ids) this.#show(id);
      }),
      fleet.on("picture", () => this.#all(true)),
    ];
  }

  destroy() {
    for (const end of this.#ends) end();
    for (const id of this.#flights.keys()) this.#scene.trails.remove(keyOf(id));
    this.#flights.clear();
    this.#waiting = [];
  }

  /** @param {string | null} id */
  select(id) {
    const before = this.#selected;
    this.#selected = id;
    for (const one of [before, id]) {
      if (one === null) continue;
      this.#drop(one); // it is drawn otherwise
      this.#show(one);
    }
  }

  /** @param {Choice} choice */
  choose(choice) {
    this.#choice = choice;
    this.#all();
  }

  /** @param {boolean} [anew] after a hole in what was reported: what was drawn across it was not flown */
  #all(anew = false) {
    for (const id of [...this.#flights.keys()]) if (anew || !this.#isWanted(id)) this.#drop(id);
    for (const id of this.#fleet.drones.keys()) this.#show(id);
  }

  /** @param {string} id */
  #isWanted(id) {
    if (this.#choice === "none" || !this.#fleet.drones.get(id)?.flight) return false;
    return this.#choice === "all" || id === this.#selected;
  }

  /** @param {string} id */
  #drop(id) {
    this.#flights.delete(id);
    this.#scene.trails.remove(keyOf(id));
  }

  /** @param {string} id */
  #show(id) {
    if (!this.#isWanted(id)) {
      if (this.#flights.has(id)) this.#drop(id);
      return;
    }
    const flight = /** @type {{ id: string }} */ (this.#fleet.drones.get(id)?.flight);
    const isSelected = id === this.#selected;
    if (this.#flights.get(id) !== flight.id) {
      if (!isSelected && this.#flights.size >= MOST_TRACKS) return;
      this.#flights.set(id, flight.id);
      const look = isSelected ? { strength: 1, width: 3.5 } : { strength: 0.5, width: 2 };
      this.#scene.trails.set(keyOf(id), [], look);
      this.#ask(() => this.#load(id, flight.id, look), isSelected);
    }
    const motion = this.#scene.motionOf(keyOf(id));
    if (motion) this.#scene.trails.follow(keyOf(id), motion);
  }

  /** @param {string} id @param {string} flightId @param {{ strength: number, width: number }} look */
  async #load(id, flightId, look) {
    if (this.#query === undefined || this.#flights.get(id) !== flightId) return;
    const most = id === this.#selected ? MOST_POINTS : FEW_POINTS;
    const { flight } = await this.#query(TRACK, { id: flightId, most });
    if (this.#flights.get(id) !== flightId || !flight) return;
    // The hub knows more than is shown yet: the line ends where the symbol's movement begins.
    const motion = this.#scene.motionOf(keyOf(id));
    const before = flight.track.filter((/** @type {any} */ point) => motion === null || Date.parse(point.time) < motion.reportedAt);
    this.#scene.trails.set(keyOf(id), before, look);
    if (motion) this.#scene.trails.follow(keyOf(id), motion);
  }

  /** A few at a time. @param {() => Promise<void>} load @param {boolean} isUrgent */
  #ask(load, isUrgent) {
    if (isUrgent) this.#waiting.unshift(load);
    else this.#waiting.push(load);
    while (this.#running < AT_ONCE && this.#waiting.length > 0) {
      const next = /** @type {() => Promise<void>} */ (this.#waiting.shift());
      this.#running += 1;
      next()
        .catch((error) => {
          console.info("A trail could not be fetched; it is tried again.", error);
          setTimeout(() => this.#ask(load, false), AGAIN_MS); // where it is wanted no more, nothing comes of it
        })
        .finally(() => {
          this.#running -= 1;
          const waiting = this.#waiting.shift();
          if (waiting) this.#ask(waiting, true);
        });
    }
  }
}
