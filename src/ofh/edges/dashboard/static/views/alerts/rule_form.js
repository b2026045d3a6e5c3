// @ts-check
/** One rule, to be made or changed: its numbers in the reader's units, its area on a map and as coordinates. */
import { html, nothing } from "lit-html";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { Form } from "../../ui/form.js";
import { icon } from "../../ui/icons.js";
import { AreaEditor } from "./area_editor.js";
import { RULE } from "./rules.js";
import { KINDS } from "./words.js";

/** @typedef {import("./words.js").Rule} Rule */
/** @typedef {import("./words.js").Kind} Kind */

const METRES_PER_FOOT = 0.3048;
/** Above ground; European regulation 2019/947, UAS.OPEN.010. */
const OPEN_CATEGORY_M = 120;
/** Threshold and margin that a new rule begins with: percent, else metres. @type {Record<Kind, [number | null, number | null]>} */
const BEGINNING = { LOW_BATTERY: [25, 5], HEIGHT: [120, 5], PROXIMITY: [20, 10], AREA: [null, 10], LINK_LOST: [null, null] };

export class RuleForm {
  #context;
  #rule;
  #made;
  #form;
  /** @type {Kind} */
  #kind;
  #onEnter;
  /** @type {AreaEditor | null} */
  #area = null;

  /** @param {import("../../app.js").Context} context @param {Rule | null} rule null: a new one @param {(rule: Rule) => void} made */
  constructor(context, rule, made) {
    this.#context = context;
    this.#rule = rule;
    this.#made = made;
    this.#form = new Form(context.units, context.update);
    this.#kind = rule?.kind ?? "HEIGHT";
    this.#onEnter = rule?.onEnter ?? true;
    this.#draw();
  }

  destroy() {
    this.#area?.destroy();
  }

  #draw() {
    const isNeeded = this.#kind === "AREA";
    if (!isNeeded) this.#area?.destroy();
    this.#area = isNeeded ? (this.#area ?? new AreaEditor(this.#context, this.#rule?.area ?? [])) : null;
  }

  /** Metres in one unit of the reader's. */
  get #unit() {
    return this.#kind !== "LOW_BATTERY" && this.#context.settings.units === "imperial" ? METRES_PER_FOOT : 1;
  }

  render() {
    const rule = this.#rule;
    const back = `#/w/${this.#context.workspace?.id}/alerts/rules`;
    const [threshold, margin] = rule ? [rule.threshold, rule.margin] : BEGINNING[this.#kind];
    const kind = this.#kind.toLowerCase();
    return html`<p><a class="back" href=${back}>${icon("back")}${t("rules.back")}</a></p>
      <h1>${rule ? rule.name : t("rules.make")}</h1>
      <form class="part" @submit=${this.#form.sent((values) => this.#save(values), { OUT_OF_RANGE: this.#range })} data-form=${this.#kind}>
        ${rule === null ? this.#kinds() : nothing}
        <p class="lead">${t(`alert_about.${kind}`, { limit: this.#context.units.height(OPEN_CATEGORY_M) })}</p>
        <label class="field"><span>${t("rules.name")}</span><input name="name" required maxlength="100" autocomplete="off" .value=${rule?.name ?? ""} /></label>
        ${threshold === null ? nothing : this.#number("threshold", t(`threshold.${kind}`), threshold)}
        ${this.#area ? html`${this.#sides()} ${this.#area.render()}` : nothing}
        ${margin === null ? nothing : this.#number("margin", t(`margin.${kind}`), margin)}
        ${this.#form.line}
        <div class="actions">
          <a class="button" href=${back}>${t("cancel")}</a>
          <button class="button primary" aria-busy=${this.#form.isBusy}>${rule ? t("save") : t("rules.create")}</button>
        </div>
      </form>`;
  }

  #kinds() {
    const choose = (/** @type {Event} */ event) => {
      this.#kind = /** @type {Kind} */ (/** @type {HTMLSelectElement} */ (event.target).value);
      this.#draw();
      this.#context.update();
    };
    return html`<label class="field"><span>${t("alerts.kind")}</span>
      <select aria-label=${t("alerts.kind")} @change=${choose}>${KINDS.map((kind) => html`<option value=${kind} ?selected=${kind === this.#kind}>${t(`alert_kind.${kind.toLowerCase()}`)}</option>`)}</select></label>`;
  }

  /** @param {string} name @param {string} label @param {number} value in SI units or percent */
  #number(name, label, value) {
    const unit = this.#kind === "LOW_BATTERY" ? "%" : this.#unit === 1 ? "m" : "ft";
    return html`<label class="field short"><span>${label} (${unit})</span>
      <input name=${name} type="number" required min="0" step="any" inputmode="decimal" .value=${String(this.#shown(value))} /></label>`;
  }

  /** In the reader's unit, to a tenth. @param {number} value */
  #shown(value) {
    return Math.round((value / this.#unit) * 10) / 10;
  }

  /** @param {Record<string, number>} given in SI units or percent */
  #range = ({ least = 0, most = 0 }) => {
    const words = (/** @type {number} */ value) => this.#context.units.number(this.#shown(value), Number.isInteger(this.#shown(value)) ? 0 : 1);
    return t("reason.out_of_range", { least: words(least), most: words(most) });
  };

  /** What was typed, in SI units; what was there before, exactly, where it was left as shown. @param {string} text @param {number | null | undefined} before */
  #valueOf(text, before) {
    return before != null && Number(text) === this.#shown(before) ? before : Number(text) * this.#unit;
  }

  #sides() {
    const side = (/** @type {boolean} */ onEnter) =>
      html`<label class="tick"><input type="radio" name="side" .checked=${this.#onEnter === onEnter} @change=${() => (this.#onEnter = onEnter)} /><span>${t(onEnter ? "rules.inside" : "rules.outside")}</span></label>`;
    return html`<fieldset class="choice"><legend>${t("rules.side")}</legend>${side(true)} ${side(false)}</fieldset>`;
  }

  /** @param {import("../../ui/form.js").Values} values */
  async #save({ name, threshold, margin }) {
    const given = {
      name,
      ...(threshold === undefined ? {} : { threshold: this.#valueOf(threshold, this.#rule?.threshold) }),
      ...(margin === undefined ? {} : { margin: this.#valueOf(margin, this.#rule?.margin) }),
      ...(this.#area ? { area: this.#area.corners, onEnter: this.#onEnter } : {}),
    };
    const types = "$name: String!, $threshold: Float, $margin: Float, $area: [AreaCornerInput!], $onEnter: Boolean";
    const names = ["name", "threshold", "margin", "area", "onEnter"].filter((each) => each in given).map((each) => `${each}: $${each}`);
    if (this.#rule) {
      const document = `mutation Change($id: ID!, ${used(types, given)}) { rule: updateAlertRule(id: $id, ${names.join()}) { ${RULE} } }`;
      return this.#made((await query(document, { id: this.#rule.id, ...given })).rule);
    }
    const document = `mutation Make($workspaceId: ID!, $kind: AlertKind!, ${used(types, given)}) { rule: createAlertRule(workspaceId: $workspaceId, kind: $kind, ${names.join()}) { ${RULE} } }`;
    this.#made((await query(document, { workspaceId: this.#context.workspace?.id, kind: this.#kind, ...given })).rule);
  }
}

/** The variables that are given, of all that there are. @param {string} types @param {object} given */
function used(types, given) {
  return types.split(", ").filter((each) => each.slice(1, each.indexOf(":")) in given).join(", ");
}
