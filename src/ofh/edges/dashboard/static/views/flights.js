// @ts-check
/**
 * What was flown: a list of flights, one of them on the map with its profiles, and the past played once more, of one flight
 * or of the whole workspace. Which, and at which moment, stands in the address: `flights/12`, `flights/12/at/…`,
 * `flights/past/…`. The map is that of the live view, but here it gets a `Playback`: nothing live is ever in it.
 */
import { html, nothing } from "lit-html";
import { query, socket } from "../api/graphql.js";
import { FlightBook } from "../model/flight_book.js";
import { t } from "../model/i18n.js";
import { Playback } from "../model/playback.js";
import { rangeOf } from "../model/track.js";
import { wordsOf } from "../ui/faults.js";
import { icon } from "../ui/icons.js";
import { FleetList } from "./fleet_list.js";
import { bar } from "./flights/bar.js";
import { Coverage } from "./flights/coverage.js";
import { around, FlightDetail } from "./flights/detail.js";
import { legend } from "./flights/legend.js";
import { FlightList } from "./flights/list.js";
import { addressed, addressOf, momentOf, momentText } from "./flights/moments.js";
import { flightPanel } from "./flights/panel.js";
import { heightOf, Profiles } from "./flights/profiles.js";
import { Window } from "./flights/window.js";
import { OVER, words } from "./map.js";

/** @typedef {import("../map/map.js").FleetMap} FleetMap */
/** @typedef {import("../map/flight_track.js").FlightTrack} FlightTrack */
/** @typedef {import("../model/track.js").Quantity} Quantity */
/** What the address names. @typedef {{ flightId: string | null, isPast: boolean, at: number | null }} Place */

const TICK_MS = 125;
const ADDRESS_MS = 5_000;
/** What happened last in a flight became visible a little later. */
const LATE_MS = 10_000;

