// @ts-check
/**
 * The cameras of one aircraft, and which of them stream. No event tells of that, so the hub is asked while somebody looks:
 * every few seconds, and sooner after a command.
 */
import { Emitter } from "../emitter.js";

/**
 * As the hub has it (`Stream` of its schema).
 * @typedef {{ camera: string, cameraName: string | null, canStart: boolean, isLive: boolean, liveSince: string | null, whepUrl: string | null, hlsUrl: string | null }} Camera
 */
/** @typedef {{ change: null }} News the cameras */

const FIELDS = "camera cameraName canStart isLive liveSince whepUrl hlsUrl";
const LIST = `query Streams($id: ID!) { drone(id: $id) { streams { ${FIELDS} } } }`;
const START = `mutation StartStream($id: ID!, $camera: String!, $quality: Int!) {
  startStream(droneId: $id, camera: $camera, quality: $quality) { ${FIELDS} } }`;
const STOP = `mutation StopStream($id: ID!, $camera: String!) { stopStream(droneId: $id, camera: $camera) { ${FIELDS} } }`;
const TOKEN = "mutation StreamToken { createStreamToken { token } }";

const EVERY_MS = 5_000;
const SOON_MS = 1_500;
/** After a start: controllers take some seconds until their first picture is at the media server. */
const SOON_FOR_MS = 20_000;
/** A stream starts with a token for 5 minutes. */
const TOKEN_MS = 240_000;

/** @extends {Emitter<News>} */
export class Streams extends Emitter {
  /** @type {Camera[]} */
  cameras = [];
  #id;
  #query;
  #isHidden;
  #now;
  #soonUntil = 0;
  /** Which answer is the newest: others tell of an older state. */
  #asked = 0;
  #isOver = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {{ token: Promise<string>, until: number } | null} */
  #held = null;

  /**
   * @param {{ id: string, query: typeof import("../../api/graphql.js").query, isHidden?: () => boolean, now?: () => number }} needs
   */
  constructor({ id, query, isHidden = () => document.hidden, now = Date.now }) {
    super();
    this.#id = id;
    this.#query = query;
    this.#isHidden = isHidden;
    this.#now = now;
    void this.#watch();
  }

  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /** Ask now. */
  renew() {
    clearTimeout(this.#timer);
    void this.#watch();
  }

  async #watch() {
    if (!this.#isHidden()) await this.#load();
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#watch(), this.#now() < this.#soonUntil ? SOON_MS : EVERY_MS);
  }

  async #load() {
    const asked = (this.#asked += 1);
    try {
      const { drone } = await this.#query(LIST, { id: this.#id });
      if (asked === this.#asked) this.#take(drone?.streams ?? []);
    } catch {
      // The header says how the line to the hub stands; what was known stays.
    }
  }

  /** @param {Camera[]} cameras */
  #take(cameras) {
    if (this.#isOver) return;
    const isTheSame = JSON.stringify(cameras) === JSON.stringify(this.cameras);
    this.cameras = cameras;
    if (!isTheSame) this.emit("change", null);
  }

  /** @param {Camera} camera */
  #replace(camera) {
    this.#asked += 1;
    this.#take(this.cameras.map((held) => (held.camera === camera.camera ? camera : held)));
    this.#soonUntil = this.#now() + SOON_FOR_MS;
    this.renew();
  }

  /**
   * Have a camera stream. Takes as long as the controller takes to answer, which may be several tries.
   * @param {string} camera @param {number} quality DJI's number, 0 to 4
   */
  async start(camera, quality) {
    const { startStream } = await this.#query(START, { id: this.#id, camera, quality });
    this.#replace(startStream);
  }

  /** End it for everybody. @param {string} camera */
  async stop(camera) {
    const { stopStream } = await this.#query(STOP, { id: this.#id, camera });
    this.#replace(stopStream);
  }

  /** A token that the media server takes. @param {boolean} [isAnew] the one that is held was refused. */
  async token(isAnew = false) {
    if (isAnew || this.#held === null || this.#now() > this.#held.until) {
      const token = this.#query(TOKEN).then(({ createStreamToken }) => createStreamToken.token);
      this.#held = { token, until: this.#now() + TOKEN_MS };
      token.catch(() => (this.#held = null));
    }
    return /** @type {{ token: Promise<string> }} */ (this.#held).token;
  }
}
