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
/** An event that the hub could not show leaves a picture that is wrong in one place; so long after it all is asked for anew. */
const RENEWAL_MS = 20_000;

export class Fleet extends Picture {
  #client;
  #clock;
  #following;
  /** Which one it is. */
  #turn = 0;
  /** @type {{ west: number, south: number, east: number, north: number } | null} */
  #area = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #renewal;

  /**
   * @param {{ client: import("graphql-ws").Client, workspaceId: string, clock: import("./clock.js").Clock }} needs
   */
  constructor({ client, workspaceId, clock }) {
    super(workspaceId);
    this.#client = client;
    this.#clock = clock;
    this.#following = this.#begin();
  }

  #begin() {
    const turn = (this.#turn += 1);
    const following = followFleet({
      client: this.#client,
      workspaceId: this.workspaceId,
      selection: SELECTION,
      fragments: FRAGMENTS,
      delivery: "LATEST",
      interval: 250,
      ...(this.#area && { area: this.#area }),
      wait: (losses) => Math.min(LONGEST_WAIT_MS, backOff(losses)),
      onState: (state) => turn === this.#turn && this.#setLink(state),
    });
    void this.#follow(following, turn);
    return following;
  }

  /** End it. */
  stop() {
    clearTimeout(this.#renewal);
    this.#following.stop();
  }

  #renew() {
    this.#renewal ??= setTimeout(() => {
      this.#renewal = undefined;
      if (this.link.name === "ended") return;
      const before = this.#following;
      this.#following = this.#begin();
      before.stop();
    }, RENEWAL_MS);
  }

  /**
   * Have positions only of an area told, where the fleet is too large for all of them. Drones elsewhere stay, and grow old.
   * @param {{ west: number, south: number, east: number, north: number }} area
   */
  moveViewport(area) {
    this.#area = area;
    this.#following.moveViewport(area).catch((error) => console.error(error));
  }

  /** @param {import("./picture.js").Drone} drone @override */
  isTold({ online, fixes }) {
    const fix = fixes.at(-1);
    if (this.#area === null || !online || fix === undefined) return true; // that it goes off is told wherever it is
    const { west, south, east, north } = this.#area;
    const { longitude, latitude } = fix;
    const isBetween = west <= east ? longitude >= west && longitude <= east : longitude >= west || longitude <= east;
    return isBetween && latitude >= south && latitude <= north;
  }

  /** @param {import("ofh/fleet.js").Fleet} following @param {number} turn */
  async #follow(following, turn) {
    try {
      for await (const event of following) {
        if (turn !== this.#turn) return;
        if (this.link.name === "live") this.#clock.note(event.at);
        if (event.errors) {
          console.error("The hub could not show a part of an event.", event.errors);
          this.#renew();
        }
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
