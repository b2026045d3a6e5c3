// @ts-check
/** Where the pilots stand: remote controllers that are online, and for a while those that were. */

import { staleAt } from "./states.js";

/** What has been away for longer tells nothing any more: milliseconds. */
const FORGOTTEN_MS = 3_600_000;

export class Controllers {
  #scene;
  #fleet;
  #clock;
  /** @type {Set<string>} */
  #shown = new Set();
  #end;

  /** @param {{ scene: import("./scene.js").Scene, fleet: import("../model/picture.js").Picture, clock: import("./map.js").MapClock }} needs */
  constructor({ scene, fleet, clock }) {
    this.#scene = scene;
    this.#fleet = fleet;
    this.#clock = clock;
    this.#end = fleet.on("controllers", () => this.#show());
    this.#show();
  }

  destroy() {
    this.#end();
    for (const key of this.#shown) this.#scene.remove(key);
  }

  #show() {
    const now = this.#clock.now();
    const gone = this.#shown;
    this.#shown = new Set();
    for (const { id, online, fix } of this.#fleet.controllers.values()) {
      if (fix === null || (!online && now - fix.reportedAt > FORGOTTEN_MS)) continue;
      const key = `controller ${id}`;
      this.#shown.add(key);
      gone.delete(key);
      const grey = online ? undefined : staleAt(now - fix.reportedAt, this.#clock.pace);
      this.#scene.put(key, fix, { symbol: "controller", rank: -2, isUpright: true, staleAt: grey });
    }
    for (const key of gone) this.#scene.remove(key);
  }
}