export default class FlightsView {
  #context;
  #book;
  #detail;
  #playback;
  #list;
  #past;
  #profiles;
  #window;
  /** @type {Place} */
  #place;
  /** @type {FleetMap | null} */
  #map = null;
  /** @type {FlightTrack | null} */
  #track = null;
  #hasMap = true;
  #isOver = false;
  /** @type {Quantity} */
  #quantity = "elevation";
  /** Where somebody points. @type {number | null} */
  #pointed = null;
  /** Whether others are shown beside the flight. */
  #withOthers = false;
  /** Once it is on, of the next flight too. */
  #coverage;
  /** Chosen in the picture of the past. @type {string | null} */
  #droneId = null;
  /** @type {(() => void)[]} */
  #ends;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;
  #addressedAt = 0;
  #renewing = 0;

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    const fleet = /** @type {import("../model/fleet.js").Fleet} */ (context.fleet);
    const { workspaceId } = fleet;
    this.#book = new FlightBook(workspaceId, context.update);
    this.#playback = new Playback({ query, socket, workspaceId, changed: () => this.#played() });
    this.#detail = new FlightDetail((isFirst) => this.#loaded(isFirst));
    this.#list = new FlightList(context, this.#book, (id) => context.go("flights", id), () => this.#openPast());
    this.#past = new FleetList(
      /** @type {any} */ ({ ...context, fleet: this.#playback, clock: this.#playback.clock }),
      (id) => this.#choose(id === this.#droneId ? null : id),
    );
    this.#profiles = new Profiles(context.units, this.#point, (at) => this.#seek(at));
    this.#window = new Window(workspaceId, context.update);
    this.#coverage = new Coverage(context, { findsPhotos: true });
    this.#place = this.#read();
    // A flight that began or ended is in the list as soon as it is told.
    const flights = new Map([...fleet.drones].map(([id, { flightId }]) => [id, flightId]));
    this.#ends = [
      fleet.on("change", (ids) => {
        for (const id of ids) {
          const flightId = fleet.drones.get(id)?.flightId ?? null;
          if (flights.get(id) === flightId) continue;
          flights.set(id, flightId);
          this.#renew();
        }
      }),
      fleet.on("picture", () => this.#renew()),
      fleet.on("link", ({ name }) => name === "live" && this.#playback.resume()),
      this.#playback.on("change", context.updateLive),
      context.settings.on("change", () => this.#track?.setTheme(this.#theme)),
    ];
    addEventListener("keydown", this.#keyed);
    void this.#book.more();
  }

  /** @param {HTMLElement} main */
  async mounted(main) {
    const room = /** @type {HTMLElement} */ (main.querySelector(".map"));
    try {
      const [{ createMap }, { FlightTrack }, { Popup }] = await Promise.all([import("../map/map.js"), import("../map/flight_track.js"), import("maplibre-gl")]);
      if (this.#isOver) return;
      this.#map = createMap(room, {
        fleet: this.#playback,
        settings: this.#context.settings,
        clock: this.#playback.clock,
        onSelect: (id) => this.#choose(id),
        ...this.#coverage.listeners,
        over: () => room.parentElement?.querySelectorAll(OVER) ?? [],
        ...{ query, words: words(), source: JSON.parse(document.documentElement.dataset.map ?? "{}") },
      });
      this.#track = new FlightTrack(this.#map.map, this.#theme, this.#point);
      this.#coverage.attach(this.#map, Popup);
    } catch (error) {
      console.info("There is no map.", error);
      this.#hasMap = false;
    }
    this.#go();
  }

  destroy() {
    this.#isOver = true;
    clearInterval(this.#ticking);
    clearTimeout(this.#renewing);
    removeEventListener("keydown", this.#keyed);
    for (const end of this.#ends) end();
    this.#detail.destroy();
    this.#coverage.destroy();
    this.#past.destroy();
    this.#playback.stop();
    this.#track?.destroy();
    this.#map?.destroy();
  }

  routed() {
    const before = this.#place;
    this.#place = this.#read();
    if (before.isPast !== this.#place.isPast || before.flightId !== this.#place.flightId) return this.#go();
    const { at } = this.#place;
    if (at !== null && at !== before.at) this.#seek(at);
  }

  /** @returns {Place} */
  #read() {
    const [first, second, third] = this.#context.route.rest;
    const isPast = first === "past";
    return { isPast, flightId: isPast ? null : (first ?? null), at: addressed(isPast ? second : third) };
  }

  get #theme() {
    return this.#context.settings.isDark ? "dark" : "light";
  }

  /** Show what the address names. */
  #go() {
    const { isPast, flightId, at } = this.#place;
    [this.#pointed, this.#withOthers, this.#droneId] = [null, false, null];
    this.#playback.stop();
    this.#detail.show(flightId);
    this.#cover();
    this.#map?.showTrails(isPast ? "selected" : "none");
    this.#map?.select(null);
    this.#draw();
    if (isPast) {
      const now = this.#context.clock.now();
      this.#look(Math.min(now, at ?? now));
    } else this.#playback.open({ from: 0, to: 0 }, null, 0);
    if (flightId === null) this.#map?.resize();
    this.#context.update();
  }

  /** Begin anew, the whole workspace around a moment. @param {number} at */
  #look(at) {
    const span = this.#window.around(at, this.#context.clock.now());
    if (span.from !== this.#playback.span.from || span.to !== this.#playback.span.to) this.#playback.open(span, null, at);
    this.#seek(at);
  }

  #openPast() {
    const { clock, workspace } = this.#context;
    const newest = this.#book.flights[0];
    const at = this.#detail.detail && this.#playback.now() > 0 ? this.#playback.now() : newest ? Date.parse(newest.startedAt) + 60_000 : clock.now() - 3_600_000;
    location.hash = `#/w/${workspace?.id}/flights/past/${addressOf(Math.min(at, clock.now() - 1_000))}`;
  }

  #renew() {
    clearTimeout(this.#renewing);
    this.#renewing = window.setTimeout(() => void this.#book.renew(), 1_000);
  }

  /** The flight has come, or come again. @param {boolean} isFirst */
  #loaded(isFirst) {
    const { detail } = this.#detail;
    this.#context.update();
    if (!detail) return;
    this.#draw();
    this.#cover();
    if (!isFirst) return this.#playback.extend(this.#span(detail).to);
    this.#openFlight(this.#place.at);
    requestAnimationFrame(() => this.#fit());
  }

  /** @param {import("./flights/detail.js").Detail} detail */
  #span({ flight: { startedAt, endedAt, landedAt, lastReportAt } }) {
    const end = Date.parse(landedAt ?? endedAt ?? lastReportAt);
    return { from: Date.parse(startedAt), to: Math.min(Math.max(end, Date.parse(startedAt)) + LATE_MS, this.#context.clock.now()) };
  }

  /** @param {number | null} at where to stand; null: nowhere yet */
  #openFlight(at) {
    const { detail } = this.#detail;
    if (!detail) return;
    const droneId = detail.flight.drone.id;
    const span = this.#span(detail);
    this.#playback.open(span, this.#withOthers ? null : { droneId, area: around(detail.track) }, at ?? span.from);
    this.#map?.select(droneId);
    if (at !== null) this.#playback.seek(at);
  }

  #draw() {
    const { detail } = this.#detail;
    const value = this.#value;
    this.#track?.show(detail?.track ?? [], value, this.#range, Boolean(detail?.flight.landedAt ?? detail?.flight.endedAt));
  }

  /** The ground that the flight's photos show together, once it is known whose flight it is. */
  #cover() {
    const flight = this.#place.isPast ? null : this.#detail.detail?.flight;
    this.#coverage.want(flight ? { flightId: flight.id, droneId: flight.drone.id } : null);
  }

  #fit() {
    const area = around(this.#detail.detail?.track ?? [], 0);
    this.#map?.resize(); // what stands below it has come just now
    if (area) this.#map?.show(area);
  }

  get #value() {
    const height = heightOf(this.#detail.detail?.hasElevation ?? true);
    return this.#quantity === "elevation" ? height : (/** @type {import("../model/track.js").Point} */ { speed }) => speed;
  }

  get #range() {
    return rangeOf(this.#detail.detail?.track ?? [], this.#value, this.#quantity === "elevation" ? 10 : 2);
  }

  #point = (/** @type {number | null} */ time) => {
    if (time === this.#pointed) return;
    this.#pointed = time;
    this.#track?.mark(time);
    this.#context.update();
  };

  /** @param {number} at */
  #seek(at) {
    this.#playback.seek(at);
    this.#address(true);
  }

  /** @param {string | null} id */
  #choose(id) {
    if (this.#place.isPast) {
      this.#droneId = id;
      this.#map?.select(id);
      this.#context.update();
    } else this.#map?.select(this.#detail.detail?.flight.drone.id ?? null);
  }

