// @ts-check
/** What state an aircraft is in, how old what is known of it is, and what its label says: pure. */

/**
 * As the hub told last. Silence alone makes nothing lost here: it may be the page's own line that is.
 * @typedef {"flying" | "landed" | "lost" | "offline"} StateName
 */

/** Values older than this have their age beside them. */
export const AGE_SHOWN_MS = 5_000;
/** Older than this is grey. */
export const STALE_MS = 15_000;

/**
 * When what is so old turns grey, of `performance.now()`.
 * @param {number} ageMs @param {number} [pace] of the clock that the age is of
 */
export function staleAt(ageMs, pace = 1) {
  const left = STALE_MS - ageMs;
  return performance.now() + (left > 0 ? left / pace : -1_000);
}

/** Which of two symbols is drawn above the other, and labelled first: the greater number. @param {StateName} state @param {{ isSelected: boolean, isAlerted: boolean }} marks */
export function rank(state, { isSelected, isAlerted }) {
  const plain = { offline: 0, landed: 1, flying: 2, lost: 3 }[state];
  return plain + (isAlerted ? 4 : 0) + (isSelected ? 8 : 0);
}

/**
 * An age for people, such as "8 s", "3 min", "2 h", "5 d"; null where it is too young to be told.
 * @param {number} ageMs @param {string} [language]
 */
export function ageText(ageMs, language) {
  if (!(ageMs > AGE_SHOWN_MS)) return null;
  const seconds = Math.floor(ageMs / 1_000);
  const [amount, unit] =
    seconds < 100 ? [seconds, "second"]
    : seconds < 6_000 ? [Math.floor(seconds / 60), "minute"]
    : seconds < 172_800 ? [Math.floor(seconds / 3_600), "hour"]
    : [Math.floor(seconds / 86_400), "day"];
  return numberFormat(language, { style: "unit", unit, unitDisplay: "narrow" }).format(amount);
}

/**
 * The second line of a label: metres or feet above take-off (above the ellipsoid where that is not told), charge, age.
 * @param {{ elevation: number | null, height: number | null, charge: number | null, ageMs: number }} values
 * @param {{ units?: string, language?: string }} settings
 */
export function labelDetail({ elevation, height, charge, ageMs }, { units, language }) {
  const metres = elevation ?? height;
  const isImperial = units === "imperial";
  const unit = { style: "unit", unit: isImperial ? "foot" : "meter", maximumFractionDigits: 0 };
  const parts = [
    metres === null ? null : numberFormat(language, unit).format(Math.round(isImperial ? metres / 0.3048 : metres) || 0),
    charge === null ? null : numberFormat(language, { style: "percent" }).format(charge / 100),
    ageText(ageMs, language),
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

/** Making one takes far longer than using it. @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** @param {string | undefined} language @param {Record<string, any>} options */
function numberFormat(language, options) {
  const key = `${language} ${options.style} ${options.unit}`;
  const known = formats.get(key) ?? new Intl.NumberFormat(language, options);
  formats.set(key, known);
  return known;
}
