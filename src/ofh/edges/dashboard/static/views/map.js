// @ts-check
/** The live picture: the map, the fleet beside it, and the aircraft that was chosen, which stands in the address. */
import { html, nothing } from "lit-html";
import { query, socket } from "../api/graphql.js";
import { t } from "../model/i18n.js";
import { icon } from "../ui/icons.js";
import { FleetList } from "./fleet_list.js";
import { Coverage } from "./flights/coverage.js";
import { Panel } from "./panel.js";

/** @typedef {import("../map/map.js").FleetMap} FleetMap */

/** What lies over a map. */
export const OVER = ".tools, .past-sign, .legend, .covered-note, .map-note";

export default class MapView {
  #context;
  #list;
  #panel;
  /** @type {FleetMap | null} */
  #map = null;
  #hasMap = true;
  #hasTraffic = false;
  #hasTrails = false;
  #hasPhotos = false;
  #coverage;
  /** Whether there was nothing to look at yet. */
  #isEmpty;
  #isOver = false;
  /** @type {(() => void)[]} */
  #ends;

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#list = new FleetList(context, (id) => this.#choose(id === this.#selected ? null : id));
    this.#panel = new Panel(context, () => this.#choose(null), (id) => this.#map?.highlight(id));
    const fleet = /** @type {import("../model/fleet.js").Fleet} */ (context.fleet);
    this.#coverage = new Coverage(context);
    this.#cover();
    this.#isEmpty = !hasPlace(fleet);
    this.#ends = [
      fleet.on("change", () => this.#changed(fleet)),
      fleet.on("picture", context.update),
      fleet.on("alerts", context.update),
    ];
    addEventListener("keydown", this.#keyed);
    this.#panel.show(this.#selected);
  }

  /** @param {import("../model/fleet.js").Fleet} fleet */
  #changed(fleet) {
    this.#context.updateLive();
    this.#cover();
    if (!this.#isEmpty || !hasPlace(fleet)) return;
    this.#isEmpty = false;
    this.#map?.fit();
  }

