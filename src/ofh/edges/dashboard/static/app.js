// @ts-check
/**
 * The page: a frame with a view in it. The address says which, behind its `#`, so that it can be sent to somebody, and
 * never reaches a server: `#/w/1/map`, `#/w/1/map/drone/5`, `#/login`. Links from letters (`#login=`, `#reset=`,
 * `#confirm=`) bear a secret, which is taken out of the address before anything else.
 */
import { html, nothing, render } from "lit-html";
import { onTime, socket } from "./api/graphql.js";
import { Alarm } from "./model/alarm.js";
import { Clock } from "./model/clock.js";
import { Fleet } from "./model/fleet.js";
import { speak, t } from "./model/i18n.js";
import { Session } from "./model/session.js";
import { Settings } from "./model/settings.js";
import { Units } from "./model/units.js";
import { wordsOf } from "./ui/faults.js";
import { focusKeeper } from "./ui/focus.js";
import { toast } from "./ui/toast.js";
import { speakValidity } from "./ui/validity.js";
import { VIEWS, frame } from "./views/frame.js";

/** @typedef {{ name: string, workspaceId: string | null, rest: string[] }} Route */
/**
 * What a view is: it is made when it comes into sight, asked to `render` again whenever something may have changed, told of
 * a new address of its own (`routed`), and of its end.
 * @typedef {{ render: () => unknown, routed?: () => void, mounted?: (main: HTMLElement) => void, destroy: () => void }} View
 */
/**
 * What views get. `update` renders again in the next frame; `updateLive` does within a quarter of a second, for what
 * changes all the time.
 * @typedef {object} Context
 * @property {Session} session
 * @property {Settings} settings
 * @property {Units} units
 * @property {Clock} clock
 * @property {Fleet | null} fleet of the chosen workspace
 * @property {Route} route
 * @property {import("./model/session.js").Workspace | null} workspace the chosen one
 * @property {string} secret of the link that was opened, for the view that needs it
 * @property {(...parts: string[]) => void} go to a view of the chosen workspace
 * @property {() => void} update
 * @property {() => void} updateLive
 */

/** @type {Record<string, () => Promise<{ default: new (context: Context) => View }>>} */
const LOADERS = {
  map: () => import("./views/map.js"),
  flights: () => import("./views/flights.js"),
  media: () => import("./views/media.js"),
  login: () => import("./views/login.js"),
  welcome: () => import("./views/welcome.js"),
  alerts: () => import("./views/alerts.js"),
  admin: () => import("./views/admin/admin.js"),
  account: () => import("./views/admin/account.js"),
};
const LIVE_MS = 250;
const TICK_MS = 1_000;
const AGAIN_MS = 3_000;
const RENEW_MS = 60_000;

const session = new Session();
const settings = new Settings();
const clock = new Clock();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));

/** @type {Context} */
const context = {
  ...{ session, settings, clock, units: new Units(settings), fleet: null, workspace: null, secret: "" },
  route: { name: "", workspaceId: null, rest: [] },
  go: (...parts) => void (location.hash = `#/w/${context.workspace?.id}/${parts.map(encodeURIComponent).join("/")}`),
  update: () => {
    if (!isWaiting) requestAnimationFrame(draw);
    isWaiting = true;
  },
  updateLive: () => {
    liveTimer ??= setTimeout(() => {
      liveTimer = undefined;
      context.update();
    }, LIVE_MS);
  },
};
const alarm = new Alarm(settings, context.units);
let isWaiting = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let liveTimer;
/** @type {View | null} */
let view = null;
let viewKey = "";
let isBehind = false;
let problem = "";
const keepFocus = focusKeeper(document, () => document.getElementById("main"));

function draw() {
  isWaiting = false;
  const place = context.workspace ? t(`view.${context.route.name}`) : "";
  document.title = [place, context.workspace?.name, "OpenFlightHub"].filter(Boolean).join(" · ");
  const inside = isBehind ? outdated() : session.standing === "unknown" ? opening() : (view?.render() ?? nothing);
  render(frame(context, inside), root);
  keepFocus();
}

function opening() {
  return html`<div class="alone"><p role="status">${problem || t("opening")}</p></div>`;
}

/** A part of the page is not there any more: the hub has been updated under it. */
function outdated() {
  return html`<div class="alone">
    <h1>${t("outdated.title")}</h1>
    <p>${t("outdated.text")}</p>
    <button type="button" class="button primary" @click=${() => location.reload()}>${t("reload")}</button>
  </div>`;
}

