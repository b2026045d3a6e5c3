// @ts-check
/** What stands around every view: where one is, how the line to the hub stands, what time it is, and one's own matters. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { t } from "../model/i18n.js";
import { CHOICES } from "../model/settings.js";
import { wordsOf } from "../ui/faults.js";
import { icon, mark } from "../ui/icons.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("../app.js").Context} Context */

/** Views within a workspace, in the order in which the frame offers them. */
export const VIEWS = /** @type {const} */ ([{ name: "map", icon: "map" }, { name: "flights", icon: "route" }, { name: "media", icon: "photo" }, { name: "alerts", icon: "bell" }, { name: "admin", icon: "gear" }]);

/** @param {Context} context @param {unknown} inside */
export function frame(context, inside) {
  const { session, fleet, workspace } = context;
  const isIn = session.standing === "in";
  return html`
    <a class="skip" href="#main" @click=${skip}>${t("skip")}</a>
    <header class="top">
      <span class="brand">${mark()}<span class="brand-name">OpenFlightHub</span></span>
      ${isIn && workspace ? chooser(context) : nothing}
      ${isIn && workspace && VIEWS.length > 1 ? tabs(context) : nothing}
      <span class="space"></span>
      ${fleet ? linkState(context) : nothing}
      ${isIn ? time(context) : nothing}
      ${menu(context)}
    </header>
    ${isIn && session.user?.registrationIncomplete && !isPutOff && context.route.name !== "login" ? noPassword(context) : nothing}
    <main id="main" tabindex="-1">${inside}</main>
  `;
}

let isPutOff = false;

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** @param {Context} context */
function chooser({ session, workspace, go, route }) {
  if (session.workspaces.length === 1) return html`<span class="workspace">${workspace?.name}</span>`;
  const chosen = (/** @type {Event} */ event) => {
    location.hash = `#/w/${/** @type {HTMLSelectElement} */ (event.target).value}/${route.name}`;
  };
  return html`<span class="workspace">
    <select aria-label=${t("workspace")} @change=${chosen}>
      ${repeat(
        session.workspaces,
        ({ id }) => id,
        ({ id, name }) => html`<option value=${id} ?selected=${id === workspace?.id} .selected=${id === workspace?.id}>${name}</option>`,
      )}
    </select>
  </span>`;
}

/** @param {Context} context */
function tabs({ workspace, route, fleet }) {
  return html`<nav class="tabs" aria-label=${t("views")}>
    ${VIEWS.map(
      ({ name, icon: sign }) =>
        html`<a href="#/w/${workspace?.id}/${name}" aria-current=${route.name === name ? "page" : "false"}
          >${icon(sign)}<span>${t(`view.${name}`)}</span>${name === "alerts" ? unseen(fleet) : nothing}</a
        >`,
    )}
  </nav>`;
}

/** How many alerts stand that nobody has seen. @param {Context["fleet"]} fleet */
function unseen(fleet) {
  const n = [...(fleet?.alerts.values() ?? [])].filter(({ acknowledgedAt }) => !acknowledgedAt).length;
  return n ? html`<b class="tab-count" title=${t("alerts.unseen", { n })}>${n}<b class="unseen"> ${t("alerts.unseen", { n })}</b></b>` : nothing;
}

/** How the line to the hub stands, always in sight; read aloud when it changes, not while it counts. @param {Context} context */
function linkState({ fleet, units, route }) {
  const { name, since, until, code = "", reason = "" } = /** @type {import("../model/fleet.js").Fleet} */ (fleet).link;
  const kind = name === "live" ? "good" : name === "ended" ? "bad" : name === "waiting" ? "bad" : "busy";
  const key = `link.${name.replace(" ", "_")}`;
  const why = code === "GONE" ? t("fault.gone") : code === "FORBIDDEN" ? t("fault.forbidden") : html`<span lang="en">${reason}</span>`;
  const detail =
    name === "waiting" && until ? t("link.next", { seconds: Math.max(0, Math.ceil((until - Date.now()) / 1_000)) }) : name === "ended" ? why : "";
  // Where the past is shown, the word "live" beside it would be taken to be about that.
  const words = name === "live" && route.name === "flights" ? t("link.connected") : t(key);
  return html`<span class="link link-${kind}" title=${t("link.since", { time: units.time(since) })} data-link=${name}>
    <span class="dot" aria-hidden="true"></span>
    <span role="status">${words}</span>
    ${detail ? html`<span class="link-detail">${detail}</span>` : nothing}
  </span>`;
}

/** @param {Context} context */
function time({ clock, units }) {
  const now = clock.now();
  return html`<time class="clock" datetime=${new Date(now).toISOString()} title=${units.utc(now)}>${units.time(now)}</time>`;
}

/** @param {Context} context */
function menu(context) {
  const { session, settings, units } = context;
  const graphql = document.documentElement.dataset.graphqlPage;
  const logOut = () => session.logOut().catch((error) => toast(wordsOf(error, units), "error"));
  return html`<button type="button" class="button quiet account" popovertarget="menu" aria-label=${[t("menu"), session.user?.name].filter(Boolean).join(": ")}>
      ${icon("user")}<span class="account-name">${session.user?.name ?? ""}</span>${icon("chevron")}
    </button>
    <div id="menu" class="menu" popover role="dialog" aria-label=${t("menu")}>
      ${session.user ? html`<p class="menu-who"><strong>${session.user.name}</strong><br />${session.user.email}</p>` : nothing}
      ${["theme", "units", "language"].map((name) => choice(settings, /** @type {"theme"} */ (name)))}
      <hr />
      ${session.user ? html`<a class="menu-link" href=${context.workspace ? `#/w/${context.workspace.id}/admin/account` : "#/account"} @click=${hideMenu}>${t("admin.account")}</a>` : nothing}
      ${graphql ? html`<a class="menu-link" href=${graphql} target="_blank" rel="noopener">${t("menu.graphql")}${icon("external")}</a>` : nothing}
      <a class="menu-link" href="/api/docs" target="_blank" rel="noopener">${t("menu.docs")}${icon("external")}</a>
      ${session.user ? html`<hr /><button type="button" class="button wide" @click=${logOut}>${t("log_out")}</button>` : nothing}
      ${session.version ? html`<p class="menu-version">OpenFlightHub ${session.version}</p>` : nothing}
    </div>`;
}

function hideMenu() {
  document.getElementById("menu")?.hidePopover();
}

/** @param {import("../model/settings.js").Settings} settings @param {"theme" | "units" | "language"} name */
function choice(settings, name) {
  return html`<fieldset class="choice">
    <legend>${t(name)}</legend>
    <div class="segments">
      ${CHOICES[name].map(
        (value) =>
          html`<label
            ><input
              type="radio"
              name=${name}
              value=${value}
              .checked=${settings[name] === value}
              @change=${() => settings.set(name, /** @type {any} */ (value))}
            /><span lang=${name === "language" ? value : settings.language}>${t(`${name}.${value}`)}</span></label
          >`,
      )}
    </div>
  </fieldset>`;
}

/** Who came by a link would not come back without another one. @param {Context} context */
function noPassword({ update }) {
  const later = () => {
    isPutOff = true;
    update();
  };
  return html`<aside class="notice" aria-label=${t("first.title")}>
    <span>${t("first.hint")}</span>
    <a class="button" href="#/password">${t("first.set")}</a>
    <button type="button" class="button quiet" @click=${later}>${t("later")}</button>
  </aside>`;
}
