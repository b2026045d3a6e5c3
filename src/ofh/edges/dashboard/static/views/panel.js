// @ts-check
/** One aircraft, in full: what it says now and how old that is, its battery and flight as plots, its alerts and photos. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../api/graphql.js";
import { named, t } from "../model/i18n.js";
import { wordsOf } from "../ui/faults.js";
import { icon, stateGlyph } from "../ui/icons.js";
import { photoLink } from "./map/photo_link.js";
import { plot } from "../ui/plot.js";
import { toast } from "../ui/toast.js";
import { alertWords } from "./alerts/words.js";
import { AGE_SHOWN_MS, STALE_MS } from "./fleet_list.js";
import { Renaming } from "./renaming.js";
import { Video } from "./video.js";

/** @typedef {import("../model/fleet.js").Drone} Drone */
/** @typedef {import("../model/fleet.js").Fleet} Fleet */
/** @typedef {{ id: string, fileName: string, capturedAt: string | null, createdAt: string, type: string, thumbnailUrl: string | null, file: { url: string } }} Media */

const DETAILS = `query Details($id: ID!) { drone(id: $id) {
  model currentFlight { id startedAt distance maxElevation track(maxPoints: 300) { time elevation batteryPercent } }
  media(first: 6) { totalCount edges { node { id fileName type capturedAt createdAt thumbnailUrl file { url } } } } } }`;
const RENEW_MS = 20_000;
const SOON_MS = 1_000;
const TRACK = 1_500;

