// @ts-check
/** For who is logged in and in no workspace: how to come into one. */
import { html } from "lit-html";
import { t } from "../model/i18n.js";
import { Form } from "../ui/form.js";

export default class Welcome {
  #context;
  #form;

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#form = new Form(context.units, context.update);
  }

  destroy() {}

  render() {
    return html`<div class="alone">
      <div class="card">
        <h1>${t("welcome.title", { name: this.#context.session.user?.name ?? "" })}</h1>
        <p>${t("welcome.text")}</p>
        <form @submit=${this.#form.sent(this.#make)}>
          <label class="field"><span>${t("welcome.name")}</span><input name="name" required maxlength="100" autocomplete="off" /></label>
          ${this.#form.line}
          <button class="button primary wide" aria-busy=${this.#form.isBusy}>${t("welcome.action")}</button>
        </form>
      </div>
    </div>`;
  }

  /** @param {import("../ui/form.js").Values} values */
  #make = async ({ name }) => {
    const { session, settings } = this.#context;
    location.hash = `#/w/${await session.createWorkspace(String(name), settings.language)}/map`;
  };
}
