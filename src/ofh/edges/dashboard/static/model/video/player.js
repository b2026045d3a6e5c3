// @ts-check
/**
 * Keeps a video element showing one stream, and says truthfully how it stands: live is only what has a new picture now.
 * WebRTC first, then HLS; what has shown a picture before is tried first the next time. After any loss it tries again, with
 * growing pauses.
 */
import { Emitter } from "../emitter.js";
import { VideoFault } from "./fault.js";
import { openHls } from "./hls.js";
import { openWhep } from "./whep.js";

/** @typedef {import("./whep.js").Source} Source */
/** @typedef {import("./fault.js").FaultKind} FaultKind */
/** @typedef {"whep" | "hls"} Way */
/**
 * How it stands. `connecting`: being opened, or its pictures are not known to be new; `live`; `stalled`: open, but without
 * a new picture; `waiting`: closed, until the next try; `paused`: by the reader, or by the browser, which wants a click.
 * @typedef {object} State
 * @property {"connecting" | "live" | "stalled" | "waiting" | "paused"} name
 * @property {FaultKind | null} why the last try failed
 * @property {number} until when the next one is, of the page's clock
 * @property {Way | null} way by which it comes
 */
/**
 * `parting`: the picture that is there is about to go.
 * @typedef {{ change: State, parting: null }} News
 */

const LOOK_MS = 400;
/** Without a new picture for so long it is stalled. */
export const STALL_MS = 3_000;
/** So long until a stalled stream, or one that never had a picture, is opened anew. */
const SILENCE_MS = { whep: 8_000, hls: 15_000 };
/** Of several ways that failed, the one that says most: what got further knows more. @type {FaultKind[]} */
const TELLING = ["lost", "silent", "ended", "unsupported", "refused", "nothing", "server", "unreachable"];
const SHORTEST_MS = 1_000;
const LONGEST_MS = 15_000;

/** @extends {Emitter<News>} */
export class Player extends Emitter {
  /** @type {State} */
  state = { name: "paused", why: null, until: 0, way: null };
  /** When the newest picture came, of the page's clock; null before the first one. @type {number | null} */
  pictureAt = null;
  /** Seconds that it was late then, where that is known. @type {number | null} */
  latency = null;
  #video;
  #urls;
  #token;
  #open;
  #isUnseen;
  #now;
  /** @type {Way | null} */
  #proven = null;
  #isRefused = false;
  /** @type {AbortController | null} */
  #run = null;

  /**
   * @param {object} needs
   * @param {HTMLVideoElement} needs.video
   * @param {Partial<Record<Way, string | null>>} needs.urls
   * @param {(isAnew: boolean) => Promise<string>} needs.token
   * @param {Record<Way, (needs: import("./whep.js").Needs) => Promise<Source>>} [needs.open]
   * @param {() => boolean} [needs.isUnseen] whether nobody can see it, so that browsers need not draw it
   * @param {() => number} [needs.now]
   */
  constructor({ video, urls, token, open = { whep: openWhep, hls: openHls }, isUnseen = () => false, now = Date.now }) {
    super();
    this.#video = video;
    this.#urls = urls;
    this.#token = token;
    this.#open = open;
    this.#isUnseen = isUnseen;
    this.#now = now;
  }

  /** Have it play, from now. */
  play() {
    if (this.#run) return;
    this.#run = new AbortController();
    void this.#keep(this.#run.signal);
  }

  /** Close the stream; the reader has its last picture. */
  pause() {
    this.#run?.abort();
    this.#run = null;
    this.#set({ name: "paused", why: null, way: null });
  }

  /** Close it for good. */
  stop() {
    this.#run?.abort();
    this.#run = null;
  }

  /** @param {Partial<State>} change */
  #set(change) {
    const next = { ...this.state, ...change };
    const isTheSame = Object.entries(next).every(([name, value]) => this.state[/** @type {keyof State} */ (name)] === value);
    this.state = next;
    if (!isTheSame) this.emit("change", next);
  }

