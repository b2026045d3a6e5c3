// @ts-check
/** Something to type elsewhere, or to copy. */
import { html, nothing } from "lit-html";
import { t } from "../model/i18n.js";
import { icon } from "./icons.js";
import { toast } from "./toast.js";

const SAID_MS = 2_000;

/**
 * A line of text with its name and a button that copies it. It is no field of a form, and no browser offers to keep it.
 * @param {string} label
 * @param {string} value
 * @param {{ name?: string, note?: unknown }} [more] `name` is for whoever looks for it in the page.
 */
export function copyable(label, value, { name = "", note = nothing } = {}) {
  return html`<div class="copyable">
    <span class="copyable-label">${label}</span>
    <code class="copyable-value" data-value=${name}>${value}</code>
    <button type="button" class="button small" aria-label=${t("copy.what", { what: label })} @click=${(/** @type {Event} */ event) => copy(event, label, value)}>
      ${icon("copy")}<span aria-hidden="true">${t("copy")}</span>
    </button>
    ${note}
  </div>`;
}

/** @param {Event} event @param {string} label @param {string} value */
async function copy(event, label, value) {
  const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
  const code = /** @type {HTMLElement} */ (button.parentElement?.querySelector("code"));
  try {
    await navigator.clipboard.writeText(value);
  } catch {
    // Not over plain http, and not without leave: the text is marked, and copied as by the keys.
    getSelection()?.selectAllChildren(code);
    if (!document.execCommand("copy")) return toast(t("copy.marked"));
  }
  toast(t("copy.done", { what: label }));
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), SAID_MS);
}
