// @ts-check
/** For who is logged in and in no workspace: how to come into one. */
import { html } from "lit-html";
import { t } from "../model/i18n.js";
import { wordsOf } from "../ui/faults.js";

export default class Welcome {
  #context;
  #problem = "";

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.#context = context;
  }

  destroy() {}

  render() {
    return html`<div class="alone">
      <div class="card">
        <h1>${t("welcome.title", { name: this.#context.session.user?.name ?? "" })}</h1>
        <p>${t("welcome.text")}</p>
        <form @submit=${this.#make}>
          <label class="field"><span>${t("welcome.name")}</span><input name="name" required maxlength="100" autocomplete="off" /></label>
          <p class="problem" role="alert">${this.#problem}</p>
          <button class="button primary wide">${t("welcome.action")}</button>
        </form>
      </div>
    </div>`;
  }

  #make = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    try {
      location.hash = `#/w/${await this.#context.session.createWorkspace(String(new FormData(form).get("name")))}/map`;
    } catch (error) {
      this.#problem = wordsOf(error, this.#context.units);
      this.#context.update();
    }
  };
}
