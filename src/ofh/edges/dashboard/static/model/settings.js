// @ts-check
/** What somebody chose on this browser: how it looks and counts. Kept in `localStorage`; without one, for this visit. */
import { Emitter } from "./emitter.js";

const KEY = "ofh.dashboard";

/** @typedef {"auto" | "light" | "dark"} Theme */
/** @typedef {"metric" | "imperial"} Units */
/** @typedef {"en" | "de"} Language */
/** @typedef {{ theme: Theme, units: Units, language: Language, sound: boolean, notify: boolean }} Values */

/** @type {Record<string, readonly string[]>} */
export const CHOICES = { theme: ["auto", "light", "dark"], units: ["metric", "imperial"], language: ["en", "de"] };

/** @extends {Emitter<{ change: keyof Values }>} */
export class Settings extends Emitter {
  /** @type {Values} */
  #values;
  #prefersDark = matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    super();
    const language = navigator.languages.map((name) => name.slice(0, 2)).find((name) => CHOICES.language.includes(name));
    const units = ["en-US", "en-LR", "my"].includes(navigator.language) ? "imperial" : "metric";
    this.#values = {
      ...{ theme: "auto", sound: false, notify: false },
      ...{ language: /** @type {Language} */ (language ?? "en"), units: /** @type {Units} */ (units) },
      ...kept(),
    };
    addEventListener("storage", ({ key }) => key === KEY && this.#follow()); // another tab has chosen
    this.#prefersDark.addEventListener("change", () => this.theme === "auto" && this.#apply("theme"));
    this.#apply("theme");
    this.#apply("language");
  }

  get theme() {
    return this.#values.theme;
  }

  get units() {
    return this.#values.units;
  }

  get language() {
    return this.#values.language;
  }

  get sound() {
    return this.#values.sound;
  }

  /** Whether the browser shows new alerts by itself. */
  get notify() {
    return this.#values.notify;
  }

  /** Whether it is dark now, by choice or by the system's. */
  get isDark() {
    return this.theme === "dark" || (this.theme === "auto" && this.#prefersDark.matches);
  }

  /**
   * @template {keyof Values} Name
   * @param {Name} name
   * @param {Values[Name]} value
   */
  set(name, value) {
    if (this.#values[name] === value) return;
    this.#values = { ...this.#values, [name]: value };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#values));
    } catch {
      // a browser that keeps nothing: it holds for this visit
    }
    this.#apply(name);
  }

  #follow() {
    const before = this.#values;
    this.#values = { ...before, ...kept() };
    const names = /** @type {(keyof Values)[]} */ (Object.keys(before));
    for (const name of names.filter((each) => this.#values[each] !== before[each])) this.#apply(name);
  }

  /** @param {keyof Values} name */
  #apply(name) {
    document.documentElement.dataset.theme = this.isDark ? "dark" : "light";
    document.documentElement.lang = this.language;
    this.emit("change", name);
  }
}

/** What was kept and still is a choice. @returns {Partial<Values>} */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const good = Object.entries(CHOICES).filter(([name, choices]) => choices.includes(found[name]));
    const ticks = ["sound", "notify"].filter((name) => typeof found[name] === "boolean").map((name) => [name, found[name]]);
    return Object.fromEntries([...good.map(([name]) => [name, found[name]]), ...ticks]);
  } catch {
    return {};
  }
}
