// @ts-check
/** Tells of alerts that are raised while this page is open, whatever it shows: by a sound and a notification, where wanted. */
import { alertWords } from "../views/alerts/words.js";
import { toast } from "../ui/toast.js";
import { t } from "./i18n.js";

/** Two tones, in hertz; how long each, in seconds. */
const TONES = [880, 660];
const TONE_S = 0.18;
/** How long a browser may take to let a page be heard; one that waits for a click first is told of. */
const PATIENCE_MS = 1_000;

export class Alarm {
  #settings;
  #units;
  /** Those that were there when the page was opened, and those that were told. @type {Set<string> | null} */
  #told = null;
  /** @type {(() => void) | undefined} */
  #end;
  /** @type {AudioContext | null} */
  #audio = null;
  #isSounding = false;

  /** @param {import("./settings.js").Settings} settings @param {import("./units.js").Units} units */
  constructor(settings, units) {
    this.#settings = settings;
    this.#units = units;
    settings.on("change", (name) => name === "sound" && settings.sound && void this.#sound());
  }

  /** @param {import("./fleet.js").Fleet | null} fleet whose alerts from now on */
  watch(fleet) {
    this.#end?.();
    this.#told = null;
    this.#end = fleet?.on("alerts", () => this.#look(fleet));
  }

  /** @param {import("./fleet.js").Fleet} fleet */
  #look(fleet) {
    const told = this.#told;
    const fresh = told === null ? [] : [...fleet.alerts.values()].filter(({ id, acknowledgedAt }) => !told.has(id) && !acknowledgedAt);
    this.#told = new Set([...(told ?? []), ...fleet.alerts.keys()]);
    if (fresh.length === 0) return;
    if (this.#settings.sound) void this.#sound();
    if (this.#settings.notify) for (const alert of fresh) this.#notify(fleet.workspaceId, alert);
  }

  /** Once, however many alerts come in that time; never later than they came. */
  async #sound() {
    if (this.#isSounding) return;
    this.#isSounding = true;
    const audio = (this.#audio ??= new AudioContext());
    await Promise.race([audio.resume(), pause(PATIENCE_MS)]);
    if (audio.state === "running") {
      this.#play(audio);
      await pause(TONES.length * TONE_S * 1_000);
    } else {
      toast(t("alerts.sound_waits"), "error");
    }
    this.#isSounding = false;
  }

  /** @param {AudioContext} audio */
  #play(audio) {
    TONES.forEach((frequency, index) => {
      const [tone, volume] = [audio.createOscillator(), audio.createGain()];
      const begin = audio.currentTime + index * TONE_S;
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0.2, begin);
      volume.gain.exponentialRampToValueAtTime(0.001, begin + TONE_S);
      tone.connect(volume).connect(audio.destination);
      tone.start(begin);
      tone.stop(begin + TONE_S);
    });
  }

  /** @param {string} workspaceId @param {import("./fleet.js").Alert} alert */
  #notify(workspaceId, alert) {
    if (!("Notification" in window) || Notification.permission !== "granted" || document.hasFocus()) return;
    try {
      const shown = new Notification(t(`alert_kind.${alert.kind.toLowerCase()}`), { body: alertWords(alert, this.#units), tag: `ofh-${alert.id}` });
      shown.onclick = () => {
        window.focus();
        location.hash = `#/w/${workspaceId}/map/drone/${alert.drone.id}`;
      };
    } catch {
      // phones show them by a service worker alone, which this page has not
    }
  }
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
