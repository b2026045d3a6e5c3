// @ts-check
/**
 * A workspace at a past time: a `Picture` that a replay fills, in place of the live one, with a clock of its own that stands
 * at the moment that is shown. Nothing live ever comes into it.
 *
 * Standing still, it is what `fleetAt` says; playing, what `replay` tells, which `controlReplay` pauses, hurries and has jump.
 */
import { GraphQLFault } from "../api/graphql.js";
import { FRAGMENTS, Picture, SELECTION, SNAPSHOT } from "./picture.js";

/** `still`: no replay runs. @typedef {"still" | "opening" | "playing" | "paused"} State */
/** Milliseconds; `to` not with it. @typedef {{ from: number, to: number }} Span */
/** One aircraft alone, and where it was: positions elsewhere need not be sent. @typedef {{ droneId: string, area: { west: number, south: number, east: number, north: number } | null }} Only */
/** What a running replay is to be told; always where, too: what it tells from there on is of this page's time. @typedef {{ paused?: boolean, speed?: number, position: string }} Words */
/**
 * @typedef {object} Needs
 * @property {(document: string, variables?: Record<string, unknown>) => Promise<any>} query
 * @property {() => import("graphql-ws").Client} socket
 * @property {string} workspaceId
 * @property {() => void} changed it plays or stands otherwise
 * @property {() => number} [ticks] milliseconds of a clock that only grows
 */

export const SPEEDS = [1, 2, 5, 10, 30, 60];

/** So often the hub tells what is newest, and how far it is. */
const INTERVAL_MS = 250;
/** So long after that time goes on by itself, of the page's time; then the hub cannot tell it as fast as it is played. */
const AHEAD_MS = 400;
/** What is shown of the past; photos come in no picture. */
const KINDS = ["POSITION_REPORTED", "BATTERY_REPORTED", "REMOTE_CONTROLLER_REPORTED", "REMOTE_CONTROLLER_ONLINE", "REMOTE_CONTROLLER_OFFLINE",
  "DRONE_ONLINE", "DRONE_OFFLINE", "FLIGHT_STARTED", "FLIGHT_LANDED", "FLIGHT_RESUMED",
  "FLIGHT_ENDED", "ALERT_RAISED", "ALERT_ACKNOWLEDGED", "ALERT_CLEARED"];
const REPLAY = `subscription Replay($workspaceId: ID!, $from: DateTime!, $to: DateTime!, $speed: Float, $kinds: [FleetEventKind!], $area: Area, $name: String, $interval: Int) {
  replay(workspaceId: $workspaceId, from: $from, to: $to, speed: $speed, kinds: $kinds, area: $area, name: $name, interval: $interval) {
    __typename cursor at ${SELECTION} } } ${FRAGMENTS}`;
const CONTROL = `mutation Control($name: String!, $paused: Boolean, $speed: Float, $position: DateTime) {
  controlReplay(name: $name, paused: $paused, speed: $speed, position: $position) }`;
const STILL = `query Still($workspaceId: ID!, $at: DateTime!) { fleetAt(workspaceId: $workspaceId, at: $at) {
  __typename cursor at ${SNAPSHOT} } } ${FRAGMENTS}`;

export class Playback extends Picture {
  /** @type {State} */
  state = "still";
  /** @type {unknown} */
  fault = null;
  /** Since when something is kept, where that is later than what was asked for. @type {number | null} */
  keptSince = null;
  speed = 1;
  /** @type {Span} */
  span = { from: 0, to: 0 };
  clock;
  /** What is told of the past is all there, whatever becomes of the line. @type {import("./picture.js").Link} @override */
  link = { name: "live", since: 0 };

  #needs;
  #ticks;
  /** @type {Only | null} */
  #only = null;
  /** The moment up to which all has been told, at which tick it was, and how fast that goes. */
  #anchor = { at: 0, tick: 0, pace: 1 };
  /** The moment that was shown last: where the hub is late, it waits there. */
  #reached = 0;
  /** The replay that runs, and where it began: it goes back no further. @type {{ name: string, from: number, leave: () => void, isOpen: boolean } | null} */
  #run = null;
  /** What it has not been told yet. @type {Words | null} */
  #words = null;
  #isSteering = false;
  /** It is to jump: what comes before the Snapshot of there is of where it was. */
  #isJumping = false;
  /** @type {number | null} */
  #wanted = null;
  #isAsking = false;
  /** Whether it played when the line to the hub was lost. */
  #wasPlaying = false;

