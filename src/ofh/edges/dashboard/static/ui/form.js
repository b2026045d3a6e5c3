// @ts-check
/** What a form needs while it is sent: it is sent once at a time, and says why it failed, and where. */
import { html } from "lit-html";
import { ifDefined } from "lit-html/directives/if-defined.js";
import { GraphQLFault } from "../api/graphql.js";
import { explained } from "./faults.js";

/** @typedef {Record<string, string>} Values */
/** @typedef {import("./faults.js").Own} Own */

export class Form {
  isBusy = false;
  #told = /** @type {{ text: string, lang: string | undefined }} */ ({ text: "", lang: undefined });
  #units;
  #update;

  /** @param {import("../model/units.js").Units} units @param {() => void} update renders anew */
  constructor(units, update) {
    this.#units = units;
    this.#update = update;
  }

  get problem() {
    return this.#told.text;
  }

  /** In the reader's language. */
  set problem(text) {
    this.#told = { text, lang: undefined };
  }

  /**
   * What a form does when it is submitted.
   * @param {(values: Values, form: HTMLFormElement) => Promise<unknown>} act
   * @param {Own} [own] words for codes and reasons that mean something particular here
   */
  sent(act, own) {
    return async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = /** @type {HTMLFormElement} */ (event.target);
      if (!this.isBusy) unmark(form);
      const error = await this.run(() => act(/** @type {Values} */ (Object.fromEntries(new FormData(form))), form), own);
      if (error instanceof GraphQLFault && mark(form, Object.keys(error.fields), this.#told)) this.problem = ""; // it stands at the field
    };
  }

  /** The same for what needs no form; returns why it failed. @param {() => Promise<unknown>} act @param {Own} [own] */
  async run(act, own) {
    if (this.isBusy) return null;
    this.isBusy = true;
    this.problem = "";
    this.#update();
    try {
      await act();
      return null;
    } catch (error) {
      this.#told = explained(error, this.#units, own);
      return error;
    } finally {
      this.isBusy = false;
      this.#update();
    }
  }

  /** The line that says why it failed. */
  get line() {
    return html`<p class="problem" role="alert" lang=${ifDefined(this.#told.lang)}>${this.problem}</p>`;
  }
}

/**
 * Lead to the field that is wrong, with the words behind it.
 * @param {HTMLFormElement} form
 * @param {string[]} names of arguments, as the hub has them
 * @param {{ text: string, lang: string | undefined }} told
 * @returns {boolean} whether the words stand there
 */
function mark(form, names, { text, lang = "" }) {
  const fields = names.map((name) => form.elements.namedItem(name)).filter((field) => field instanceof HTMLInputElement && field.type !== "hidden");
  for (const field of fields) /** @type {HTMLElement} */ (field).setAttribute("aria-invalid", "true");
  const first = /** @type {HTMLInputElement | undefined} */ (fields[0]);
  first?.focus();
  const label = first?.closest("label.field");
  if (!first || !label) return false;
  const words = document.createElement("p");
  Object.assign(words, { className: "problem at-field", id: `wrong-${first.name}`, textContent: text, lang });
  words.setAttribute("role", "alert");
  label.after(words);
  first.setAttribute("aria-describedby", words.id);
  return true;
}

/** @param {HTMLFormElement} form */
function unmark(form) {
  for (const words of form.querySelectorAll(".at-field")) words.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) for (const name of ["aria-invalid", "aria-describedby"]) field.removeAttribute(name);
}
