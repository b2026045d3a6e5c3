// @ts-check
/** What a form needs while it is sent: it is sent once at a time, and says why it failed. */
import { html } from "lit-html";
import { wordsOf } from "./faults.js";

/** @typedef {Record<string, string>} Values */

export class Form {
  isBusy = false;
  problem = "";
  #units;
  #update;

  /** @param {import("../model/units.js").Units} units @param {() => void} update renders anew */
  constructor(units, update) {
    this.#units = units;
    this.#update = update;
  }

  /**
   * What a form does when it is submitted.
   * @param {(values: Values, form: HTMLFormElement) => Promise<unknown>} act
   * @param {Partial<Record<string, string>>} [own] words for codes that mean something particular here
   */
  sent(act, own) {
    return async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = /** @type {HTMLFormElement} */ (event.target);
      await this.run(() => act(/** @type {Values} */ (Object.fromEntries(new FormData(form))), form), own);
    };
  }

  /** The same for what needs no form. @param {() => Promise<unknown>} act @param {Partial<Record<string, string>>} [own] */
  async run(act, own) {
    if (this.isBusy) return;
    this.isBusy = true;
    this.problem = "";
    this.#update();
    try {
      await act();
    } catch (error) {
      this.problem = wordsOf(error, this.#units, own);
    } finally {
      this.isBusy = false;
      this.#update();
    }
  }

  /** The line that says why it failed. */
  get line() {
    return html`<p class="problem" role="alert">${this.problem}</p>`;
  }
}