  /** @param {Needs} needs */
  constructor(needs) {
    super(needs.workspaceId);
    this.#needs = needs;
    this.#ticks = needs.ticks ?? (() => performance.now());
    const now = () => this.now();
    const pace = () => (this.state === "playing" ? this.speed : 0);
    this.clock = {
      now,
      age: (/** @type {number} */ time) => Math.max(0, now() - time),
      /** Seconds of the past in one of now. */
      get pace() {
        return pace();
      },
    };
  }

  /** The moment that is shown. It goes as far as the hub has told, hardly further, and never back by itself. */
  now() {
    const { at, tick, pace } = this.#anchor;
    const gone = this.state === "playing" && !this.#isJumping ? Math.min(this.#ticks() - tick, AHEAD_MS) * pace : 0;
    this.#reached = Math.max(this.#reached, at + gone);
    return Math.min(this.span.to, this.#reached);
  }

  get isPlaying() {
    return this.state === "playing" || this.state === "opening";
  }

  /**
   * Stand at a moment of another span of time, with all aircraft or one alone.
   * @param {Span} span @param {Only | null} only @param {number} at
   */
  open(span, only, at) {
    this.stop();
    [this.span, this.#only, this.fault, this.keptSince] = [span, only, null, null];
    this.#stand(at);
    this.#clear();
    this.#needs.changed();
  }

  /** The span goes on: a flight that is under way. @param {number} to */
  extend(to) {
    this.span = { ...this.span, to: Math.max(this.span.to, to) };
  }

  /** End what runs; what is shown stays. */
  stop() {
    this.#stand(this.now());
    this.#wanted = null;
    this.#leave();
  }

  play() {
    if (this.isPlaying) return;
    this.fault = null;
    if (this.#run && this.state === "paused") {
      this.state = "playing";
      this.#tell({ paused: false });
    } else this.#begin(this.now() >= this.span.to ? this.span.from : this.now());
    this.#settle();
  }

  /** The line to the hub stands again: what ended with it goes on. */
  resume() {
    if (/** @type {any} */ (this.fault)?.code !== "OFFLINE" || this.#run) return;
    if (this.#wasPlaying) return this.play();
    this.fault = null;
    this.#wanted = this.now();
    void this.#look();
  }

  pause() {
    if (!this.isPlaying) return;
    this.#stand(this.now());
    if (this.#run?.isOpen) {
      this.#tell({ paused: true });
      this.state = "paused";
    } else this.#leave();
    this.#settle();
  }

  /** @param {number} speed seconds of the past in one of now */
  hurry(speed) {
    const at = this.now();
    this.speed = speed;
    this.#stand(at);
    if (this.state === "opening") this.#begin(this.now());
    else if (this.#run) this.#tell({ speed });
    this.#settle();
  }

  /** Go to a moment. @param {number} at */
  seek(at) {
    this.#stand(Math.max(this.span.from, Math.min(this.span.to, at)));
    this.fault = null;
    if (this.#run && this.now() < this.#run.from) {
      if (this.isPlaying) this.#begin(this.now());
      else this.#leave();
    }
    if (this.#run && this.state !== "opening") {
      this.#tell({});
    } else if (this.#run) {
      this.#begin(this.now());
    } else {
      this.#wanted = this.now();
      void this.#look();
    }
    this.#needs.changed();
  }

  /** @param {number} at */
  #stand(at) {
    this.#anchor = { at, tick: this.#ticks(), pace: this.speed };
    this.#reached = at;
  }

  #leave() {
    const run = this.#run;
    [this.#run, this.#words, this.#isJumping, this.state] = [null, null, false, "still"];
    run?.leave();
  }

  /** @param {number} at */
  #begin(at) {
    this.#leave();
    this.#wanted = null;
    this.state = "opening";
    this.#stand(at);
    const name = `page-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    const run = { name, from: at, leave: () => {}, isOpen: false };
    this.#run = run;
    const variables = { workspaceId: this.workspaceId, from: iso(at), to: iso(this.span.to), speed: this.speed, kinds: KINDS, area: this.#only?.area, name, interval: INTERVAL_MS };
    run.leave = this.#needs.socket().subscribe(
      { query: REPLAY, variables },
      {
        next: ({ data, errors }) => this.#run === run && this.#heard(run, /** @type {any} */ (data)?.replay ?? null, errors),
        error: (why) => this.#run === run && this.#failed(why),
        complete: () => this.#run === run && this.#ended(),
      },
    );
  }

  /** @param {{ isOpen: boolean }} run @param {any} event @param {readonly any[] | undefined} errors */
  #heard(run, event, errors) {
    if (errors) console.error("The hub could not show a part of the past.", errors);
    if (event === null) return;
    if (event.__typename === "Gap") return void (this.keptSince = 0); // the Snapshot behind it says since when
    if (event.__typename === "Snapshot") {
      const at = this.keptSince === 0 ? (this.keptSince = Date.parse(event.at)) : this.now();
      this.#isJumping = this.#words !== null;
      if (this.state === "opening") this.state = "playing";
      this.#stand(Math.max(at, this.span.from));
      run.isOpen = true;
      this.#show(event);
      void this.#steer();
      return this.#needs.changed();
    }
    if (this.#isJumping) return;
    if (event.__typename === "Passed") this.#pass(Date.parse(event.at));
    else this.take(this.#then(pastOf(event, Date.parse(event.at))));
  }

  /** All up to a moment has been told. Where the hub does not keep up, time goes as fast as it does. @param {number} at */
  #pass(at) {
    const before = this.#anchor;
    const tick = this.#ticks();
    const pace = tick > before.tick ? Math.max(0, Math.min(this.speed, (at - before.at) / (tick - before.tick))) : before.pace;
    this.#anchor = { at, tick, pace };
  }

  /** What goes on and off is told with where it is now; in the past it stays where it was. @param {any} event */
  #then(event) {
    const { __typename: name, drone, remoteController } = event;
    if (name === "DroneOnline" || name === "DroneOffline") {
      const currentFlight = this.drones.get(drone.id)?.flight ?? null;
      return { ...event, drone: { ...drone, position: null, battery: null, telemetry: null, currentFlight } };
    }
    if (name === "RemoteControllerOnline" || name === "RemoteControllerOffline") return { ...event, remoteController: { ...remoteController, position: null } };
    return event;
  }

  #ended() {
    this.#leave();
    this.#stand(this.span.to);
    this.#settle();
  }

  /** @param {any} why errors of the hub, the end of a socket, or an Error */
  #failed(why) {
    this.#stand(this.now());
    this.#wasPlaying = this.isPlaying;
    this.#leave();
    const error = Array.isArray(why) ? why[0] : null;
    this.fault = error ? new GraphQLFault(error.extensions?.code ?? "BROKEN", error.message) : new GraphQLFault("OFFLINE", String(why?.reason ?? why));
    this.#settle();
  }

  /** Nothing of this page goes on before the hub has heard of it, and tells how it stood there. @param {Partial<Words>} words */
  #tell(words) {
    this.#stand(this.now());
    this.#isJumping = true;
    this.#words = { ...this.#words, ...words, position: iso(this.now()) };
    void this.#steer();
  }

  /** One word at a time, so that the last one holds; what has not begun yet would not hear it. */
  async #steer() {
    if (this.#isSteering) return;
    this.#isSteering = true;
    try {
      for (let run = this.#run; run?.isOpen && this.#words; run = this.#run) {
        const words = this.#words;
        this.#words = null;
        await this.#needs.query(CONTROL, { name: run.name, ...words });
      }
    } catch (error) {
      if (this.#run) {
        this.#stand(this.now());
        this.#wasPlaying = this.isPlaying;
        this.#leave();
        this.fault = error;
        this.#settle();
      }
    } finally {
      this.#isSteering = false;
    }
  }

  /** How it stood at the moment that is wanted: one question at a time, the last one counts. */
  async #look() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      for (let at = this.#wanted; at !== null; at = this.#wanted) {
        this.#wanted = null;
        const { fleetAt } = await this.#needs.query(STILL, { workspaceId: this.workspaceId, at: iso(at) });
        if (this.#run === null && this.#wanted === null && fleetAt && at === this.now()) this.#show(fleetAt);
      }
    } catch (error) {
      this.#wasPlaying = false;
      this.fault = error;
    } finally {
      this.#isAsking = false;
      this.#needs.changed();
    }
  }

  /** All anew, also where that is earlier than what was shown. @param {any} snapshot */
  #show(snapshot) {
    this.#clear();
    const { drones, alerts } = snapshot;
    const only = this.#only;
    this.take(
      pastOf(
        {
          ...snapshot,
          area: null,
          drones: only ? drones.filter((/** @type {any} */ { id }) => id === only.droneId) : drones,
          remoteControllers: only ? [] : snapshot.remoteControllers,
          alerts: only ? alerts.filter((/** @type {any} */ { drone }) => drone.id === only.droneId) : alerts,
        },
        this.now(),
      ),
    );
  }

  /** Whoever shows the picture lets go of all that moved: nothing moves back in time. */
  #clear() {
    this.isKnown = false;
    [this.drones, this.controllers, this.alerts] = [new Map(), new Map(), new Map()];
    for (const kind of /** @type {const} */ (["picture", "controllers", "alerts"])) this.emit(kind, null);
  }

  /** It plays, or stands: what is shown ages otherwise. */
  #settle() {
    this.emit("change", new Set(this.drones.keys()));
    this.#needs.changed();
  }

  /** Of one aircraft alone nothing of others is shown. @param {import("ofh/fleet.js").FleetEvent} event @override */
  take(event) {
    const only = this.#only;
    if (only === null || event.__typename === "Snapshot") return super.take(event);
    if (event.__typename.startsWith("RemoteController")) return;
    const id = event.position?.droneId ?? event.battery?.droneId ?? event.drone?.id ?? event.flight?.drone?.id ?? event.alert?.drone?.id;
    if (id === undefined || id === only.droneId) super.take(event);
  }
}

/** @param {number} time */
const iso = (time) => new Date(time).toISOString();

/**
 * Flights and alerts come as they are now, with the end that they have found since; in the past they had not.
 * @param {any} event @param {number} at the moment that it is of
 * @returns {any}
 */
export function pastOf(event, at) {
  const known = (/** @type {string | null} */ time) => (time !== null && Date.parse(time) <= at ? time : null);
  const flown = (/** @type {any} */ flight) => flight && { ...flight, landedAt: known(flight.landedAt), endedAt: known(flight.endedAt) };
  const flying = (/** @type {any} */ row) => ({ ...row, currentFlight: flown(row.currentFlight) });
  const warning = (/** @type {any} */ alert) => {
    const acknowledgedAt = known(alert.acknowledgedAt);
    return { ...alert, acknowledgedAt, acknowledgedBy: acknowledgedAt && alert.acknowledgedBy, clearedAt: null };
  };
  switch (event.__typename) {
    case "Snapshot":
      return { ...event, drones: event.drones.map(flying), alerts: event.alerts.map(warning) };
    case "FlightStarted":
    case "FlightResumed":
      return { ...event, flight: { ...event.flight, landedAt: null, endedAt: null } };
    case "FlightLanded":
      return { ...event, flight: { ...event.flight, landedAt: event.at, endedAt: null } };
    case "FlightEnded":
      return { ...event, flight: { ...event.flight, endedAt: event.flight.endedAt ?? event.at } };
    case "AlertRaised":
      return { ...event, alert: { ...event.alert, acknowledgedAt: null, acknowledgedBy: null, clearedAt: null } };
    default:
      return event;
  }
}
