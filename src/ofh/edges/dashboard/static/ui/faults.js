// @ts-check
/** Why something failed, in words that say what to do. */
import { GraphQLFault } from "../api/graphql.js";
import { t } from "../model/i18n.js";

/**
 * @param {unknown} error
 * @param {import("../model/units.js").Units} units
 * @param {Partial<Record<string, string>>} [own] words for codes that mean something particular here
 */
export function wordsOf(error, units, own = {}) {
  if (!(error instanceof GraphQLFault)) return t("fault.page", { what: String(error) });
  const { code, message, until, id } = error;
  if (code === "RATE_LIMITED") return t("fault.rate_limited", { time: units.time(until ?? Date.now() + 5_000) });
  if (own[code]) return own[code];
  if (code === "BAD_INPUT") return Object.values(error.fields)[0] ?? message;
  if (code === "OFFLINE") return t("fault.offline");
  if (code === "UNAVAILABLE") return t("fault.unavailable");
  if (code === "FORBIDDEN") return t("fault.forbidden");
  if (code === "GONE") return t("fault.gone");
  return id ? t("fault.internal", { id }) : t("fault.other", { what: message });
}
