// @ts-check
/** Who did what in the workspace, for its owners: the newest first, more as one scrolls, by person, kind and days. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../../api/graphql.js";
import { AuditBook, KINDS } from "../../model/audit_book.js";
import { t } from "../../model/i18n.js";
import { wordsOf } from "../../ui/faults.js";
import { dayOf, dayText } from "../flights/moments.js";
import { sentence } from "./audit_words.js";

/** @typedef {import("../../model/audit_book.js").AuditEntry} AuditEntry */

const MEMBERS = "query Members($id: ID!) { workspace(id: $id) { members { user { id name } } } }";
/** So near to the end, in pixels, the next page is fetched. */
const NEAR_PX = 600;

export class Audit {
  #context;
  #book;
  /** @type {{ id: string, name: string }[]} */
  #people = [];

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#book = new AuditBook(this.#id, context.update);
    document.addEventListener("scroll", this.#scrolled, true); // of the page that it stands in, which it does not render
    void this.#book.more();
    void this.#load();
  }

  get #id() {
    return /** @type {string} */ (this.#context.workspace?.id);
  }

  destroy() {
    document.removeEventListener("scroll", this.#scrolled, true);
  }

  async #load() {
    try {
      const { workspace } = await query(MEMBERS, { id: this.#id });
      const people = workspace.members.map((/** @type {any} */ { user }) => user);
      this.#people = people.sort((/** @type {any} */ one, /** @type {any} */ other) => one.name.localeCompare(other.name));
      this.#context.update();
    } catch {
      // the record says what is wrong; without names it shows all the same
    }
  }

  #scrolled = (/** @type {Event} */ event) => {
    const page = /** @type {HTMLElement} */ (event.target);
    if (!(page instanceof HTMLElement) || !page.matches(".admin-page") || this.#book.fault) return;
    if (page.scrollHeight - page.scrollTop - page.clientHeight < NEAR_PX) void this.#book.more();
  };

  render() {
    const { entries, total, isKnown, isLoading, fault, hasMore, isFiltered } = this.#book;
    const { units } = this.#context;
    const more = () => void this.#book.more();
    return html`<h1>${t("admin.audit")} <span class="count">${isKnown && total ? units.number(total) : nothing}</span></h1>
      <p class="lead">${t("audit.text")}</p>
      ${this.#filters()}
      ${isKnown && entries.length === 0
        ? html`<div class="nothing" role="status"><p>${t(isFiltered ? "audit.no_match" : "audit.none")}</p></div>`
        : nothing}
      ${isKnown || fault ? nothing : html`<p class="aside" role="status">${t("loading")}</p>`}
      <ul class="cards audit ${isKnown ? "" : "is-old"}">
        ${repeat(
          entries,
          ({ id }) => id,
          (entry) => this.#row(entry),
        )}
      </ul>
      ${fault
        ? html`<p class="problem" role="alert">${wordsOf(fault, units)}</p><p><button type="button" class="button" @click=${more}>${t("again")}</button></p>`
        : hasMore
          ? html`<p><button type="button" class="button" aria-busy=${isLoading} @click=${more}>${t("alerts.more")}</button></p>`
          : nothing}`;
  }

  #filters() {
    const { userId, kind, from, until } = this.#book.wanted;
    const value = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).value;
    const want = (/** @type {Partial<import("../../model/audit_book.js").Wanted>} */ wanted) => void this.#book.want(wanted);
    return html`<div class="inline audit-filters" role="group" aria-label=${t("audit.filter")}>
      <label class="field"><span>${t("audit.who")}</span>
        <select aria-label=${t("audit.who")} @change=${(/** @type {Event} */ event) => want({ userId: value(event) })}>
          <option value="">${t("audit.everybody")}</option>
          ${repeat(this.#people, ({ id }) => id, ({ id, name }) => html`<option value=${id} .selected=${id === userId}>${name}</option>`)}
        </select></label>
      <label class="field"><span>${t("alerts.kind")}</span>
        <select aria-label=${t("alerts.kind")} @change=${(/** @type {Event} */ event) => want({ kind: value(event) })}>
          <option value="">${t("alerts.every")}</option>
          ${Object.keys(KINDS).map((name) => html`<option value=${name} .selected=${name === kind}>${t(`audit_kind.${name}`)}</option>`)}
        </select></label>
      <label class="field"><span>${t("flights.since")}</span>
        <input type="date" .value=${from === null ? "" : dayText(from)} @change=${(/** @type {Event} */ event) => want({ from: dayOf(value(event)) })} /></label>
      <label class="field"><span>${t("flights.until")}</span>
        <input type="date" .value=${until === null ? "" : dayText(until - 1)} @change=${(/** @type {Event} */ event) => want({ until: dayOf(value(event), 1) })} /></label>
    </div>`;
  }

  /** @param {AuditEntry} entry */
  #row(entry) {
    const { units } = this.#context;
    const { id, at, outcome, address, action } = entry;
    return html`<li class="card-row audit-row" data-entry=${id} data-action=${action}>
      <time datetime=${at} title=${units.utc(at)}>${units.moment(at)}</time>
      <div class="card-who">
        <span>${sentence(entry, this.#id)}</span>
        ${address && address !== "command line" ? html`<p>${t("audit.address", { address })}</p>` : nothing}
      </div>
      ${outcome === "OK" ? nothing : html`<span class="badge badge-problem">${t(`audit_outcome.${outcome.toLowerCase()}`)}</span>`}
    </li>`;
  }
}
