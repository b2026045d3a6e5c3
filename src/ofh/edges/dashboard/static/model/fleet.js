// @ts-check
/**
 * The live picture of one workspace: whoever shows live data reads it here and listens to `change`, nobody else watches the
 * hub for it. One subscription, by the hub's client of `fleet`, which resumes after any loss where it was.
 */
import { backOff, followFleet } from "ofh/fleet.js";
import { FRAGMENTS, Picture, SELECTION } from "./picture.js";

/** @typedef {import("./picture.js").Phase} Phase */
/** @typedef {import("./picture.js").Fix} Fix */
/** @typedef {import("./picture.js").DroneRow} DroneRow */
/** @typedef {import("./picture.js").Charge} Charge */
/** @typedef {import("./picture.js").Telemetry} Telemetry */
/** @typedef {import("./picture.js").TakeOff} TakeOff */
/** @typedef {import("./picture.js").CurrentFlight} CurrentFlight */
/** @typedef {import("./picture.js").Drone} Drone */
/** @typedef {import("./picture.js").Controller} Controller */
/** @typedef {import("./picture.js").Alert} Alert */
/** @typedef {import("./picture.js").Link} Link */
/** @typedef {import("./picture.js").News} News */

/** Somebody looks at the page and waits, so it tries again sooner than a program would. */
const LONGEST_WAIT_MS = 8_000;

export class Fleet extends Picture {
  #following;
  #clock;

  /**
   * @param {{ client: import("graphql-ws").Client, workspaceId: string, clock: import("./clock.js").Clock }} needs
   */
  constructor({ client, workspaceId, clock }) {
    super(workspaceId);
    this.#clock = clock;
    this.#following = followFleet({
      client,
      workspaceId,
      selection: SELECTION,
      fragments: FRAGMENTS,
      delivery: "LATEST",
      interval: 250,
      wait: (losses) => Math.min(LONGEST_WAIT_MS, backOff(losses)),
      onState: (state) => this.#setLink(state),
    });
    void this.#follow();
  }

  /** End it. */
  stop() {
    this.#following.stop();
  }

  /**
   * Have positions only of an area told, where the fleet is too large for all of them. Drones elsewhere stay, and grow old.
   * @param {{ west: number, south: number, east: number, north: number }} area
   */
  moveViewport(area) {
    this.#following.moveViewport(area).catch((error) => console.error(error));
  }

  async #follow() {
    try {
      for await (const event of this.#following) {
        if (this.link.name === "live") this.#clock.note(event.at);
        if (event.errors) console.error("The hub could not show a part of an event.", event.errors);
        this.take(event);
      }
    } catch (error) {
      console.info("The hub has ended the live picture.", error); // the link says so to whoever looks
    }
  }

  /** @param {import("ofh/fleet.js").State} state */
  #setLink(state) {
    const since = state.name === this.link?.name ? this.link.since : Date.now();
    this.link = { ...state, since };
    this.emit("link", this.link);
  }
}
