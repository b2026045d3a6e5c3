// @ts-check
/** The page's words: `t("cancel")`, from `i18n/*.json`. English stands in for what a language lacks. */

/** @typedef {string | Record<string, string>} Message of plural forms (`one`, `other`) by the parameter `n`. */

/** @type {Map<string, Record<string, Message>>} */
const loaded = new Map();
let language = "en";

/** Speak a language from now on. @param {string} name */
export async function speak(name) {
  await Promise.all([load("en"), load(name)]);
  language = loaded.has(name) ? name : "en";
}

/** @param {string} name */
async function load(name) {
  if (loaded.has(name)) return;
  const answer = await fetch(new URL(`../i18n/${name}.json`, import.meta.url));
  if (answer.ok) loaded.set(name, await answer.json());
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [given] what stands in its braces; `n` chooses the plural form.
 * @returns {string}
 */
export function t(key, given = {}) {
  const message = loaded.get(language)?.[key] ?? loaded.get("en")?.[key] ?? key;
  const form = typeof message === "string" ? message : pluralOf(message, Number(given.n));
  return form.replace(/\{(\w+)\}/g, (whole, name) => String(given[name] ?? whole));
}

/**
 * The same for templates: the text in pieces, and between them what stands in its braces, such as links.
 * @param {string} key
 * @param {Record<string, unknown>} given
 * @returns {unknown[]}
 */
export function woven(key, given) {
  return t(key).split(/\{(\w+)\}/).map((part, index) => (index % 2 ? given[part] : part));
}

/**
 * A name of the hub's, such as `manual flight`, in the reader's language; as the hub has it where there are no words for it.
 * @param {string} group what the keys begin with
 * @param {string} name
 */
export function named(group, name) {
  const key = `${group}.${slug(name)}`;
  const words = t(key);
  return words === key ? name : words;
}

/** As keys of messages have it. @param {string} text */
export const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "_");

/** @param {Record<string, string>} forms @param {number} n */
function pluralOf(forms, n) {
  return forms[new Intl.PluralRules(language).select(n)] ?? forms.other ?? "";
}
