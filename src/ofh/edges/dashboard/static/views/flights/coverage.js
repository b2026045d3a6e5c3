// @ts-check
/** What photos show of the ground: all of it together on a map, with words beside it, and the photos of a place that somebody chooses there. */
import { html, nothing } from "lit-html";
import { query } from "../../api/graphql.js";
import { areaOfGround } from "../../map/outlines.js";
import { CoveredGround } from "../../model/covered_ground.js";
import { t } from "../../model/i18n.js";
import { wordsOf } from "../../ui/faults.js";
import { icon } from "../../ui/icons.js";
import { PhotoCard } from "../map/photo_card.js";
import { hasGallery } from "../map/photo_link.js";

/** @typedef {import("../../model/covered_ground.js").Wanted} Wanted */
/** @typedef {import("../../map/map.js").FleetMap} FleetMap */

export class Coverage {
  isOn = false;
  #context;
  #covered;
  #findsPhotos;
  /** @type {Wanted | null} */
  #wanted = null;
  /** @type {FleetMap | null} */
  #map = null;
  /** @type {PhotoCard | null} */
  #card = null;
  #count = 0;

  /** @param {import("../../app.js").Context} context @param {{ findsPhotos?: boolean }} [more] whether the photos of a flight are to be found on its ground, without a layer of their own */
  constructor(context, { findsPhotos = false } = {}) {
    const { clock } = context;
    const fleet = /** @type {import("../../model/fleet.js").Fleet} */ (context.fleet);
    this.#context = context;
    this.#findsPhotos = findsPhotos;
    this.#covered = new CoveredGround({ query, fleet, clock, changed: () => this.#draw() });
    document.addEventListener("visibilitychange", this.#seen);
  }

  destroy() {
    document.removeEventListener("visibilitychange", this.#seen);
    this.#covered.destroy();
    this.#card?.destroy();
    this.#map = null;
  }

  /** What a map is to tell. */
  get listeners() {
    return {
      onPhotos: (/** @type {any} */ photos, /** @type {any} */ at) => this.#card?.choose(photos, at),
      onPointed: (/** @type {any} */ photos, /** @type {any} */ at) => this.#card?.point(photos, at),
    };
  }

  /** @param {FleetMap} map that was made with these listeners @param {typeof import("maplibre-gl").Popup} Popup */
  attach(map, Popup) {
    this.#map = map;
    this.#card = new PhotoCard(this.#context, map, Popup);
  }

  /** Of which photos, where it is on; null: of none. @param {Wanted | null} wanted */
  want(wanted) {
    this.#wanted = wanted;
    const shown = this.isOn ? wanted : null;
    if (JSON.stringify(shown) === JSON.stringify(this.#covered.wanted)) return;
    this.#map?.showCovered(null);
    this.#covered.show(shown);
    if (!this.#findsPhotos) return;
    this.closeCard();
    this.#map?.showFootprints(shown?.flightId ? { flightId: shown.flightId } : null, true);
  }

  /** Close the card with photos. @returns {boolean} whether there was one */
  closeCard() {
    return this.#card?.close() ?? false;
  }

  #seen = () => document.hidden || this.#covered.wake();

  #toggle = () => {
    this.isOn = !this.isOn;
    this.want(this.#wanted);
    this.#context.update();
  };

  #draw() {
    const { ground } = this.#covered;
    this.#map?.showCovered(ground?.geoJson ?? null);
    const count = ground?.mediaCount ?? 0;
    if (this.#findsPhotos && count !== this.#count) this.#map?.renewFootprints();
    this.#count = count;
    this.#context.update();
  }

  /** The switch among the map's tools. */
  button() {
    return html`<button type="button" class="button" aria-pressed=${this.isOn} @click=${this.#toggle}>${icon("ground")}<span>${t("covered.title")}</span></button>`;
  }

  /** How much it is, where it is on. */
  note() {
    if (!this.isOn || this.#wanted === null) return nothing;
    const { ground, fault, isAsking } = this.#covered;
    const area = ground && areaOfGround(ground.geoJson);
    return html`<section class="covered-note" aria-label=${t("covered.title")} data-covered=${ground ? ground.mediaCount : "waiting"}>
      <header><h2>${t("covered.title")} <span class="count">${whose(this.#wanted)}</span></h2>
        ${area ? html`<button type="button" class="button quiet small" aria-label=${t("covered.fit")} title=${t("covered.fit")} @click=${() => this.#map?.show(area)}>${icon("frame")}</button>` : nothing}
      </header>
      ${ground ? this.#figures(ground, isAsking) : nothing}
      ${fault ? html`<p class="problem" role="alert">${wordsOf(fault, this.#context.units)}</p>` : ground ? nothing : html`<p role="status">${t("covered.waiting")}</p>`}
    </section>`;
  }

  /** @param {import("../../model/covered_ground.js").Ground} ground @param {boolean} isAsking */
  #figures({ area, mediaCount, unknownCount, pendingCount }, isAsking) {
    if (mediaCount + unknownCount + pendingCount === 0) return html`<p>${t("covered.none")}</p>`;
    const { units, workspace } = this.#context;
    const of = (/** @type {number} */ n) => ({ n, number: units.number(n) });
    const { flightId, droneId } = /** @type {Wanted} */ (this.#wanted);
    const which = flightId ? `/flight/${flightId}` : droneId ? `/drone/${droneId}` : "";
    const photos = t("covered.photos", of(mediaCount));
    return html`<p><strong class="numbers" aria-busy=${isAsking}>${units.area(area)}</strong>
        ${hasGallery() ? html`<a href="#/w/${workspace?.id}/media${which}">${photos}</a>` : photos}</p>
      ${pendingCount ? html`<p class="aside">${t("covered.pending", of(pendingCount))}</p>` : nothing}
      ${unknownCount ? html`<p class="aside">${t("covered.unknown", of(unknownCount))}</p>` : nothing}`;
  }
}

/** In words. @param {Wanted} wanted */
function whose(wanted) {
  if (wanted.flightId) return t("covered.of_flight");
  return t(wanted.droneId ? "covered.of_drone" : "covered.of_day", { n: CoveredGround.HOURS });
}
