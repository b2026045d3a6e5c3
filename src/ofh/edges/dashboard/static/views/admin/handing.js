// @ts-check
/**
 * What to type into Pilot 2, and how the controller gets on. The secret is shown this once: it is in this dialog, and
 * nowhere else on the page, in no address and in nothing that the browser keeps.
 */
import { html, nothing } from "lit-html";
import { t } from "../../model/i18n.js";
import { copyable } from "../../ui/copy.js";
import { open } from "../../ui/dialog.js";
import { qr } from "../../ui/qr.js";
import { Doctor } from "./doctor.js";

const LOCAL = ["localhost", "127.0.0.1", "[::1]"];

/**
 * @param {import("../../app.js").Context} context
 * @param {{ connection: { id: string, name: string }, connectionId: string, secret: string }} payload of the hub
 */
export async function hand(context, { connection, connectionId, secret }) {
  let isWarned = false;
  const page = pilotPage();
  const doctor = new Doctor(context, connection.id, () => dialog.update());
  const dialog = open(content, {
    label: t("handing.title", { name: connection.name }),
    kind: "handing",
    mayClose: () => {
      const mayClose = isWarned;
      isWarned = true;
      dialog.update();
      return mayClose;
    },
  });
  const timer = setInterval(dialog.update, 1_000);
  await dialog.closed;
  clearInterval(timer);
  doctor.destroy();

  /** @param {import("../../ui/dialog.js").Dialog} dialog */
  function content({ close }) {
    return html`<h2>${t("handing.title", { name: connection.name })}</h2>
      <div class="handing-room">
        <div>
          <ol class="todo">
            <li>
              <p>${t("handing.open")}</p>
              ${copyable(t("handing.url"), page, { name: "url" })}
              ${LOCAL.includes(new URL(page).hostname) ? html`<p class="note warn">${t("handing.local")}</p>` : nothing}
            </li>
            <li>
              <p>${t("handing.log_in")}</p>
              ${copyable(t("handing.id"), connectionId, { name: "id" })} ${copyable(t("handing.secret"), secret, { name: "secret" })}
              <p class="note warn">${t("handing.once")}</p>
            </li>
            <li><p>${t("handing.wait")}</p></li>
          </ol>
          <figure class="qr-room">
            ${qr(page, t("handing.qr"))}
            <figcaption>${t("handing.qr")}</figcaption>
          </figure>
          <details>
            <summary>${t("handing.none")}</summary>
            <p>${t("handing.simulate")}</p>
            ${copyable(t("handing.command"), `ofh simulate --url ${new URL(page).origin} --connection-id ${connectionId}`)}
          </details>
        </div>
        ${doctor.render()}
      </div>
      <div class="actions">
        ${isWarned ? html`<p class="problem" role="alert">${t("handing.warned")}</p>` : nothing}
        <button type="button" class="button primary" @click=${close}>${t("handing.done")}</button>
      </div>`;
  }
}

/** The address that is typed into Pilot 2: the hub's public one. */
function pilotPage() {
  return document.documentElement.dataset.pilotPage || new URL("/pilot/", location.href).href;
}
