// @ts-check
/**
 * Tells of alerts that are raised while this page is open, whatever it shows: by a sound and a notification, where wanted.
 * Of a browser's tabs one does.
 */
import { alertWords } from "../views/alerts/words.js";
import { toast } from "../ui/toast.js";
import { Claims } from "./claims.js";
import { t } from "./i18n.js";
import { notice } from "./notices.js";

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
  #claims = new Claims(new BroadcastChannel("ofh.alarm"));

  /** @param {import("./settings.js").Settings} settings @param {import("./units.js").Units} units */
  constructor(settings, units) {
    this.#settings = settings;
    this.#units = units;
    settings.on("change", (name) => name === "sound" && settings.sound && document.hasFocus() && void this.#sound()); // in the tab where it was chosen
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
    for (const alert of fresh) {
      if (this.#settings.sound) void this.#soundFor(alert);
      if (this.#settings.notify) void this.#notify(fleet.workspaceId, alert);
    }
  }

  /** Best by a tab that was clicked in, since browsers let others not be heard. @param {import("./fleet.js").Alert} alert */
  async #soundFor({ id }) {
    if (await this.#claims.take(`sound ${id}`, navigator.userActivation?.hasBeenActive ? 0 : 1)) void this.#sound();
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

  /** Not while one of the tabs is in front: it is best placed, and shows the alert. @param {string} workspaceId @param {import("./fleet.js").Alert} alert */
  async #notify(workspaceId, alert) {
    const { id, kind, drone } = alert;
    const isMine = await this.#claims.take(`notice ${id}`, document.hasFocus() ? 0 : 1);
    if (!isMine || document.hasFocus()) return;
    const go = () => void (location.hash = `#/w/${workspaceId}/map/drone/${drone.id}`);
    notice(t(`alert_kind.${kind.toLowerCase()}`), { body: alertWords(alert, this.#units), tag: `ofh-${id}` }, go);
  }
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
