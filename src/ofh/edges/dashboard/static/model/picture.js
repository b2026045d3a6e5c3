// @ts-check
/**
 * How a workspace stands, as the hub's events tell it: live (`fleet.js`) or of the past (`playback.js`). Whoever shows it
 * reads it here and listens to `change`; nothing in it knows whether that was just now.
 *
 * What it keeps is what the hub last said. Nothing here guesses: how old something is, and whether the line stands, is for
 * whoever shows it to see (`fixes`, `link`, and the clock that belongs to it).
 */
import { Charges } from "./charges.js";
import { Emitter } from "./emitter.js";

/** @typedef {"flying" | "landed" | "lost" | "offline"} Phase lost: in the air when the line to it broke. */
/**
 * One position. Degrees, metres above the WGS 84 ellipsoid; `reportedAt` milliseconds by the hub's clock, `receivedAt` of
 * `performance.now()` when this page got it; `heading` degrees clockwise from true north, null if not told.
 * @typedef {{ longitude: number, latitude: number, height: number, reportedAt: number, receivedAt: number,
 *   heading: number | null }} Fix
 */
/** @typedef {{ id: string, name: string, serialNumber: string, model: string | null }} DroneRow */
/** @typedef {{ percent: number, reportedAt: number }} Charge */
/**
 * Newest values, null where never told; the units are those of the API (`Telemetry` in schema.graphql).
 * @typedef {{ heading: number | null, horizontalSpeed: number | null, verticalSpeed: number | null,
 *   elevation: number | null, flightMode: string | null, satellites: number | null, signal: number | null,
 *   homeDistance: number | null, windSpeed: number | null, windDirection: number | null, gimbalPitch: number | null,
 *   reportedAt: string | null }} Telemetry
 */
/** @typedef {{ longitude: number, latitude: number, height: number | null }} TakeOff */
/** @typedef {{ id: string, startedAt: string, landedAt: string | null, endedAt: string | null,
 *   lost: boolean, takeOff: TakeOff | null }} CurrentFlight */
/**
 * `fixes` holds the last two positions, the older one first. `charges` is what the battery said since this page was opened.
 * @typedef {{ id: string, row: DroneRow, fixes: Fix[], battery: Charge | null, charges: import("./charges.js").Charges,
 *   telemetry: Telemetry | null, online: boolean, flight: CurrentFlight | null, flightId: string | null,
 *   phase: Phase }} Drone
 */
/**
 * @typedef {{ id: string, row: { id: string, serialNumber: string, model: string | null }, online: boolean,
 *   fix: Fix | null }} Controller
 */
/**
 * @typedef {{ id: string, kind: string, message: string, evidence: any, raisedAt: string, acknowledgedAt: string | null,
 *   acknowledgedBy: { name: string } | null, clearedAt: string | null, drone: { id: string, name: string }, otherDrone: { id: string, name: string } | null, flight: { id: string } | null, rule: { id: string } | null }} Alert
 */
/** `since` and `until` are of `Date.now()`. @typedef {import("ofh/fleet.js").State & { since: number }} Link */
/**
 * `change`: ids of drones of which something is new. `picture`: all is new. `media`: a drone's photo came or was read.
 * `rules`: the id of an alert rule that is not what it was. `item`: which one it is, and whether it came just now. `coverage`: what a photo shows of the ground is known, or is otherwise.
 * @typedef {{ change: Set<string>, picture: null, controllers: null, alerts: null, rules: string, media: string,
 *   item: { mediaId: string, droneId: string, isNew: boolean },
 *   coverage: { mediaId: string, droneId: string, flightId: string | null }, link: Link }} News
 */

const POSITION = "longitude latitude height reportedAt";
const TELEMETRY = `heading horizontalSpeed verticalSpeed elevation flightMode satellites signal homeDistance windSpeed
  windDirection gimbalPitch reportedAt`;
export const FRAGMENTS = `
  fragment Row on Drone { id name serialNumber model online position { ${POSITION} }
    battery { capacityPercentLeft reportedAt } telemetry { ${TELEMETRY} } currentFlight { ...Flown } }
  fragment Flown on Flight { id startedAt landedAt endedAt lost takeOff { longitude latitude height } drone { id } }
  fragment Handset on RemoteController { id serialNumber model online position { ${POSITION} } }
  fragment Warning on Alert { id kind message evidence raisedAt acknowledgedAt acknowledgedBy { name } clearedAt drone { id name }
    otherDrone { id name } flight { id } rule { id } }`;
