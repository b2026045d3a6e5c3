// @ts-check
/**
 * What a field says that cannot be sent as it is. The browser points at it; the words are the page's, in the reader's
 * language, which need not be the browser's.
 */
import { t } from "../model/i18n.js";

/** @typedef {Pick<HTMLInputElement, "validity" | "min" | "max" | "minLength">} Field */

/** @param {Field} field @returns {[key: string, given?: Record<string, string | number>]} */
export function wordsFor({ validity, min, max, minLength }) {
  if (validity.badInput) return ["valid.number"];
  if (validity.valueMissing) return ["valid.missing"];
  if (validity.typeMismatch) return ["valid.email"];
  if (validity.tooShort) return ["valid.short", { n: minLength }];
  if (validity.rangeUnderflow || validity.rangeOverflow) return max === "" ? ["valid.least", { least: min }] : ["valid.range", { least: min, most: max }];
  return validity.stepMismatch ? ["valid.whole"] : ["valid.wrong"];
}

/** Have all fields of a page say so from now on. @param {Document} page */
export function speakValidity(page) {
  const forget = (/** @type {Event} */ event) => {
    const { target } = event;
    for (const field of target instanceof HTMLFormElement ? target.elements : [target])
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.setCustomValidity("");
  };
  for (const name of ["input", "change", "reset"]) page.addEventListener(name, forget, true);
  page.addEventListener(
    "invalid",
    (event) => {
      const field = /** @type {HTMLInputElement} */ (event.target);
      field.setCustomValidity("");
      if (field.validity.valid) return event.preventDefault(); // put right by the page meanwhile
      field.setCustomValidity(t(...wordsFor(field)));
    },
    true,
  );
}