  /** @param {AbortSignal} signal */
  async #keep(signal) {
    for (let losses = 0; !signal.aborted; ) {
      this.#set({ name: "connecting" });
      const before = this.pictureAt;
      const fault = await this.#try(signal);
      if (signal.aborted) return;
      losses = this.pictureAt === before ? losses + 1 : 0;
      const wait = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** losses) * (0.8 + 0.4 * Math.random());
      const until = Math.max(fault.until ?? 0, this.#now() + wait);
      this.#isRefused = fault.kind === "refused";
      this.#set({ name: "waiting", why: fault.kind, until, way: null });
      await pause(until - this.#now(), signal);
    }
  }

  /** One way after the other, until one has shown a picture; why that ended, or none did. @param {AbortSignal} signal */
  async #try(signal) {
    const before = this.pictureAt;
    /** @type {VideoFault[]} */
    const faults = [];
    for (const way of this.#ways()) {
      const fault = await this.#watch(way, signal);
      if (signal.aborted || this.pictureAt !== before || fault.kind === "refused") return fault;
      faults.push(fault);
      this.#set({ name: "connecting", way: null });
    }
    faults.sort((one, other) => TELLING.indexOf(one.kind) - TELLING.indexOf(other.kind));
    return faults[0] ?? new VideoFault("unsupported");
  }

  #ways() {
    const known = /** @type {Way[]} */ (["whep", "hls"]).filter((way) => this.#urls[way]);
    return known.sort((one, other) => Number(other === this.#proven) - Number(one === this.#proven));
  }

  /**
   * Watch by one way for as long as it goes on; why it ended.
   * @param {Way} way @param {AbortSignal} signal @returns {Promise<VideoFault>}
   */
  async #watch(way, signal) {
    const own = new AbortController();
    const leave = () => own.abort(signal.reason);
    signal.addEventListener("abort", leave);
    const url = /** @type {string} */ (this.#urls[way]);
    let hadPicture = false;
    /** @type {Source | null} */
    let source = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    let timer;
    try {
      await new Promise((_, reject) => {
        own.signal.addEventListener("abort", () => reject(own.signal.reason));
        const onLost = (/** @type {VideoFault} */ fault) => reject(fault);
        const asked = { url, token: () => this.#token(this.#takeRefusal()), video: this.#video, signal: own.signal, onLost };
        this.#open[way](asked).then((opened) => {
          if (own.signal.aborted) return opened.close();
          source = opened;
          this.#video.play().catch((error) => error.name === "NotAllowedError" && this.pause());
          const look = this.#looker(way, opened, onLost, () => (hadPicture = true));
          timer = setInterval(look, LOOK_MS);
        }, reject);
      });
    } catch (error) {
      return error instanceof VideoFault ? error : new VideoFault("unreachable", String(error));
    } finally {
      signal.removeEventListener("abort", leave);
      clearInterval(timer);
      if (hadPicture) this.emit("parting", null);
      if (!own.signal.aborted) own.abort(); // what is still being opened is closed as soon as it is
      /** @type {Source | null} */ (source)?.close();
    }
    return new VideoFault("lost");
  }

  /** Whether the token that is held was refused; asked once a refusal. */
  #takeRefusal() {
    const isRefused = this.#isRefused;
    this.#isRefused = false;
    return isRefused;
  }

  /**
   * What looks for new pictures.
   * @param {Way} way @param {Source} source @param {(fault: VideoFault) => void} onLost @param {() => void} onPicture
   */
  #looker(way, source, onLost, onPicture) {
    let shown = countOf(this.#video);
    let movedAt = this.#now();
    return () => {
      const now = this.#now();
      const count = countOf(this.#video);
      const isNew = count > shown;
      shown = count; // which begins anew with another source
      if (isNew) movedAt = now;
      if (isNew && source.isFresh()) {
        this.pictureAt = now;
        this.latency = source.latency();
        this.#proven = way;
        onPicture();
        return this.#set({ name: "live", why: null, way });
      }
      if (this.#isUnseen()) movedAt = now;
      if (now - movedAt > SILENCE_MS[way]) onLost(new VideoFault("silent"));
      else if (now - movedAt > STALL_MS && this.pictureAt !== null && this.state.name !== "connecting") this.#set({ name: "stalled", way });
    };
  }
}

/** A number that changes with each new picture. @param {HTMLVideoElement} video */
function countOf(video) {
  return video.getVideoPlaybackQuality?.().totalVideoFrames ?? video.currentTime;
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(0, ms));
    signal.addEventListener("abort", end);
  });
}
