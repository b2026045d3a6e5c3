// @ts-check
/** Dialogs: what stands before everything else until it is answered. */
import { html, nothing, render } from "lit-html";
import { t } from "../model/i18n.js";

/**
 * @typedef {object} Dialog
 * @property {() => void} update render its content anew
 * @property {() => void} close
 * @property {Promise<void>} closed
 */

/**
 * A dialog with content of any kind. Nothing of it is left when it is closed.
 * @param {(dialog: Dialog) => unknown} content
 * @param {{ label: string, kind?: string, mayClose?: () => boolean }} more `label` is read aloud when it opens; `kind` is a
 *   class; `mayClose` is asked when somebody presses Escape.
 * @returns {Dialog}
 */
export function open(content, { label, kind = "", mayClose = () => true }) {
  const element = document.createElement("dialog");
  element.className = `dialog ${kind}`;
  element.setAttribute("aria-label", label);
  /** @type {Dialog} */
  const dialog = {
    update: () => void (element.isConnected && render(content(dialog), element)),
    close: () => element.close(),
    closed: new Promise((resolve) => {
      element.addEventListener("close", () => {
        render(nothing, element);
        element.remove();
        resolve();
      });
    }),
  };
  element.addEventListener("cancel", (event) => mayClose() || event.preventDefault());
  document.body.append(element);
  dialog.update();
  element.showModal();
  return dialog;
}

/**
 * A question before something that cannot be taken back.
 * @param {{ title: string, text?: string, action: string, isDestructive?: boolean, typed?: string }} question `action` is the
 *   verb on the button that does it; `typed` is what has to be typed first.
 * @returns {Promise<boolean>} whether to do it; Escape is a no.
 */
export async function ask({ title, text, action, isDestructive = false, typed = "" }) {
  let answer = false;
  let isTyped = typed === "";
  const dialog = open(
    ({ close, update }) => {
      const submit = (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        answer = isTyped;
        if (answer) close();
      };
      const compare = (/** @type {Event} */ event) => {
        isTyped = /** @type {HTMLInputElement} */ (event.target).value.trim() === typed.trim();
        update();
      };
      return html`<form @submit=${submit}>
        <h2>${title}</h2>
        ${text ? html`<p>${text}</p>` : nothing}
        ${typed
          ? html`<label class="field"><span>${t("ask.type", { name: typed })}</span><input autocomplete="off" @input=${compare} /></label>`
          : nothing}
        <div class="actions">
          <button type="button" class="button" @click=${close} autofocus>${t("cancel")}</button>
          <button class="button ${isDestructive ? "danger" : "primary"}" ?disabled=${!isTyped}>${action}</button>
        </div>
      </form>`;
    },
    { label: title },
  );
  await dialog.closed;
  return answer;
}
