// @ts-check
/** What the workspace is warned of: alerts that stand, those of before, and the rules that raise them. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../api/graphql.js";
import { t } from "../model/i18n.js";
import { askLeave, leave, notice } from "../model/notices.js";
import { isAtLeast } from "../model/roles.js";
import { Form } from "../ui/form.js";
import { icon } from "../ui/icons.js";
import { Rules } from "./alerts/rules.js";
import { KINDS, alertWords } from "./alerts/words.js";

/**
 * @typedef {{ id: string, kind: string, message: string, evidence: any, raisedAt: string, acknowledgedAt: string | null,
 *   acknowledgedBy: { name: string } | null, clearedAt: string | null, drone: { id: string, name: string } }} Alert
 */

const FIELDS = "id kind message evidence raisedAt acknowledgedAt acknowledgedBy { name } clearedAt drone { id name } otherDrone { name }";
const PAGE = 50;
const PAST = `query Alerts($id: ID!, $past: AlertFilter!, $after: String) { workspace(id: $id) {
  past: alerts(first: ${PAGE}, after: $after, filter: $past) { totalCount pageInfo { hasNextPage endCursor } edges { node { ${FIELDS} } } } } }`;
const SOON_MS = 300;

export default class Alerts {
  #context;
  #reading;
  #acting;
  /** @type {Alert[] | null} */
  #past = null;
  #total = 0;
  /** @type {string | null} */
  #next = null;
  #kind = "";
  /** Why no notification is shown, though somebody wanted them. @type {import("../model/notices.js").Leave | ""} */
  #refused = "";
  /** @type {Rules | null} */
  #rules = null;
  #ends;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#reading = new Form(context.units, context.update);
    this.#acting = new Form(context.units, context.update);
    this.#ends = [this.#fleet.on("alerts", () => this.#renew(SOON_MS))];
    this.routed();
    void this.#load();
  }

  get #fleet() {
    return /** @type {import("../model/fleet.js").Fleet} */ (this.#context.fleet);
  }

  destroy() {
    clearTimeout(this.#timer);
    this.#rules?.destroy();
    for (const end of this.#ends) end();
  }

  routed() {
    const isRules = this.#context.route.rest[0] === "rules";
    if (!isRules) this.#rules?.destroy();
    this.#rules = isRules ? (this.#rules ?? new Rules(this.#context)) : null;
    this.#rules?.routed();
  }

  /** @param {number} ms */
  #renew(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(), ms);
    this.#context.update();
  }

  /** @param {string | null} [after] a further page of the past ones; else all anew */
  async #load(after = null) {
    if (this.#reading.isBusy) return this.#renew(SOON_MS);
    await this.#reading.run(async () => {
      const kind = this.#kind ? { kind: this.#kind } : {};
      const { workspace } = await query(PAST, { id: this.#context.workspace?.id, past: { open: false, ...kind }, after });
      const nodes = (/** @type {any} */ list) => list.edges.map((/** @type {any} */ { node }) => node);
      this.#past = [...(after ? (this.#past ?? []) : []), ...nodes(workspace.past)];
      this.#total = workspace.past.totalCount;
      this.#next = workspace.past.pageInfo.hasNextPage ? workspace.past.pageInfo.endCursor : null;
    });
  }

  render() {
    const id = this.#context.workspace?.id;
    const link = (/** @type {string} */ name, /** @type {boolean} */ isHere) =>
      html`<a href="#/w/${id}/alerts${name === "rules" ? "/rules" : ""}" aria-current=${isHere ? "page" : "false"}>${t(`alerts.${name}`)}</a>`;
    return html`<div class="admin">
      <nav class="admin-nav" aria-label=${t("view.alerts")}>${link("list", this.#rules === null)} ${link("rules", this.#rules !== null)}</nav>
      <div class="admin-page">${this.#rules ? this.#rules.render() : this.#lists()}</div>
    </div>`;
  }

  #lists() {
    const standing = [...this.#fleet.alerts.values()].sort((one, other) => other.raisedAt.localeCompare(one.raisedAt));
    return html`<h1>${t("alerts.title")}</h1>
      ${this.#telling()} ${this.#acting.line} ${this.#reading.line}
      <section aria-labelledby="standing">
        <h2 id="standing">${t("alerts.standing")} <span class="count">${standing.length || ""}</span></h2>
        ${standing.length === 0 ? html`<div class="nothing calm"><p>${this.#fleet.isKnown ? t("alerts.none") : t("loading")}</p></div>` : nothing}
        <ul class="cards">
          ${repeat(
            standing,
            ({ id }) => id,
            (alert) => this.#row(alert, true),
          )}
        </ul>
      </section>
      <section aria-labelledby="past">
        <div class="past-head">
          <h2 id="past">${t("alerts.past")} <span class="count">${this.#total || ""}</span></h2>
          <label><span class="unseen">${t("alerts.kind")}</span>
            <select @change=${this.#choose}>
              <option value="">${t("alerts.every")}</option>
              ${KINDS.map((kind) => html`<option value=${kind}>${t(`alert_kind.${kind.toLowerCase()}`)}</option>`)}
            </select></label>
        </div>
        ${this.#past?.length === 0 ? html`<div class="nothing"><p>${t("alerts.no_past")} <a href="#/w/${this.#context.workspace?.id}/alerts/rules">${t("alerts.rules")}</a></p></div>` : nothing}
        <ul class="cards">
          ${repeat(
            this.#past ?? [],
            ({ id }) => id,
            (alert) => this.#row(alert, false),
          )}
        </ul>
        ${this.#next ? html`<p><button type="button" class="button" aria-busy=${this.#reading.isBusy} @click=${() => this.#load(this.#next)}>${t("alerts.more")}</button></p>` : nothing}
      </section>`;
  }

  #choose = (/** @type {Event} */ event) => {
    this.#kind = /** @type {HTMLSelectElement} */ (event.target).value;
    void this.#load();
  };

  /** How this browser tells of new ones. */
  #telling() {
    const { settings } = this.#context;
    const sound = (/** @type {Event} */ event) => settings.set("sound", /** @type {HTMLInputElement} */ (event.target).checked);
    const notify = async (/** @type {Event} */ event) => {
      const box = /** @type {HTMLInputElement} */ (event.target);
      const answer = box.checked ? await askLeave() : "";
      const isShown = answer === "granted" && notice(t("alerts.notify"), { body: t("alerts.notify_sample"), tag: "ofh-sample" });
      this.#refused = answer === "granted" && !isShown ? "missing" : answer;
      settings.set("notify", isShown);
      box.checked = isShown;
      this.#context.update();
    };
    const mayNotify = leave();
    const isTaken = settings.notify && mayNotify !== "granted"; // allowed once, and not any more
    const refused = isTaken ? mayNotify : this.#refused;
    return html`<fieldset class="telling">
      <legend class="unseen">${t("alerts.telling")}</legend>
      <label class="tick"><input type="checkbox" .checked=${settings.sound} @change=${sound} /><span>${t("alerts.sound")}</span></label>
      <label class="tick"><input type="checkbox" .checked=${settings.notify && !isTaken} @change=${notify} /><span>${t("alerts.notify")}</span></label>
      <p class="problem" role="alert">${refused && refused !== "granted" ? t(`alerts.notify_${refused}`) : ""}</p>
    </fieldset>`;
  }

  /** @param {any} alert @param {boolean} stands */
  #row(alert, stands) {
    const { units, workspace, clock } = this.#context;
    const { id, kind, raisedAt, clearedAt, acknowledgedAt, acknowledgedBy, drone } = alert;
    const raised = Date.parse(raisedAt);
    const time = html`<time datetime=${raisedAt} title=${units.utc(raised)}>${units.moment(raised)}</time>`;
    const lasted = units.duration((clearedAt ? Date.parse(clearedAt) : clock.now()) - raised);
    return html`<li class="card-row alert-row ${stands ? "stands" : ""}" data-alert=${id} data-stands=${stands}>
      <span class="alert-sign">${icon(stands ? "alert" : "check")}</span>
      <div class="card-who">
        <span class="card-name">${alertWords(alert, units)}</span>
        <p>
          ${t(`alert_kind.${kind.toLowerCase()}`)} · ${time} ·
          <span class="numbers">${t(stands ? "alerts.stands_for" : "alerts.lasted", { time: lasted })}</span>
          ${acknowledgedAt ? html` · <span>${acknowledgedBy ? t("alerts.seen_by", { name: acknowledgedBy.name }) : t("alert.seen")}</span>` : nothing}
        </p>
      </div>
      <div class="buttons">
        ${!acknowledgedAt && isAtLeast(workspace, "MEMBER")
          ? html`<button type="button" class="button small" @click=${() => this.#acknowledge(id)}>${t("alert.acknowledge")}</button>`
          : nothing}
        <a class="button small" href="#/w/${workspace?.id}/map/drone/${drone.id}">${icon("target")}${t("alerts.show")}</a>
      </div>
    </li>`;
  }

  /** @param {string} id */
  async #acknowledge(id) {
    await this.#acting.run(async () => {
      const { acknowledgeAlert } = await query(`mutation Seen($id: ID!) { acknowledgeAlert(id: $id) { ${FIELDS} } }`, { id });
      this.#fleet.acknowledge(acknowledgeAlert);
      this.#past = this.#past?.map((alert) => (alert.id === id ? acknowledgeAlert : alert)) ?? null;
    });
  }
}
