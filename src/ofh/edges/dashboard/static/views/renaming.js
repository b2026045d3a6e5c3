// @ts-check
/** The name of an aircraft as a heading, and how it is changed in its place: Enter keeps it, Escape leaves it as it was. */
import { html, nothing } from "lit-html";
import { query } from "../api/graphql.js";
import { t } from "../model/i18n.js";
import { isAtLeast } from "../model/roles.js";
import { Form } from "../ui/form.js";
import { icon } from "../ui/icons.js";

const DOCUMENT = "mutation Rename($id: ID!, $name: String!) { renameDrone(id: $id, name: $name) { id name } }";

export class Renaming {
  #context;
  #form;
  #isOpen = false;

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#form = new Form(context.units, context.update);
  }

  /** Another aircraft is shown: what was begun is left. */
  leave() {
    this.#isOpen = false;
    this.#form.problem = "";
  }

  /** @param {import("../model/fleet.js").DroneRow} row */
  heading(row) {
    if (this.#isOpen) return this.#editor(row);
    return html`<div class="name-line">
      <h2>${row.name}</h2>
      ${isAtLeast(this.#context.workspace, "MEMBER")
        ? html`<button type="button" class="button quiet rename" aria-label=${t("rename.which", { name: row.name })} title=${t("rename.action")} @click=${this.#open}>${icon("pencil")}</button>`
        : nothing}
    </div>`;
  }

  /** @param {import("../model/fleet.js").DroneRow} row */
  #editor({ id, name }) {
    const save = this.#form.sent(async ({ name: wanted }) => {
      const text = String(wanted).trim();
      if (text !== name) {
        const { renameDrone } = await query(DOCUMENT, { id, name: text });
        this.#context.fleet?.rename(renameDrone.id, renameDrone.name);
      }
      this.#close();
    });
    const keyed = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.preventDefault(); // the panel stays
      this.#close();
    };
    return html`<form class="name-form" @submit=${save} @keydown=${keyed}>
      <h2 class="unseen">${name}</h2>
      <input name="name" required maxlength="100" autocomplete="off" aria-label=${t("rename.which", { name })} .defaultValue=${name} />
      <button class="button quiet" aria-label=${t("save")} title=${t("save")} aria-busy=${this.#form.isBusy}>${icon("check")}</button>
      ${this.#form.line}
    </form>`;
  }

  #open = () => {
    this.#isOpen = true;
    this.#show(".name-form input");
  };

  #close() {
    this.leave();
    this.#show(".rename");
  }

  /** Render, and have the focus there. @param {string} selector */
  #show(selector) {
    this.#context.update();
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        const found = /** @type {HTMLElement | null} */ (document.querySelector(`.panel ${selector}`));
        found?.focus();
        if (found instanceof HTMLInputElement) found.select();
      }),
    );
  }
}
