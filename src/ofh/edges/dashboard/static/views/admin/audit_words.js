// @ts-check
/** An entry of the audit record as a sentence, with links to what it is about where a view shows that. */
import { html } from "lit-html";
import { named, slug, t, woven } from "../../model/i18n.js";

/** @typedef {import("../../model/audit_book.js").AuditEntry} AuditEntry */
/** @typedef {import("../../model/audit_book.js").AuditObject} AuditObject */

/** Where what it is shows, behind the workspace. @type {Record<string, (id: string) => string>} */
const PLACES = {
  connection: (id) => `admin/connections/${id}`,
  drone: (id) => `map/drone/${id}`,
  alert_rule: (id) => `alerts/rules/${id}`,
  user: () => "admin/members",
  workspace: () => "admin/workspace",
};

/** @param {AuditEntry} entry @param {string} workspaceId */
export function sentence(entry, workspaceId) {
  const { action, object } = entry;
  const key = keyOf(entry);
  if (t(key) === key) return html`${whoOf(entry)}: <span lang="en">${[action, object?.kind, object?.name ?? object?.id, object?.detail].filter(Boolean).join(" ")}</span>`;
  const [before, after] = (object?.detail ?? "").split(" to ");
  const words = action === "workspace history changed" ? daysOf : roleOf;
  const given = {
    who: html`<strong>${whoOf(entry)}</strong>`,
    what: object ? whatOf(object, workspaceId) : "",
    role: roleOf(object?.detail ?? ""),
    ...{ before: words(before ?? ""), after: words(after ?? "") },
    ...{ command: named("audit_command", object?.detail ?? ""), tried: named("audit_tried", object?.id ?? "") },
  };
  return woven(key, given);
}

/** @param {AuditEntry} entry */
function keyOf({ action, outcome, object }) {
  if (action === "workspace sharing changed") return object?.detail.startsWith("shares") ? "audit.sharing_on" : "audit.sharing_off";
  if (action === "login" && outcome !== "OK") return "audit.login_failed";
  return `audit.${slug(action)}`;
}

/** @param {AuditEntry} entry */
function whoOf({ user, address, object }) {
  if (user) return user.name;
  if (address === "command line") return t("audit.operator");
  return object?.kind === "connection" || object?.detail.includes("connection:") ? t("audit.controller") : t("audit.somebody");
}

/** @param {AuditObject} object @param {string} workspaceId */
function whatOf({ kind, id, name, detail }, workspaceId) {
  if (name !== null && kind in PLACES) return html`<a href="#/w/${workspaceId}/${PLACES[kind]?.(id)}">${name}</a>`;
  const known = name ?? (kind === "file" && detail && !detail.startsWith("connection:") ? detail : kind === "device" ? id : null);
  if (known !== null) return html`<strong>${known}</strong>`;
  const isNumber = /^\d+$/.test(id);
  return kind === "alert_rule" && detail ? `${t(`alert_kind.${detail.toLowerCase()}`)} (${t("audit.number", { id })})` : isNumber ? t("audit.number", { id }) : id;
}

/** @param {string} role */
const roleOf = (role) => (role ? named("role", role) : "");

/** @param {string} text a number of days, or that it is as the hub's operator has set it */
function daysOf(text) {
  const days = Number.parseInt(text, 10);
  return Number.isFinite(days) ? t("tokens.days", { n: days }) : t("audit.default_days");
}
