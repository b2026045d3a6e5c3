// @ts-check
/** A question before something that cannot be taken back. */
import { html, nothing, render } from "lit-html";
import { t } from "../model/i18n.js";

/**
 * @param {{ title: string, text?: string, action: string, isDestructive?: boolean }} question `action` is the verb on the
 *   button that does it.
 * @returns {Promise<boolean>} whether to do it; Escape is a no.
 */
export function ask({ title, text, action, isDestructive = false }) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "dialog-title");
  const close = (/** @type {string} */ answer) => () => dialog.close(answer);
  render(
    html`<h2 id="dialog-title">${title}</h2>
      ${text ? html`<p>${text}</p>` : nothing}
      <div class="actions">
        <button type="button" class="button" @click=${close("")} autofocus>${t("cancel")}</button>
        <button type="button" class="button ${isDestructive ? "danger" : "primary"}" @click=${close("yes")}>${action}</button>
      </div>`,
    dialog,
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
