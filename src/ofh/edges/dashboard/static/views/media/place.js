// @ts-check
/** Where a photo was taken and what it shows of the ground, on a small map, with words that say the same, or why it is not known. */
import { html, nothing } from "lit-html";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { words } from "../map.js";

/**
 * What of a media item this shows. `time` in milliseconds; `hasGround`: whether it is known which ground it shows; with no
 * `footprint` it shows none. Angles in degrees, as the API has them.
 * @typedef {object} Item
 * @property {string} id
 * @property {string} type
 * @property {number} time
 * @property {{ longitude: number, latitude: number, relativeAltitude?: number | null, gimbalYaw?: number | null, gimbalPitch?: number | null } | null} camera
 * @property {GeoJSON.Polygon | null} footprint
 * @property {boolean} hasGround
 * @property {{ id: string } | null} flight
 * @property {{ id: string }} [drone] whose it is; not needed here
 */
/** @typedef {import("../../map/place_map.js").Shown} Shown */

const MISSING = `query Missing($id: ID!) { media(id: $id) { coverageMissing { name reason } } }`;
const BESIDE = `query Beside($id: ID!, $filter: MediaFilter) { workspace(id: $id) { media(first: 60, filter: $filter) { edges { node {
  id camera { longitude latitude } groundCoverage { geoJson } } } } } }`;
/** Photos of the same flight that were taken so near to it count as beside it. */
const BESIDE_MS = 120_000;
/** Below this, degrees, a camera looks straight down, and its direction says nothing. */
const STEEP = -80;
/** Whoever goes through many fast waits for none of them. */
const REST_MS = 250;

