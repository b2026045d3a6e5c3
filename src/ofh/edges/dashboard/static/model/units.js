// @ts-check
/** Quantities in words: what the hub tells in SI units, in those that the reader has chosen, in the reader's language. */

/** @typedef {import("./settings.js").Settings} Settings */
/** What stands where nothing was told. */
export const NOTHING = "–";

const METRES_PER_FOOT = 0.3048;
const METRES_PER_MILE = 1609.344;
const SQUARE_METRES_PER_ACRE = 4046.8564224;
const ACRES_PER_SQUARE_MILE = 640;

export class Units {
  /** @type {Map<string, Intl.NumberFormat>} */
  #formats = new Map();
  #settings;

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings;
  }

  get #isMetric() {
    return this.#settings.units === "metric";
  }

  /** @param {number} value @param {number} digits behind the point */
  number(value, digits = 0) {
    const key = `${this.#settings.language} ${digits}`;
    const format =
      this.#formats.get(key) ??
      new Intl.NumberFormat(this.#settings.language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    this.#formats.set(key, format);
    const text = format.format(value);
    return /^[-−]?0(?:[.,]0*)?$/.test(text) ? text.replace(/^[-−]/, "") : text; // no minus before nothing
  }

  /** @param {number | null | undefined} metres */
  height(metres) {
    if (metres == null) return NOTHING;
    return this.#isMetric ? `${this.number(metres)}\u00a0m` : `${this.number(metres / METRES_PER_FOOT)}\u00a0ft`;
  }

  /** @param {number | null | undefined} metres */
  distance(metres) {
    if (metres == null) return NOTHING;
    if (this.#isMetric) return metres < 1_000 ? `${this.number(metres)}\u00a0m` : `${this.number(metres / 1_000, 1)}\u00a0km`;
    return metres < 300 ? `${this.number(metres / METRES_PER_FOOT)}\u00a0ft` : `${this.number(metres / METRES_PER_MILE, 1)}\u00a0mi`;
  }

  /** Of ground. @param {number | null | undefined} squareMetres */
  area(squareMetres) {
    if (squareMetres == null) return NOTHING;
    if (this.#isMetric) return squareMetres < 10_000 ? `${this.number(squareMetres)}\u00a0m²` : this.#large(squareMetres / 1e6, "km²");
    const acres = squareMetres / SQUARE_METRES_PER_ACRE;
    if (acres < 0.5) return `${this.number(squareMetres / METRES_PER_FOOT ** 2)}\u00a0ft²`;
    return acres < ACRES_PER_SQUARE_MILE ? this.#large(acres, "ac") : this.#large(acres / ACRES_PER_SQUARE_MILE, "mi²");
  }

  /** With about three digits. @param {number} value @param {string} unit */
  #large(value, unit) {
    return `${this.number(value, value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0)}\u00a0${unit}`;
  }

  /** @param {number | null | undefined} metresPerSecond */
  speed(metresPerSecond) {
    if (metresPerSecond == null) return NOTHING;
    return this.#isMetric
      ? `${this.number(metresPerSecond, 1)}\u00a0m/s`
      : `${this.number((metresPerSecond * 3_600) / METRES_PER_MILE, 1)}\u00a0mph`;
  }

  /** @param {number | null | undefined} degrees */
  degrees(degrees) {
    return degrees == null ? NOTHING : `${this.number(degrees)}°`;
  }

  /** @param {number | null | undefined} percent */
  percent(percent) {
    return percent == null ? NOTHING : `${this.number(percent)}\u00a0%`;
  }

  /** Of a file, by thousands. @param {number} bytes */
  bytes(bytes) {
    const power = bytes < 1_000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
    const value = bytes / 1_000 ** power;
    return `${this.number(value, power === 0 || value >= 100 ? 0 : 1)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
  }

  /** A day in the reader's zone, in words. @param {number | Date} time */
  day(time) {
    return new Date(time).toLocaleDateString(this.#settings.language, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
  }

  /** Minutes and seconds, hours where there are any. @param {number} milliseconds */
  duration(milliseconds) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
    const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
    const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  }

  /** How old something is, short. @param {number} milliseconds */
  age(milliseconds) {
    const seconds = Math.floor(milliseconds / 1_000);
    if (seconds < 60) return `${seconds}\u00a0s`;
    if (seconds < 3_600) return `${Math.floor(seconds / 60)}\u00a0min`;
    return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}\u00a0h` : `${Math.floor(seconds / 86_400)}\u00a0d`;
  }

  /** The time of day in the reader's zone. @param {number | Date} time */
  time(time) {
    return new Date(time).toLocaleTimeString(this.#settings.language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  }

  /** Day and time in the reader's zone. @param {number | string | Date} time */
  moment(time) {
    return new Date(time).toLocaleString(this.#settings.language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
  }

  /** The same in UTC, for a `title`. @param {number | string | Date} time */
  utc(time) {
    return new Date(time).toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
  }
}
