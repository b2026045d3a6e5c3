// @ts-check
/** Why something failed, in words that say what to do: the page's where it has some, else the hub's, which are English. */
import { GraphQLFault } from "../api/graphql.js";
import { t } from "../model/i18n.js";

/** @typedef {import("../model/units.js").Units} Units */
/**
 * Words for codes and reasons of the hub that mean something particular somewhere; of numbers that were told with it.
 * @typedef {Partial<Record<string, string | ((given: Record<string, number>) => string)>>} Own
 */

/**
 * @param {unknown} error
 * @param {Units} units
 * @param {Own} [own]
 * @returns {{ text: string, lang: string | undefined }} `lang` where it is not the reader's language
 */
export function explained(error, units, own = {}) {
  const words = said(error, units, own);
  if (words !== null) return { text: words, lang: undefined };
  const { message, fields } = /** @type {GraphQLFault} */ (error);
  return { text: Object.values(fields)[0] ?? message, lang: "en" };
}

/** The same where no language can be marked. @param {unknown} error @param {Units} units @param {Own} [own] */
export function wordsOf(error, units, own = {}) {
  return explained(error, units, own).text;
}

/** In the reader's language; null where this page has no words for it. @param {unknown} error @param {Units} units @param {Own} own */
function said(error, units, own) {
  if (!(error instanceof GraphQLFault)) return t("fault.page", { what: String(error) });
  const { code, message, until, id, reason, given } = error;
  if (code === "RATE_LIMITED") return t("fault.rate_limited", { time: units.time(until ?? Date.now() + 5_000) });
  const particular = own[reason] ?? own[code];
  if (particular) return typeof particular === "string" ? particular : particular(given);
  const byReason = reasonWords(reason, given, units);
  if (byReason !== null) return byReason;
  if (code === "BAD_INPUT" || code === "CONFLICT") return null;
  if (code === "OFFLINE") return t("fault.offline");
  if (code === "UNAVAILABLE") return t("fault.unavailable");
  if (code === "FORBIDDEN") return t("fault.forbidden");
  if (code === "GONE") return t("fault.gone");
  return id ? t("fault.internal", { id }) : t("fault.other", { what: message });
}

/** @param {string} reason @param {Record<string, number>} given @param {Units} units */
export function reasonWords(reason, given, units) {
  const key = `reason.${reason.toLowerCase()}`;
  const numbers = Object.entries(given).map(([name, value]) => [name, units.number(value, Number.isInteger(value) ? 0 : 1)]);
  const words = t(key, Object.fromEntries(numbers));
  return words === key ? null : words;
}