  get #selected() {
    const [kind, id] = this.#context.route.rest;
    return kind === "drone" && id ? id : null;
  }

  /** @param {string | null} id */
  #choose(id) {
    if (id === null) this.#context.go("map");
    else this.#context.go("map", "drone", id);
  }

  routed() {
    this.#panel.show(this.#selected);
    this.#map?.select(this.#selected);
    this.#approach();
    this.#coverage.closeCard();
    if (this.#hasPhotos) this.#showPhotos();
    this.#cover();
  }

  /** Of a fleet that is too large to be told whole, the chosen aircraft is where the map looks. */
  #approach() {
    const drone = this.#context.fleet?.drones.get(this.#selected ?? "");
    if (drone && !this.#context.fleet?.isTold(drone)) this.#map?.fly(drone.id);
  }

  /** The ground that photos show: of the chosen aircraft, else of all. */
  #showPhotos() {
    const which = this.#selected === null ? {} : { droneId: this.#selected };
    this.#map?.showFootprints(this.#hasPhotos ? which : null);
  }

  /** Of the flight that the chosen aircraft is on, else of the last day. */
  #cover() {
    const droneId = this.#selected;
    const flightId = droneId === null ? null : (this.#context.fleet?.drones.get(droneId)?.flightId ?? null);
    this.#coverage.want(droneId && flightId ? { flightId, droneId } : { droneId });
  }

  /** @param {HTMLElement} main */
  async mounted(main) {
    const room = /** @type {HTMLElement} */ (main.querySelector(".map"));
    try {
      const [{ createMap }, { Popup }] = await Promise.all([import("../map/map.js"), import("maplibre-gl")]);
      if (this.#isOver) return;
      this.#map = createMap(room, {
        fleet: /** @type {import("../model/fleet.js").Fleet} */ (this.#context.fleet),
        settings: this.#context.settings,
        clock: this.#context.clock,
        onSelect: (id) => this.#choose(id),
        onUnfollowed: this.#context.update,
        ...this.#coverage.listeners,
        over: () => room.parentElement?.querySelectorAll(OVER) ?? [],
        ...{ query, socket, words: words(), source: JSON.parse(document.documentElement.dataset.map ?? "{}") },
      });
      this.#coverage.attach(this.#map, Popup);
      this.#map.select(this.#selected);
      this.#context.update();
      requestAnimationFrame(() => this.#isOver || this.#map?.fit(false)); // now that its tools stand there
    } catch (error) {
      console.info("There is no map.", error);
      this.#hasMap = false;
      this.#context.update();
    }
  }

  destroy() {
    this.#isOver = true;
    removeEventListener("keydown", this.#keyed);
    for (const end of this.#ends) end();
    this.#list.destroy();
    this.#panel.destroy();
    this.#coverage.destroy();
    this.#map?.destroy();
  }

  #keyed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (document.querySelector("dialog[open], [popover]:popover-open, :fullscreen")) return;
    if (this.#coverage.closeCard() || this.#selected === null) return;
    const id = this.#selected;
    this.#choose(null);
    requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector(`[data-drone="${CSS.escape(id)}"]`))?.focus());
  };

  render() {
    const selected = this.#selected;
    return html`<div class="live ${selected ? "has-panel" : ""} ${this.#context.fleet?.link.name === "live" ? "" : "not-live"}">
      ${this.#list.render(selected)}
      <div class="map-room">
        <div class="map"></div>
        ${this.#hasMap ? nothing : html`<p class="empty">${t("map.none")}</p>`} ${this.#map ? this.#tools(this.#map) : nothing}
        ${this.#map ? this.#coverage.note() : nothing}
      </div>
      ${this.#panel.render()}
    </div>`;
  }
  /** @param {FleetMap} map */
  #tools(map) {
    const traffic = () => {
      this.#hasTraffic = !this.#hasTraffic;
      map.showTraffic(this.#hasTraffic);
      this.#context.update();
    };
    const trails = () => {
      this.#hasTrails = !this.#hasTrails;
      map.showTrails(this.#hasTrails ? "all" : "selected");
      this.#context.update();
    };
    const photos = () => {
      this.#hasPhotos = !this.#hasPhotos;
      this.#coverage.closeCard();
      this.#showPhotos();
      this.#context.update();
    };
    const follow = () => {
      map.follow(!map.isFollowing);
      this.#context.update();
    };
    return html`<div class="tools" role="toolbar" aria-label=${t("map.tools")}>
      <button type="button" class="button" @click=${() => map.fit()}>${icon("frame")}<span>${t("map.fit")}</span></button>
      <button type="button" class="button" aria-pressed=${this.#hasTraffic} @click=${traffic}>${icon("plane")}<span>${t("map.traffic")}</span></button>
      <button type="button" class="button" aria-pressed=${this.#hasTrails} @click=${trails}>${icon("route")}<span>${t("map.trails")}</span></button>
      <button type="button" class="button" aria-pressed=${this.#hasPhotos} @click=${photos}>${icon("photo")}<span>${t("map.photos")}</span></button>
      ${this.#coverage.button()}
      ${this.#selected
        ? html`<button type="button" class="button" aria-pressed=${map.isFollowing} @click=${follow}>${icon("target")}<span>${t("map.follow")}</span></button>`
        : nothing}
    </div>`;
  }
}

/** @param {import("../model/fleet.js").Fleet} fleet */
function hasPlace(fleet) {
  return [...fleet.drones.values()].some(({ fixes }) => fixes.length > 0);
}

/** What MapLibre's own controls are called. */
export function words() {
  return {
    Compass: t("map.compass"),
    "NavigationControl.ZoomIn": t("map.zoom_in"),
    "NavigationControl.ZoomOut": t("map.zoom_out"),
    "NavigationControl.ResetBearing": t("map.north"),
    "Map.Title": t("map.title"),
    "AttributionControl.ToggleAttribution": t("map.sources"),
    "BaseMap.Missing": t("map.missing"),
    "BaseMap.Partial": t("map.partial"),
    "BaseMap.Again": t("again"),
  };
}