  /** It plays or stands otherwise. */
  #played() {
    const { isPlaying, speed } = this.#playback;
    if (this.#map) this.#map.scene.pace = isPlaying ? speed : 1;
    clearInterval(this.#ticking);
    if (isPlaying) this.#ticking = setInterval(this.#tick, TICK_MS);
    else if (this.#place.at !== null || this.#playback.isKnown) this.#address(true);
    this.#context.update();
  }

  #tick = () => {
    this.#address(false);
    if (!document.hidden) this.#context.update();
  };

  /** The moment that is shown into the address, which nobody is told of. @param {boolean} isUrgent */
  #address(isUrgent) {
    const { flightId, isPast } = this.#place;
    const now = performance.now();
    if (this.#isOver || !(flightId || isPast) || this.#playback.span.to === 0 || (!isUrgent && now - this.#addressedAt < ADDRESS_MS)) return;
    this.#addressedAt = now;
    const at = this.#playback.now();
    this.#place = { ...this.#place, at };
    const path = isPast ? `past/${addressOf(at)}` : `${flightId}/at/${addressOf(at)}`;
    history.replaceState(null, "", `#/w/${this.#playback.workspaceId}/flights/${path}`);
  }

  #close = () => {
    const { flightId } = this.#place;
    this.#context.go("flights");
    if (flightId) requestAnimationFrame(() => requestAnimationFrame(() => this.#list.focus(flightId)));
  };

  #keyed = (/** @type {KeyboardEvent} */ event) => {
    const { flightId, isPast } = this.#place;
    if (event.defaultPrevented || !(flightId || isPast)) return;
    if (document.querySelector("dialog[open], [popover]:popover-open")) return;
    const isField = event.target instanceof Element && event.target.closest("input, select, button, a");
    if (event.key === "Escape" && !this.#coverage.closeCard()) this.#close();
    if (event.key === " " && !isField && this.#playback.span.to > 0) {
      event.preventDefault();
      if (this.#playback.isPlaying) this.#playback.pause();
      else this.#playback.play();
    }
  };

  render() {
    const { isPast, flightId } = this.#place;
    const { detail } = this.#detail;
    return html`<div class="live flights ${detail ? "has-panel" : ""} ${isPast || flightId ? "has-past" : ""}">
      ${isPast ? this.#past.render(this.#droneId) : this.#list.render(flightId)}
      ${flightId ? html`<h1 class="unseen narrow">${t("flights.title")}</h1>` : nothing}
      <div class="past-room">
        <div class="map-room">
          <div class="map" ?inert=${!isPast && !detail}></div>
          ${this.#hasMap ? nothing : html`<p class="empty">${t("map.none")}</p>`} ${this.#over()}
        </div>
        ${isPast ? this.#whole() : detail ? this.#deck(detail) : nothing}
      </div>
      ${detail && !isPast ? flightPanel(this.#context, detail, this.#close, (id) => this.#map?.highlight(id)) : nothing}
    </div>`;
  }

  /** What stands over the map. */
  #over() {
    const { isPast, flightId } = this.#place;
    const { units, settings } = this.#context;
    const { detail, isGone, fault } = this.#detail;
    if (!isPast && !flightId)
      return html`<div class="empty over"><h2>${t("flights.choose")}</h2><p>${t("flights.choose_hint")}</p></div>`;
    if (!isPast && isGone) return html`<div class="empty over"><p role="alert">${t("flight.gone")}</p></div>`;
    if (!isPast && !detail) return html`<div class="empty over"><p role="status">${fault ? wordsOf(fault, units) : t("flight.waiting")}</p></div>`;
    const now = this.#playback.now();
    const range = this.#range;
    const word = (/** @type {number} */ value) => (this.#quantity === "elevation" ? units.height(value) : units.speed(value));
    const choose = (/** @type {Quantity} */ quantity) => {
      this.#quantity = quantity;
      this.#draw();
      this.#context.update();
    };
    return html`<p class="past-sign" title=${units.utc(now)}>${icon("clock")}<strong>${t("past.sign")}</strong> <span class="numbers">${units.moment(now)}</span></p>
      ${detail && !isPast
        ? legend(this.#quantity, range && [word(range[0]), word(range[1])], settings.isDark, choose)
        : nothing}
      ${isPast ? nothing : this.#coverage.note()}
      <div class="tools" role="toolbar" aria-label=${t("map.tools")}>
        ${isPast ? nothing : this.#coverage.button()}
        <button type="button" class="button" @click=${() => (isPast ? this.#map?.fit() : this.#fit())}>${icon("frame")}<span>${t(isPast ? "map.fit" : "flight.fit")}</span></button>
      </div>`;
  }

  /** @param {import("./flights/detail.js").Detail} detail */
  #deck(detail) {
    const { units } = this.#context;
    const playback = this.#playback;
    const others = () => {
      this.#withOthers = !this.#withOthers;
      const wasPlaying = playback.isPlaying;
      this.#openFlight(playback.now());
      if (wasPlaying) playback.play();
    };
    const at = this.#pointed ?? (playback.isKnown || playback.isPlaying ? playback.now() : null);
    return html`<section class="deck" aria-label=${t("flight.profiles")}>
      ${this.#profiles.render(detail, playback.span, at)}
      ${bar(units, playback, (time) => this.#seek(time), {
        after: html`<label class="check"><input type="checkbox" .checked=${this.#withOthers} @change=${others} />${t("replay.others")}</label>`,
      })}
    </section>`;
  }

  #whole() {
    const { units, clock } = this.#context;
    const playback = this.#playback;
    const at = playback.now();
    const picked = (/** @type {Event} */ event) => {
      const time = momentOf(/** @type {HTMLInputElement} */ (event.target).value);
      if (time !== null) this.#look(Math.min(time, clock.now() - 1_000));
    };
    return html`<section class="deck" aria-label=${t("replay.title")}>
      ${bar(units, playback, (time) => this.#seek(time), {
        bands: this.#window.bands(playback.span),
        before: html`<label class="pick"><span class="unseen">${t("replay.moment")}</span><input type="datetime-local" step="1" .value=${momentText(at)} max=${momentText(clock.now())} @change=${picked} /></label>
          <label class="pick"
            ><span class="unseen">${t("replay.window")}</span>
            <select @change=${(/** @type {Event} */ event) => {
              this.#window.hours = Number(/** @type {HTMLSelectElement} */ (event.target).value);
              this.#look(at);
            }}>
              ${Window.HOURS.map((hours) => html`<option value=${hours} .selected=${hours === this.#window.hours}>${t("replay.hours", { n: hours })}</option>`)}
            </select></label
          >`,
        after: html`<button type="button" class="button small" @click=${this.#close}>${icon("list")}${t("replay.back")}</button>`,
      })}
    </section>`;
  }
}