export class Place {
  #context;
  /** @type {Item | null} */
  #item = null;
  /** @type {Shown[]} */
  #others = [];
  /** @type {{ name: string, reason: string }[] | null} */
  #missing = null;
  /** @type {import("../../map/place_map.js").PlaceMap | null} */
  #map = null;
  #isOpening = false;
  #hasMap = true;
  #isOver = false;
  #key = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #end;

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#end = context.settings.on("change", () => this.#map?.setTheme(this.#theme));
  }

  destroy() {
    this.#isOver = true;
    this.#end();
    clearTimeout(this.#timer);
    this.#map?.destroy();
    this.#map = null;
  }

  get #theme() {
    return this.#context.settings.isDark ? "dark" : "light";
  }

  /** @param {Item | null} item null: nothing yet */
  show(item) {
    const key = item ? JSON.stringify([item.id, item.hasGround, item.footprint, item.camera]) : "";
    if (key === this.#key) return;
    const isOther = item?.id !== this.#item?.id;
    [this.#item, this.#key] = [item, key];
    if (isOther || item?.hasGround) this.#missing = null;
    clearTimeout(this.#timer);
    this.#draw();
    this.#context.update();
    if (item) this.#timer = setTimeout(() => void this.#load(item), REST_MS);
  }

  /** What is beside it, and what is missing. @param {Item} item */
  async #load(item) {
    const { id, hasGround, flight, time } = item;
    const near = (/** @type {number} */ ms) => new Date(time + ms).toISOString();
    const filter = { flightId: flight?.id, from: near(-BESIDE_MS), to: near(BESIDE_MS) };
    try {
      const [missing, found] = await Promise.all([
        hasGround ? null : query(MISSING, { id }),
        flight && item.camera ? query(BESIDE, { id: this.#context.workspace?.id, filter }) : null,
      ]);
      if (this.#isOver || this.#item !== item) return;
      this.#missing = missing?.media?.coverageMissing ?? null;
      this.#others = (found?.workspace?.media.edges ?? []).map((/** @type {any} */ { node }) => shownOf({ ...node, footprint: node.groundCoverage?.geoJson ?? null }));
      this.#draw();
      this.#context.update();
    } catch (error) {
      console.info("What is beside a photo could not be fetched.", error); // the photo's own place is shown all the same
    }
  }

  #draw() {
    const item = this.#item;
    if (item === null || !isPlaced(item)) return;
    if (this.#map && !this.#map.map.getContainer().isConnected) {
      this.#map.destroy(); // its room was made anew
      this.#map = null;
    }
    if (this.#map) this.#map.show(shownOf(item), this.#others);
    else if (!this.#isOpening && this.#hasMap) requestAnimationFrame(() => requestAnimationFrame(() => void this.#open()));
  }

  /** Once there is room for it. */
  async #open() {
    if (this.#isOpening || this.#map || this.#isOver) return;
    this.#isOpening = true;
    try {
      const { PlaceMap } = await import("../../map/place_map.js");
      const room = /** @type {HTMLElement | null} */ (document.querySelector(".place-map"));
      if (this.#isOver || room === null) return;
      this.#map = new PlaceMap(room, {
        theme: this.#theme,
        source: JSON.parse(document.documentElement.dataset.map ?? "{}"),
        words: words(),
        onChoose: (id) => this.#context.go("media", id),
      });
    } catch (error) {
      console.info("There is no map.", error);
      this.#hasMap = false;
      this.#context.update();
    } finally {
      this.#isOpening = false;
    }
    this.#draw();
  }

  render() {
    const item = this.#item;
    return html`<section class="place ${item && isPlaced(item) ? "" : "is-nowhere"}" aria-label=${t("place.title")} data-place=${item?.id ?? nothing}>
      <div class="place-map"></div>
      ${this.#hasMap ? nothing : html`<p class="empty">${t("map.none")}</p>`}
      ${item ? html`<div class="place-words">${this.#words(item)}</div>` : html`<p class="place-words" role="status">${t("place.waiting")}</p>`}
    </section>`;
  }

  /** @param {Item} item */
  #words(item) {
    const { units } = this.#context;
    const { camera } = item;
    const ground = this.#ground(item);
    if (!camera) return html`<p>${t("place.nowhere")}</p>${ground}`;
    const above = camera.relativeAltitude == null ? null : t("place.above", { height: units.height(camera.relativeAltitude) });
    const parts = [`${units.number(camera.latitude, 5)}°, ${units.number(camera.longitude, 5)}°`, above, this.#looks(camera)];
    return html`<p class="numbers">${parts.filter((part) => part !== null).join(" · ")}</p>${ground}`;
  }

  /** Where to. @param {NonNullable<Item["camera"]>} camera */
  #looks({ gimbalYaw, gimbalPitch }) {
    const { units } = this.#context;
    if (gimbalPitch != null && gimbalPitch <= STEEP) return t("place.looks_down");
    if (gimbalYaw == null) return null;
    const points = t("place.points").split(" ");
    const turned = (gimbalYaw + 360) % 360;
    const where = { yaw: units.degrees(turned), point: points[Math.round(turned / 45) % points.length] };
    if (gimbalPitch == null) return t("place.looks_to", where);
    const pitch = units.degrees(Math.abs(gimbalPitch));
    if (Math.abs(gimbalPitch) < 0.5) return t("place.looks_level", where);
    return t(gimbalPitch < 0 ? "place.looks" : "place.looks_up", { ...where, pitch });
  }

  /** Why there is none, where there is none. @param {Item} item */
  #ground({ hasGround, footprint, type }) {
    if (footprint) return nothing;
    if (hasGround) return html`<p>${t("place.sky")}</p>`;
    if (type === "OTHER") return html`<p>${t("place.side_file")}</p>`;
    const missing = this.#missing;
    if (missing === null || missing.length === 0) return html`<p>${t("place.not_yet")}</p>`;
    const why = missing.map(({ name, reason }) => said(t(`place.missing.${name}`), reason)).join("; ");
    return html`<p title=${missing.map(({ reason }) => reason).join("; ")}>${t("place.no_ground", { why })}</p>`;
  }
}

/** Whether there is anything to be drawn. @param {Item} item */
const isPlaced = ({ camera, footprint }) => camera !== null || footprint !== null;

/** As the map takes it. @param {Pick<Item, "id" | "camera" | "footprint">} item @returns {Shown} */
function shownOf({ id, camera, footprint }) {
  const { longitude, latitude, gimbalYaw, gimbalPitch } = camera ?? {};
  const bearing = gimbalYaw == null || (gimbalPitch ?? 0) <= STEEP ? null : gimbalYaw;
  return { id, footprint, camera: longitude === undefined || latitude === undefined ? null : { longitude, latitude, bearing } };
}

/** The page's words; the hub's own where the page has none. @param {string} words @param {string} reason */
const said = (words, reason) => (words.startsWith("place.missing.") ? reason : words);