export const SNAPSHOT = "drones { ...Row } remoteControllers { ...Handset } alerts { ...Warning }";
export const SELECTION = `
  ... on Snapshot { ${SNAPSHOT} }
  ... on PositionReported { position { droneId position { ${POSITION} } telemetry { ${TELEMETRY} } } }
  ... on BatteryReported { battery { droneId battery { capacityPercentLeft reportedAt } } }
  ... on RemoteControllerReported { position { remoteControllerId position { ${POSITION} } } }
  ... on RemoteControllerOnline { remoteController { ...Handset } }
  ... on RemoteControllerOffline { remoteController { ...Handset } }
  ... on DroneOnline { drone { ...Row } }
  ... on DroneOffline { drone { ...Row } }
  ... on DroneRenamed { drone { id name } }
  ... on FlightStarted { flight { ...Flown } }
  ... on FlightLanded { flight { ...Flown } }
  ... on FlightResumed { flight { ...Flown } }
  ... on FlightEnded { flight { ...Flown } }
  ... on AlertRaised { alert { ...Warning } }
  ... on AlertAcknowledged { alert { id acknowledgedAt acknowledgedBy { name } } }
  ... on AlertCleared { alert { ...Warning } }
  ... on MediaUploaded { media { id drone { id } } }
  ... on MediaAnalysed { media { id drone { id } } }
  ... on AlertRuleChanged { ruleId }
  ... on MediaDeleted { mediaId flightId drone { id } }
  ... on CoverageChanged { media { id drone { id } flight { id } } }`;

/** @extends {Emitter<News>} */
export class Picture extends Emitter {
  /** @type {Map<string, Drone>} */
  drones = new Map();
  /** @type {Map<string, Controller>} */
  controllers = new Map();
  /** Those that stand. @type {Map<string, Alert>} */
  alerts = new Map();
  /** @type {Link} */
  link = { name: "connecting", since: Date.now() };
  /** Whether there has been a picture. */
  isKnown = false;

  /** @type {Set<string>} */
  #changed = new Set();
  #isTelling = false;

  /** @param {string} workspaceId */
  constructor(workspaceId) {
    super();
    this.workspaceId = workspaceId;
  }

  /** Have positions only of an area told, where that can be. @param {{ west: number, south: number, east: number, north: number }} _area */
  moveViewport(_area) {}

  /** Whether positions of a drone are told where it was last: not those outside of an area that alone is asked for. @param {Drone} _drone */
  isTold(_drone) {
    return true;
  }

  /** Alerts that stand for a drone. @param {string} id */
  alertsOf(id) {
    return [...this.alerts.values()].filter((alert) => alert.drone.id === id);
  }

  /** A drone is called so from now on. @param {string} id @param {string} name */
  rename(id, name) {
    const drone = this.drones.get(id);
    if (!drone || drone.row.name === name) return;
    drone.row = { ...drone.row, name };
    for (const { drone: one, otherDrone: other } of this.alerts.values()) {
      if (one.id === id) one.name = name;
      if (other?.id === id) other.name = name;
    }
    this.#change(id);
    this.emit("alerts", null);
  }

  /** Somebody has said that they have seen an alert. @param {Pick<Alert, "id" | "acknowledgedAt" | "acknowledgedBy">} seen */
  acknowledge({ id, acknowledgedAt, acknowledgedBy }) {
    const alert = this.alerts.get(id);
    if (alert) this.alerts.set(id, { ...alert, acknowledgedAt, acknowledgedBy });
    this.emit("alerts", null); // one that has cleared is shown among the past ones
  }

  /** What has happened. @param {import("ofh/fleet.js").FleetEvent} event */
  take(event) {
    switch (event.__typename) {
      case "Snapshot":
        return this.#begin(event);
      case "PositionReported":
        return this.#reported(event.position);
      case "BatteryReported":
        return this.#charged(event.battery.droneId, event.battery.battery);
      case "DroneOnline":
      case "DroneOffline":
        return this.#row(event.drone, event.__typename === "DroneOnline");
      case "DroneRenamed":
        return this.rename(event.drone.id, event.drone.name);
      case "RemoteControllerReported": {
        const held = this.controllers.get(event.position.remoteControllerId);
        if (held) held.fix = fixOf(event.position.position, null);
        return this.emit("controllers", null);
      }
      case "RemoteControllerOnline":
      case "RemoteControllerOffline":
        this.#handset(event.remoteController, event.__typename === "RemoteControllerOnline");
        return this.emit("controllers", null);
      case "FlightStarted":
      case "FlightLanded":
      case "FlightResumed":
      case "FlightEnded":
        return this.#flown(event.flight);
      case "AlertRaised":
        this.alerts.set(event.alert.id, event.alert);
        this.#change(event.alert.drone.id);
        return this.emit("alerts", null);
      case "AlertAcknowledged":
        return this.acknowledge(event.alert);
      case "AlertCleared":
        this.alerts.delete(event.alert.id);
        this.#change(event.alert.drone.id);
        return this.emit("alerts", null);
      case "AlertRuleChanged":
        return this.emit("rules", event.ruleId);
      case "MediaUploaded":
      case "MediaAnalysed":
        this.emit("item", { mediaId: event.media.id, droneId: event.media.drone.id, isNew: event.__typename === "MediaUploaded" });
        return this.emit("media", event.media.drone.id);
      case "MediaDeleted": {
        const { mediaId, flightId, drone } = event;
        this.emit("item", { mediaId, droneId: drone.id, isNew: false });
        this.emit("media", drone.id);
        return this.emit("coverage", { mediaId, droneId: drone.id, flightId });
      }
      case "CoverageChanged": {
        const { id, drone, flight } = event.media;
        return this.emit("coverage", { mediaId: id, droneId: drone.id, flightId: flight?.id ?? null });
      }
    }
  }