export class Panel {
  #context;
  #close;
  #pointAt;
  #video;
  #renaming;
  #id = "";
  /** Of the flight that it is on. @type {{ id: string, startedAt: string, distance: number | null, maxElevation: number | null } | null} */
  #flight = null;
  /** Time and metres above take-off. @type {[number, number][]} */
  #climb = [];
  /** Time and percent, of the flight. @type {[number, number][]} */
  #drained = [];
  /** @type {{ total: number, newest: Media[] } | null} */
  #media = null;
  #problem = "";
  /** Where the plots' cursor stands. @type {number | null} */
  #at = null;
  /** @type {(() => void)[]} */
  #ends;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {import("../app.js").Context} context
   * @param {() => void} close
   * @param {(mediaId: string | null) => void} pointAt somebody points at a photo; null: not any more
   */
  constructor(context, close, pointAt) {
    this.#context = context;
    this.#close = close;
    this.#pointAt = pointAt;
    this.#video = new Video(context);
    this.#renaming = new Renaming(context);
    const fleet = /** @type {Fleet} */ (context.fleet);
    this.#ends = [
      fleet.on("change", (ids) => ids.has(this.#id) && this.#grow()),
      fleet.on("media", (id) => id === this.#id && this.#renew(SOON_MS)),
    ];
  }

  destroy() {
    clearTimeout(this.#timer);
    this.#video.destroy();
    for (const end of this.#ends) end();
  }

  /** @param {string | null} id of the aircraft to show; null for none */
  show(id) {
    if (id === this.#id) return;
    this.#id = id ?? "";
    this.#renaming.leave();
    [this.#flight, this.#climb, this.#drained, this.#media, this.#problem, this.#at] = [null, [], [], null, "", null];
    clearTimeout(this.#timer);
    this.#video.show(id);
    if (id) void this.#load();
  }

  /** @param {number} ms */
  #renew(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(), ms);
  }

  async #load() {
    const id = this.#id;
    try {
      const { drone } = await query(DETAILS, { id });
      if (id !== this.#id || drone === null) return;
      const { model, currentFlight, media } = drone;
      if (this.#drone) this.#drone.row = { ...this.#drone.row, model }; // no event tells of a new model
      this.#flight = currentFlight;
      this.#climb = pointsOf(currentFlight, "elevation");
      this.#drained = pointsOf(currentFlight, "batteryPercent");
      this.#media = { total: media.totalCount, newest: media.edges.map((/** @type {any} */ edge) => edge.node) };
      this.#problem = "";
    } catch (error) {
      if (id === this.#id) this.#problem = wordsOf(error, this.#context.units);
    }
    if (id !== this.#id) return;
    this.#renew(document.hidden ? 3 * RENEW_MS : RENEW_MS);
    this.#context.update();
  }

  /** The flight goes on while one looks. */
  #grow() {
    const drone = this.#drone;
    if (!drone) return;
    if (drone.flightId !== (this.#flight?.id ?? null)) return this.#renew(SOON_MS);
    if (!this.#flight) return;
    this.#climb = longer(this.#climb, drone.fixes.at(-1)?.reportedAt, drone.telemetry?.elevation);
    this.#drained = longer(this.#drained, drone.battery?.reportedAt, drone.battery?.percent);
  }

  /** @returns {Drone | undefined} */
  get #drone() {
    return this.#context.fleet?.drones.get(this.#id);
  }

  render() {
    const drone = this.#drone;
    if (!this.#id) return nothing;
    if (!drone) return this.#context.fleet?.isKnown ? this.#gone() : nothing;
    const { row, phase } = drone;
    const alerts = /** @type {Fleet} */ (this.#context.fleet).alertsOf(row.id);
    return html`<aside class="panel" aria-label=${row.name} data-panel=${row.id}>
      <header class="panel-head">
        ${stateGlyph(phase, { hasAlert: alerts.length > 0, heading: drone.fixes.at(-1)?.heading ?? null })}
        <div class="panel-who">
          ${this.#renaming.heading(row)}
          <p>${row.model ?? t("model.unknown")} · <span class="serial">${row.serialNumber}</span></p>
        </div>
        ${this.#closer()}
      </header>
      <div class="panel-body" tabindex="0" role="group" aria-label=${t("panel.values")}>
        ${this.#state(drone)} ${alerts.length ? this.#alerts(alerts) : nothing} ${this.#video.render()} ${this.#now(drone)}
        ${this.#plots(drone)}
        ${this.#rest(drone)} ${this.#photos()} ${this.#problem ? html`<p class="problem" role="alert">${this.#problem}</p>` : nothing}
      </div>
    </aside>`;
  }

  #closer() {
    return html`<button type="button" class="button quiet" aria-label=${t("close")} @click=${this.#close}>${icon("close")}</button>`;
  }

  #gone() {
    return html`<aside class="panel"><header class="panel-head"><div class="panel-who"><h2>${t("panel.gone")}</h2></div>${this.#closer()}</header></aside>`;
  }

  /** In a sentence, with how old that is. @param {Drone} drone */
  #state(drone) {
    const { clock, units, fleet } = this.#context;
    const { phase, fixes, flight } = drone;
    const fix = fixes.at(-1);
    const age = fix ? clock.age(fix.reportedAt) : null;
    const since = flight ? units.duration(clock.now() - Date.parse(flight.startedAt)) : "";
    return html`<p class="state state-${phase}">
      <strong>${t(`phase.${phase}`)}</strong>
      ${phase === "flying" ? html`<span class="numbers" title=${units.utc(flight?.startedAt ?? 0)}>${since}</span>` : nothing}
      ${fix && age !== null && age > AGE_SHOWN_MS
        ? html`<span class="age" title=${units.utc(fix.reportedAt)}>${t(fleet?.isTold(drone) === false ? "panel.elsewhere" : "panel.last", { age: units.age(age) })}</span>`
        : nothing}
      ${fix ? nothing : html`<span class="age">${t("panel.no_fix")}</span>`}
    </p>`;
  }

  /** @param {import("../model/fleet.js").Alert[]} alerts */
  #alerts(alerts) {
    const { units, workspace } = this.#context;
    return html`<ul class="alerts">
      ${repeat(
        alerts,
        ({ id }) => id,
        (alert) => html`<li>
          ${icon("alert")}
          <div>
            <p>${alertWords(alert, units)}</p>
            <p class="aside"><time datetime=${alert.raisedAt} title=${units.utc(alert.raisedAt)}>${units.time(new Date(alert.raisedAt))}</time></p>
          </div>
          ${alert.acknowledgedAt
            ? html`<span class="aside">${alert.acknowledgedBy ? t("alerts.seen_by", { name: alert.acknowledgedBy.name }) : t("alert.seen")}</span>`
            : workspace?.role === "VIEWER"
              ? nothing
              : html`<button type="button" class="button small" @click=${() => this.#acknowledge(alert)}>${t("alert.acknowledge")}</button>`}
        </li>`,
      )}
    </ul>`;
  }

  /** @param {import("../model/fleet.js").Alert} alert */
  async #acknowledge(alert) {
    try {
      const document = "mutation Seen($id: ID!) { acknowledgeAlert(id: $id) { id acknowledgedAt acknowledgedBy { name } } }";
      const { acknowledgeAlert } = await query(document, { id: alert.id });
      this.#context.fleet?.acknowledge(acknowledgeAlert);
    } catch (error) {
      toast(wordsOf(error, this.#context.units), "error");
    }
    this.#context.update();
  }

  /** What one looks for first, large. @param {Drone} drone */
  #now({ telemetry, battery, fixes }) {
    const { units, clock } = this.#context;
    const told = telemetry?.reportedAt ? Date.parse(telemetry.reportedAt) : (fixes.at(-1)?.reportedAt ?? null);
    const large = (/** @type {string} */ key, /** @type {string} */ value, /** @type {number | null} */ time) => {
      const age = time === null ? null : clock.age(time);
      return html`<div class=${age !== null && age > STALE_MS ? "stale" : ""}>
        <dt>${t(key)}</dt>
        <dd>${value}</dd>
        ${age !== null && age > AGE_SHOWN_MS ? html`<dd class="age" title=${units.utc(/** @type {number} */ (time))}>${t("ago", { age: units.age(age) })}</dd>` : nothing}
      </div>`;
    };
    return html`<dl class="large">
      ${large("elevation", units.height(telemetry?.elevation), told)} ${large("speed", units.speed(telemetry?.horizontalSpeed), told)}
      ${large("battery", units.percent(battery?.percent), battery?.reportedAt ?? null)}
      ${large("home_distance", units.distance(telemetry?.homeDistance), told)}
    </dl>`;
  }

  /** @param {Drone} drone */
  #plots({ charges, battery }) {
    const { units, settings } = this.#context;
    const times = (/** @type {number} */ time) =>
      new Date(time).toLocaleTimeString(settings.language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const shared = { times, at: this.#at, point: this.#point };
    const isOfFlight = this.#drained.length > 1;
    const drained = isOfFlight ? this.#drained : charges.points;
    if (!isOfFlight && battery && drained.at(-1)?.[0] !== battery.reportedAt) drained.push([battery.reportedAt, battery.percent]);
    return html`${this.#flight
      ? plot({ ...shared, label: t("plot.elevation"), points: this.#climb, least: 10, words: (value) => units.height(value) })
      : nothing}
    ${plot({ ...shared, label: t(isOfFlight ? "plot.battery_flight" : "plot.battery"), points: drained, range: [0, 100], colour: "good", words: (value) => units.percent(value) })}`;
  }

  #point = (/** @type {number | null} */ time) => {
    this.#at = time;
    this.#context.update();
  };

  /** @param {Drone} drone */
  #rest({ telemetry, fixes }) {
    const { units, clock } = this.#context;
    const fix = fixes.at(-1);
    const isStale = fix !== undefined && clock.age(fix.reportedAt) > STALE_MS;
    const wind = telemetry?.windSpeed == null ? null : units.speed(telemetry.windSpeed);
    /** @type {[string, string | null | undefined][]} */
    const rows = [
      ["vertical_speed", telemetry?.verticalSpeed == null ? null : units.speed(telemetry.verticalSpeed)],
      ["heading", telemetry?.heading == null ? null : units.degrees(telemetry.heading)],
      ["height", fix ? units.height(fix.height) : null],
      ["flown", this.#flight?.distance == null ? null : units.distance(this.#flight.distance)],
      ["wind", wind],
      ["satellites", telemetry?.satellites == null ? null : units.number(telemetry.satellites)],
      ["mode", telemetry?.flightMode && named("flight_mode", telemetry.flightMode)],
      ["position", fix ? `${units.number(fix.latitude, 5)}°, ${units.number(fix.longitude, 5)}°` : null],
    ];
    return html`<dl class="values ${isStale ? "stale" : ""}">
      ${rows.map(([key, value]) => (value ? html`<div><dt>${t(key)}</dt><dd>${value}</dd></div>` : nothing))}
    </dl>`;
  }

  #photos() {
    if (this.#media === null) return nothing;
    const { total, newest } = this.#media;
    return html`<section aria-label=${t("photos")}>
      <h3>${t("photos")}${total ? html` <span class="count">${total}</span>` : nothing}</h3>
      ${total === 0 ? html`<p class="aside">${t("photos.none")}</p>` : nothing}
      <ul class="photos" @mouseleave=${() => this.#pointAt(null)} @focusout=${() => this.#pointAt(null)}>
        ${repeat(
          newest,
          ({ id }) => id,
          (photo) => html`<li @mouseenter=${() => this.#pointAt(photo.id)} @focusin=${() => this.#pointAt(photo.id)}>${photoLink(this.#context, photo)}</li>`,
        )}
      </ul>
    </section>`;
  }
}

/** One quantity along the track of a flight. @param {any} flight @param {string} name @returns {[number, number][]} */
function pointsOf(flight, name) {
  const told = (flight?.track ?? []).filter((/** @type {any} */ point) => point[name] !== null);
  return told.map((/** @type {any} */ point) => [Date.parse(point.time), point[name]]);
}

/** @param {[number, number][]} points @param {number | undefined} time @param {number | null | undefined} value @returns {[number, number][]} */
function longer(points, time, value) {
  const last = points.at(-1);
  if (time === undefined || value == null || (last && time <= last[0])) return points;
  const thinned = points.length < TRACK ? points : points.filter((_, index) => index % 2 === 0);
  return [...thinned, [time, value]];
}