/** Where the address leads, given who is here. @returns {Route} */
function destination() {
  const [first = "", second = "", third = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  if (session.standing !== "in") {
    const name = ["forgot", "reset"].includes(first) ? first : "login";
    return { name: "login", workspaceId: null, rest: [name] };
  }
  if (first === "password") return { name: "login", workspaceId: null, rest: ["first"] };
  const chosen = first === "w" ? session.workspaces.find(({ id }) => id === second) : undefined;
  if (first === "w" && second && !chosen) toast(t("workspace.gone"), "error");
  if (session.workspaces.length === 0) return { name: first === "account" ? "account" : "welcome", workspaceId: null, rest: [] };
  const [fallback] = session.workspaces;
  const name = chosen && VIEWS.some((known) => known.name === third) ? third : "map";
  return { name, workspaceId: (chosen ?? /** @type {any} */ (lastWorkspace() ?? fallback)).id, rest: chosen ? rest : [] };
}

/** The one that was looked at last in this browser, if it is still one of theirs. */
function lastWorkspace() {
  const id = recall();
  return session.workspaces.find((workspace) => workspace.id === id);
}

/** @param {string} [id] to keep */
function recall(id) {
  try {
    if (id) localStorage.setItem("ofh.workspace", id);
    return localStorage.getItem("ofh.workspace");
  } catch {
    return null; // a browser that keeps nothing
  }
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function route() {
  if (session.standing === "unknown") return;
  if (await opened()) return;
  const next = (context.route = destination());
  const { workspaceId } = next;
  if (workspaceId) {
    const here = `#/w/${workspaceId}/${next.name}`;
    if (!location.hash.startsWith(here)) history.replaceState(null, "", here);
    recall(workspaceId);
  } else if (session.standing === "in" && location.hash.startsWith("#/w/")) {
    history.replaceState(null, "", "#/"); // it has been said that there is none
  }
  context.workspace = session.workspaces.find(({ id }) => id === workspaceId) ?? null;
  if (context.fleet?.workspaceId !== workspaceId) {
    context.fleet?.stop();
    context.fleet = workspaceId ? new Fleet({ client: socket(), workspaceId, clock }) : null;
    context.fleet?.on("link", ({ name }) => {
      if (name === "ended") void session.renew();
      if (name === "live" && workspaceId) session.heed(workspaceId);
      context.update();
    });
    context.fleet?.on("alerts", context.update);
    alarm.watch(context.fleet);
  }
  const key = `${next.name} ${workspaceId} ${session.user?.id}`;
  if (key === viewKey) {
    view?.routed?.();
    return context.update();
  }
  viewKey = key;
  view?.destroy();
  view = null;
  draw();
  try {
    const { default: Kind } = await /** @type {() => Promise<{ default: new (context: Context) => View }>} */ (LOADERS[next.name])();
    if (key !== viewKey) return;
    view = new Kind(context);
    draw();
    view.mounted?.(/** @type {HTMLElement} */ (root.querySelector("main")));
    context.update();
  } catch (error) {
    console.info("A part of the page could not be loaded.", error);
    isBehind = true;
    context.update();
  }
}

/** Take the secret of a letter's link out of the address, and do what it is for. @returns {Promise<boolean>} whether there was one */
async function opened() {
  const found = /^#(login|reset|confirm)=(.+)$/.exec(location.hash);
  if (!found) return false;
  const [, purpose, code] = /** @type {[string, string, string]} */ (/** @type {unknown} */ (found));
  history.replaceState(null, "", `${location.pathname}${location.search}${purpose === "reset" ? "#/reset" : "#/"}`);
  try {
    if (purpose === "reset") context.secret = decoded(code);
    if (purpose === "login") await session.logInByLink(decoded(code));
    if (purpose === "confirm") await session.confirmEmail(decoded(code));
    if (purpose === "confirm") toast(t("confirm.done"));
  } catch (error) {
    const own = { UNAUTHENTICATED: t("login.link_used"), BAD_INPUT: t(purpose === "confirm" ? "confirm.used" : "login.link_used") };
    toast(wordsOf(error, context.units, own), "error");
  }
  await route();
  return true;
}

/** Ask who is here until the hub says so. */
async function begin() {
  while (session.standing === "unknown") {
    try {
      await session.load();
    } catch (error) {
      problem = wordsOf(error, context.units);
      context.update();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

speakValidity(document);
onTime((time) => clock.note(time));
session.on("change", () => void route());
settings.on("change", async () => {
  await speak(settings.language);
  context.update();
});
addEventListener("hashchange", () => void route());
setInterval(() => document.hidden || context.update(), TICK_MS);
setInterval(() => document.hidden || void session.renew(), RENEW_MS);
document.addEventListener("visibilitychange", () => document.hidden || void session.renew());
await speak(settings.language);
draw();
await begin();
