// @ts-check
/**
 * Live video of the chosen aircraft: a picture that says how live it is, which camera, and for those who may what starts
 * and ends it. The video element is the view's own and outlives every rendering; with the view everything of it is closed.
 */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../api/graphql.js";
import { t } from "../model/i18n.js";
import { isAtLeast } from "../model/roles.js";
import { Player } from "../model/video/player.js";
import { Streams } from "../model/video/streams.js";
import { ask } from "../ui/dialog.js";
import { Form } from "../ui/form.js";
import { icon } from "../ui/icons.js";

/** @typedef {import("../model/video/streams.js").Camera} Camera */
/** @typedef {import("../model/video/player.js").State} State */

/** DJI's numbers: as the link allows, then from the smallest to the largest. */
const QUALITIES = [0, 1, 2, 3, 4];
/** A page that nobody sees gives up its stream after so long. */
const UNSEEN_MS = 60_000;
/** For so long a start that was agreed to may have no picture yet. */
const COMING_MS = 20_000;
const LENSES = ["normal", "wide", "zoom", "ir", "thermal"];

export class Video {
  #context;
  #room = document.createElement("div");
  #video = document.createElement("video");
  /** The last picture of a stream that is closed. */
  #last = document.createElement("canvas");
  /** @type {Streams | null} */
  #streams = null;
  /** @type {Player | null} */
  #player = null;
  /** Which stream the player has. */
  #played = "";
  /** The reader's choice of a camera. */
  #choice = "";
  #quality = 0;
  /** When the stream that was watched ended, of the page's clock. */
  #endedAt = 0;
  /** When the controller last agreed to stream. */
  #startedAt = -Infinity;
  #form;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaving;
  #isLeft = false;

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#form = new Form(context.units, context.update);
    this.#room.className = "video-pictures";
    Object.assign(this.#video, { muted: true, playsInline: true, disableRemotePlayback: true });
    this.#video.setAttribute("muted", "");
    this.#last.setAttribute("aria-hidden", "true");
    this.#room.append(this.#video, this.#last);
    this.#video.addEventListener("pause", this.#stood);
    document.addEventListener("visibilitychange", this.#seen);
    document.addEventListener("fullscreenchange", context.update);
    addEventListener("pagehide", this.#left);
  }

  destroy() {
    this.show(null);
    this.#video.removeEventListener("pause", this.#stood);
    document.removeEventListener("visibilitychange", this.#seen);
    document.removeEventListener("fullscreenchange", this.#context.update);
    removeEventListener("pagehide", this.#left);
  }

  /** @param {string | null} id of the aircraft whose cameras to show; null for none */
  show(id) {
    clearTimeout(this.#leaving);
    this.#streams?.end();
    this.#close();
    this.#streams = null;
    [this.#choice, this.#endedAt, this.#startedAt, this.#isLeft, this.#form.problem] = ["", 0, -Infinity, false, ""];
    if (id === null) return;
    this.#streams = new Streams({ id, query });
    this.#streams.on("change", () => this.#follow());
  }

  /** Watch what there is to watch. */
  #follow() {
    const camera = this.#camera;
    const isThere = camera?.isLive && (camera.whepUrl ?? camera.hlsUrl) !== null;
    const key = isThere ? `${camera.camera} ${camera.whepUrl} ${camera.hlsUrl}` : "";
    if (key && key !== this.#played) {
      this.#close();
      this.#open(/** @type {Camera} */ (camera));
      this.#played = key;
    } else if (!key && this.#player && this.#player.state.name !== "live") {
      // The hub is told late, and may be told wrong: what shows new pictures goes on.
      this.#close();
      this.#endedAt = Date.now();
    }
    this.#context.update();
  }

  /** @param {Camera} camera */
  #open({ whepUrl, hlsUrl }) {
    const streams = /** @type {Streams} */ (this.#streams);
    const player = new Player({
      video: this.#video,
      urls: { whep: "RTCPeerConnection" in window ? whepUrl : null, hls: hlsUrl },
      token: (isAnew) => streams.token(isAnew),
      isUnseen: () => document.hidden && !this.#isInset,
    });
    player.on("parting", () => this.#keep());
    player.on("change", (state) => this.#changed(state));
    this.#endedAt = 0;
    this.#form.problem = "";
    this.#player = player;
    player.play();
  }

  #close() {
    this.#player?.stop();
    this.#player = null;
    this.#played = "";
    this.#last.width = this.#last.height = 0;
    this.#leaveInset();
  }

  /** @param {State} state */
  #changed(state) {
    if (state.name === "live") this.#last.width = this.#last.height = 0;
    else if (state.name !== "connecting") this.#leaveInset(); // in which nothing could say that the picture is old
    if (state.name !== "live" && this.#camera?.isLive === false) this.#follow();
    this.#context.update();
  }

  /** Keep the picture that is about to go. */
  #keep() {
    const { videoWidth, videoHeight } = this.#video;
    Object.assign(this.#last, { width: videoWidth, height: videoHeight });
    if (videoWidth) this.#last.getContext("2d")?.drawImage(this.#video, 0, 0);
  }

  get #isInset() {
    return document.pictureInPictureElement === this.#video;
  }

  #leaveInset() {
    if (this.#isInset) document.exitPictureInPicture().catch(() => {});
  }

  /** The browser has stopped it: its own buttons do, and so does being moved within the page. */
  #stood = () => {
    if (!this.#player || this.#player.state.name === "paused") return;
    if (this.#isInset) this.#player.pause();
    else this.#video.play().catch(() => {});
  };

  #seen = () => {
    clearTimeout(this.#leaving);
    if (document.hidden) {
      this.#leaving = setTimeout(() => {
        if (!this.#player || this.#isInset || this.#player.state.name === "paused") return;
        this.#isLeft = true;
        this.#player.pause();
      }, UNSEEN_MS);
      return;
    }
    this.#streams?.renew();
    if (this.#isLeft) this.#player?.play();
    this.#isLeft = false;
  };

  #left = () => {
    this.#isLeft = this.#player !== null && this.#player.state.name !== "paused"; // it may be come back to
    this.#player?.pause();
  };

  /** The chosen camera, else the first that streams, else the first. @returns {Camera | undefined} */
  get #camera() {
    const cameras = this.#streams?.cameras ?? [];
    return cameras.find(({ camera }) => camera === this.#choice) ?? cameras.find(({ isLive }) => isLive) ?? cameras[0];
  }

  render() {
    const camera = this.#camera;
    const cameras = this.#streams?.cameras ?? [];
    const mayStart = isAtLeast(this.#context.workspace, "MEMBER") && cameras.some(({ canStart }) => canStart);
    if (!camera || !(mayStart || this.#player || this.#endedAt || cameras.some(({ isLive }) => isLive))) return nothing;
    return html`<section class="video" aria-label=${t("video.title")}>
      <h3>${t("video.title")}</h3>
      ${cameras.length > 1 ? this.#choices(cameras, camera) : nothing} ${this.#player ? this.#screen(this.#player, camera) : this.#none(camera)}
      ${this.#commands(camera)}
    </section>`;
  }

  /** @param {Camera[]} cameras @param {Camera} chosen */
  #choices(cameras, chosen) {
    const choose = (/** @type {string} */ camera) => {
      this.#choice = camera;
      [this.#endedAt, this.#startedAt] = [0, -Infinity];
      this.#form.problem = "";
      this.#close();
      this.#follow();
    };
    return html`<fieldset class="video-cameras">
      <legend class="unseen">${t("video.camera")}</legend>
      ${repeat(
        cameras,
        ({ camera }) => camera,
        (camera) =>
          html`<label class=${camera.isLive ? "on-air" : ""}
            ><input type="radio" name="camera" .checked=${camera.camera === chosen.camera} @change=${() => choose(camera.camera)} /><span
              >${nameOf(camera)}${camera.isLive ? html` <b class="on-air-sign">${t("video.on_air")}</b>` : nothing}</span
            ></label
          >`,
      )}
    </fieldset>`;
  }

  /** The picture with its state and its buttons. @param {Player} player @param {Camera} camera */
  #screen(player, camera) {
    const { state } = player;
    this.#video.setAttribute("aria-label", t("video.of", { camera: nameOf(camera) }));
    return html`<div class="video-screen ${state.name === "live" ? "" : "not-live"}" data-video=${state.name} data-way=${state.way ?? ""}>
      ${this.#room}
      <p class="video-state">
        <span class="video-dot"></span><span>${t(`video.state.${state.name}`)}</span>
        <span class="numbers">${this.#detail(player)}</span>
      </p>
      <p class="unseen" role="status">${t(`video.state.${state.name}`)}</p>
      ${state.name === "waiting" && state.why ? html`<p class="video-why">${t(`video.why.${state.why}`)}</p>` : nothing}
      ${this.#buttons(player)}
    </div>`;
  }

  /** How old the picture is, and when it is tried again. @param {Player} player */
  #detail({ state, pictureAt, latency }) {
    const { units } = this.#context;
    if (state.name === "live") return latency === null ? nothing : t("video.late", { seconds: units.number(latency, 1) });
    const age = pictureAt === null ? nothing : t("video.age", { age: units.age(Date.now() - pictureAt + 1_000 * (latency ?? 0)) });
    if (state.name !== "waiting") return age;
    const seconds = Math.max(0, Math.ceil((state.until - Date.now()) / 1_000));
    return html`${age}${age === nothing ? nothing : " · "}${t("link.next", { seconds })}`;
  }

  /** @param {Player} player */
  #buttons(player) {
    const isPaused = player.state.name === "paused";
    const toggle = () => (isPaused ? player.play() : player.pause());
    const isFull = document.fullscreenElement !== null;
    return html`<div class="video-buttons" role="toolbar" aria-label=${t("video.buttons")}>
      <button type="button" title=${t(isPaused ? "video.play" : "video.pause")} aria-label=${t(isPaused ? "video.play" : "video.pause")} @click=${toggle}>
        ${icon(isPaused ? "play" : "pause")}
      </button>
      <span class="space"></span>
      ${document.pictureInPictureEnabled
        ? html`<button type="button" title=${t("video.inset")} aria-label=${t("video.inset")} ?disabled=${player.state.name !== "live"} @click=${this.#inset}>${icon("inset")}</button>`
        : nothing}
      <button type="button" title=${t("video.full")} aria-label=${t("video.full")} aria-pressed=${isFull} @click=${this.#full}>${icon("full")}</button>
    </div>`;
  }

  #inset = () => {
    if (this.#isInset) this.#leaveInset();
    else this.#video.requestPictureInPicture().catch(() => {});
  };

  #full = () => {
    const screen = this.#room.parentElement;
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (screen?.requestFullscreen) screen.requestFullscreen().catch(() => {});
    else /** @type {any} */ (this.#video).webkitEnterFullscreen?.(); // telephones that show nothing else in full
  };

  /** @param {Camera} camera */
  #none({ isLive }) {
    const { units } = this.#context;
    if (isLive) return html`<p class="aside">${t("video.nowhere")}</p>`;
    if (Date.now() - this.#startedAt < COMING_MS) return html`<p class="aside" role="status">${t("video.coming")}</p>`;
    if (!this.#endedAt) return html`<p class="aside">${t("video.none")}</p>`;
    return html`<p class="aside" role="status" title=${units.utc(this.#endedAt)}>${t("video.ended", { time: units.time(this.#endedAt) })}</p>`;
  }

  /** @param {Camera} camera */
  #commands(camera) {
    if (!isAtLeast(this.#context.workspace, "MEMBER") || !camera.canStart) return this.#form.problem ? this.#form.line : nothing;
    const streams = /** @type {Streams} */ (this.#streams);
    const { isBusy } = this.#form;
    const own = { UNAVAILABLE: t("video.no_answer"), CONTROLLER_REFUSED: refusalWords };
    const start = () =>
      this.#form.run(async () => {
        await streams.start(camera.camera, this.#quality);
        this.#startedAt = Date.now();
      }, own);
    const stop = async () => {
      const question = { title: t("video.stop_title"), text: t("video.stop_text"), action: t("video.stop") };
      if (!(await ask(question))) return;
      await this.#form.run(async () => {
        await streams.stop(camera.camera);
        this.#close();
        this.#endedAt = Date.now();
        this.#startedAt = -Infinity;
      }, own);
    };
    return html`<div class="video-commands">
        ${camera.isLive
          ? html`<button type="button" class="button" aria-busy=${isBusy} ?disabled=${isBusy} @click=${stop}>${icon("stop")}${t("video.stop")}</button>`
          : html`<button type="button" class="button" aria-busy=${isBusy} ?disabled=${isBusy} @click=${start}>${icon("video")}${t("video.start")}</button>
              <select aria-label=${t("video.quality")} ?disabled=${isBusy} @change=${(/** @type {any} */ event) => (this.#quality = Number(event.target.value))}>
                ${QUALITIES.map((quality) => html`<option value=${quality} ?selected=${quality === this.#quality}>${t(`video.quality.${quality}`)}</option>`)}
              </select>`}
      </div>
      ${isBusy ? html`<p class="aside" role="status">${t("video.asking")}</p>` : nothing} ${this.#form.line}`;
  }
}

/** What a controller's code means. @param {Record<string, number>} given */
function refusalWords({ code }) {
  const key = `video.code.${code}`;
  const words = t(`video.code.${code}`);
  return words === key ? t("reason.controller_refused", { code }) : words;
}

/** What people call a camera, with its lens where that is a fixed one. @param {Camera} camera */
function nameOf({ camera, cameraName }) {
  const [place, video = ""] = camera.split("/");
  const lens = video.replace(/-\d+$/, "");
  const name = cameraName ?? place;
  return LENSES.includes(lens) && lens !== "normal" ? `${name}, ${t(`video.lens.${lens}`)}` : name;
}