  /** All anew, or all of an area; what this page saw of a battery before stays. @param {any} snapshot */
  #begin(snapshot) {
    const before = this.drones;
    this.drones = new Map(snapshot.area ? before : []);
    for (const row of snapshot.drones) {
      const known = before.get(row.id);
      if (known) this.drones.set(row.id, known);
      this.#row(row, row.online);
    }
    this.controllers = new Map(snapshot.area ? this.controllers : []);
    for (const row of snapshot.remoteControllers) this.#handset(row, row.online);
    this.alerts = new Map(snapshot.alerts.map((/** @type {Alert} */ alert) => [alert.id, alert]));
    this.isKnown = true;
    this.emit("picture", null);
    this.emit("controllers", null);
    this.emit("alerts", null);
  }

  /** What is known of a drone as a whole. @param {any} row @param {boolean} online */
  #row(row, online) {
    const { id, name, serialNumber, model } = row;
    const drone = this.drones.get(id) ?? {
      ...{ id, fixes: [], battery: null, charges: new Charges(), telemetry: null, online, flight: null, flightId: null },
      ...{ phase: /** @type {Phase} */ ("offline"), row: { id, name, serialNumber, model } },
    };
    drone.row = { id, name, serialNumber, model };
    drone.online = online;
    drone.flight = row.currentFlight;
    this.drones.set(id, drone);
    if (row.position) this.#moved(drone, row.position, row.telemetry);
    else drone.telemetry = row.telemetry ?? drone.telemetry;
    if (row.battery) this.#charged(id, row.battery);
    this.#change(id);
  }

  /** @param {{ droneId: string, position: any, telemetry: any }} reported */
  #reported({ droneId, position, telemetry }) {
    const drone = this.drones.get(droneId);
    if (!drone) return;
    this.#moved(drone, position, telemetry);
    this.#change(droneId);
  }

  /** Never back in time: what is told once more after a loss changes nothing. @param {Drone} drone @param {any} position @param {any} telemetry */
  #moved(drone, position, telemetry) {
    const fix = fixOf(position, telemetry?.heading ?? drone.telemetry?.heading ?? null);
    const last = drone.fixes.at(-1);
    if (last && fix.reportedAt < last.reportedAt) return;
    if (last && fix.reportedAt === last.reportedAt) drone.fixes[drone.fixes.length - 1] = { ...fix, receivedAt: last.receivedAt };
    else drone.fixes = last ? [last, fix] : [fix];
    drone.telemetry = telemetry ?? drone.telemetry;
  }

  /** @param {string} id @param {{ capacityPercentLeft: number, reportedAt: string }} battery */
  #charged(id, battery) {
    const drone = this.drones.get(id);
    const charge = { percent: battery.capacityPercentLeft, reportedAt: Date.parse(battery.reportedAt) };
    if (!drone || (drone.battery && charge.reportedAt < drone.battery.reportedAt)) return;
    drone.battery = charge;
    drone.charges.add(charge);
    this.#change(id);
  }

  /** @param {any} flight */
  #flown(flight) {
    const drone = this.drones.get(flight.drone.id);
    if (!drone) return;
    if (flight.endedAt) {
      if (drone.flight?.id === flight.id) drone.flight = null;
    } else {
      drone.flight = flight;
    }
    this.#change(drone.id);
  }

  /** @param {any} row @param {boolean} online */
  #handset(row, online) {
    const { id, serialNumber, model, position } = row;
    const fix = position ? fixOf(position, null) : (this.controllers.get(id)?.fix ?? null);
    this.controllers.set(id, { id, row: { id, serialNumber, model }, online, fix });
  }

  /** Tell of it once all that came together has been taken. @param {string} id */
  #change(id) {
    const drone = this.drones.get(id);
    if (drone) {
      drone.flightId = drone.flight?.id ?? null;
      drone.phase = phaseOf(drone);
    }
    this.#changed.add(id);
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      const changed = this.#changed;
      this.#changed = new Set();
      this.#isTelling = false;
      this.emit("change", changed);
    });
  }
}

/** @param {any} position @param {number | null} heading @returns {Fix} */
function fixOf({ longitude, latitude, height, reportedAt }, heading) {
  return { longitude, latitude, height, heading, reportedAt: Date.parse(reportedAt), receivedAt: performance.now() };
}

/** @param {Drone} drone @returns {Phase} */
function phaseOf({ online, flight }) {
  const isAirborne = flight !== null && flight.landedAt === null;
  if (online) return isAirborne ? "flying" : "landed";
  return isAirborne ? "lost" : "offline";
}
