// @ts-check
/** The rules of the workspace: what warns when; switched, changed, deleted and made by administrators. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { isAtLeast } from "../../model/roles.js";
import { ask } from "../../ui/dialog.js";
import { Form } from "../../ui/form.js";
import { icon } from "../../ui/icons.js";
import { toast } from "../../ui/toast.js";
import { RuleForm } from "./rule_form.js";
import { ruleWords } from "./words.js";

/** @typedef {import("./words.js").Rule} Rule */

export const RULE = "id kind name enabled threshold margin area { longitude latitude } onEnter";
const LIST = `query Rules($id: ID!) { workspace(id: $id) { alertRules { ${RULE} } } }`;

export class Rules {
  #context;
  #reading;
  #acting;
  /** @type {Rule[] | null} */
  #list = null;
  /** @type {RuleForm | null} */
  #form = null;
  #shown = "";
  #ends;
  #isGone = false;

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#reading = new Form(context.units, context.update);
    this.#acting = new Form(context.units, context.update);
    // One that is being changed here stays as it is until it is saved.
    this.#ends = /** @type {import("../../model/fleet.js").Fleet} */ (context.fleet).on("rules", () => void this.#load());
    void this.#load();
  }

  destroy() {
    this.#ends();
    this.#form?.destroy();
  }

  async #load() {
    await this.#reading.run(async () => {
      const { workspace } = await query(LIST, { id: this.#context.workspace?.id });
      this.#list = workspace?.alertRules ?? [];
    });
    this.routed();
  }

  /** A rule that is made or changed stands in the address. */
  routed() {
    const [, shown = ""] = this.#context.route.rest;
    if (this.#list === null || shown === this.#shown) return;
    this.#form?.destroy();
    this.#shown = shown;
    const rule = this.#list.find(({ id }) => id === shown) ?? null;
    this.#isGone = rule === null && !["", "new"].includes(shown);
    const hasForm = (shown === "new" || rule !== null) && isAtLeast(this.#context.workspace, "ADMIN");
    this.#form = hasForm ? new RuleForm(this.#context, rule, (made) => this.#made(made)) : null;
    this.#context.update();
  }

  /** @param {Rule} rule */
  #made(rule) {
    const list = this.#list ?? [];
    this.#list = list.some(({ id }) => id === rule.id) ? list.map((each) => (each.id === rule.id ? rule : each)) : [...list, rule];
    toast(t("saved"));
    this.#context.go("alerts", "rules");
  }

  render() {
    if (this.#form) return this.#form.render();
    const mayManage = isAtLeast(this.#context.workspace, "ADMIN");
    const id = this.#context.workspace?.id;
    return html`<h1>${t("alerts.rules")}</h1>
      <p class="lead">${t("rules.text")}</p>
      ${mayManage ? html`<p><a class="button primary" href="#/w/${id}/alerts/rules/new">${icon("plus")}${t("rules.make")}</a></p>` : nothing}
      ${this.#isGone ? html`<p class="note" role="status">${t("rules.gone")}</p>` : nothing} ${this.#acting.line} ${this.#reading.line}
      ${this.#list?.length === 0 ? html`<div class="nothing"><h2>${t("rules.none")}</h2><p>${t("rules.none_text")}</p></div>` : nothing}
      <ul class="cards">
        ${repeat(
          this.#list ?? [],
          (rule) => rule.id,
          (rule) => this.#row(rule, mayManage),
        )}
      </ul>`;
  }

  /** @param {Rule} rule @param {boolean} mayManage */
  #row(rule, mayManage) {
    const { id, kind, name, enabled } = rule;
    const place = `#/w/${this.#context.workspace?.id}/alerts/rules/${id}`;
    return html`<li class="card-row ${enabled ? "" : "is-off"}" data-rule=${id}>
      <label class="switch"
        ><input type="checkbox" role="switch" .checked=${enabled} ?disabled=${!mayManage} aria-label=${t("rules.enabled", { name })} @change=${(/** @type {Event} */ event) => this.#switch(event, rule)} /><span
          >${t(enabled ? "rules.on" : "rules.off")}</span
        ></label
      >
      <div class="card-who">
        <span class="card-name">${name}</span>
        <p>${t(`alert_kind.${kind.toLowerCase()}`)} · ${ruleWords(rule, this.#context.units)}</p>
      </div>
      ${mayManage
        ? html`<div class="buttons">
            <a class="button small" href=${place} aria-label=${t("rules.change_which", { name })}>${t("rules.change")}</a>
            <button type="button" class="button small" aria-label=${t("rules.delete_which", { name })} @click=${() => this.#delete(rule)}>${t("rules.delete")}</button>
          </div>`
        : nothing}
    </li>`;
  }

  /** @param {Event} event @param {Rule} rule */
  async #switch(event, rule) {
    const box = /** @type {HTMLInputElement} */ (event.target);
    await this.#acting.run(async () => {
      const document = `mutation Switch($id: ID!, $enabled: Boolean) { updateAlertRule(id: $id, enabled: $enabled) { ${RULE} } }`;
      const { updateAlertRule } = await query(document, { id: rule.id, enabled: box.checked });
      this.#list = this.#list?.map((each) => (each.id === rule.id ? updateAlertRule : each)) ?? null;
    });
    box.checked = this.#list?.find(({ id }) => id === rule.id)?.enabled ?? false;
  }

  /** @param {Rule} rule */
  async #delete({ id, name }) {
    if (!(await ask({ title: t("rules.delete_title", { name }), text: t("rules.delete_text"), action: t("rules.delete"), isDestructive: true }))) return;
    await this.#acting.run(async () => {
      await query("mutation Delete($id: ID!) { deleteAlertRule(id: $id) }", { id });
      this.#list = this.#list?.filter((rule) => rule.id !== id) ?? null;
      toast(t("rules.deleted", { name }));
    });
  }
}
