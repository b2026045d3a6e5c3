// @ts-check
/**
 * Watching by HLS: by hls.js where the browser lets scripts feed a player, since that tells how late the picture is and
 * shows a new token with each piece; else by the browser itself. hls.js is loaded when it is first needed.
 */
import { faultOf, VideoFault } from "./fault.js";

/** @typedef {import("./whep.js").Needs} Needs */
/** @typedef {import("./whep.js").Source} Source */

const NATIVE = "application/vnd.apple.mpegurl";

/**
 * Open a stream in a video element.
 * @param {Needs} needs
 * @returns {Promise<Source>} at once; whether it plays, its pictures show
 * @throws {VideoFault}
 */
export async function openHls(needs) {
  const { default: Hls } = await import("hls.js").catch((error) => {
    throw new VideoFault("unreachable", String(error));
  });
  needs.signal.throwIfAborted();
  if (Hls.isSupported()) return byScript(Hls, needs);
  if (needs.video.canPlayType(NATIVE)) return byBrowser(needs);
  throw new VideoFault("unsupported", "This browser plays no HLS.");
}

/** @param {typeof import("hls.js").default} Hls @param {Needs} needs @returns {Source} */
function byScript(Hls, { url, token, video, onLost }) {
  const { origin } = new URL(url);
  const hls = new Hls({
    enableWorker: false, // one made of text would need more of the page's policy than the whole page does
    backBufferLength: 10,
    liveSyncDurationCount: 2,
    liveMaxLatencyDurationCount: 6,
    maxLiveSyncPlaybackRate: 1.2,
    xhrSetup: async (request, asked) => {
      const place = new URL(asked, url);
      if (place.origin === origin) place.searchParams.set("token", await token());
      request.open("GET", place.href, true);
    },
  });
  /** Of several qualities, those whose list was seen: its first sight says nothing. @type {Set<number>} */
  const seen = new Set();
  let isGrowing = false;
  let isMended = false;
  hls.on(Hls.Events.LEVEL_UPDATED, (_, { details, level }) => {
    if (!details.live) return onLost(new VideoFault("ended"));
    isGrowing ||= seen.has(level) && details.advanced;
    seen.add(level);
  });
  hls.on(Hls.Events.ERROR, (_, { fatal, type, details, response, reason }) => {
    if (!fatal) return;
    const isUnknown = details === Hls.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR || details === Hls.ErrorDetails.BUFFER_ADD_CODEC_ERROR;
    if (isUnknown) return onLost(new VideoFault("unsupported", details));
    if (type === Hls.ErrorTypes.MEDIA_ERROR && !isMended) {
      isMended = true;
      return hls.recoverMediaError();
    }
    if (type === Hls.ErrorTypes.MEDIA_ERROR) return onLost(new VideoFault("unsupported", details));
    const status = response?.code ?? 0;
    if (status >= 400) return onLost(faultOf(status));
    return onLost(new VideoFault(type === Hls.ErrorTypes.NETWORK_ERROR ? "unreachable" : "server", reason ?? details));
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
    // A list that nobody writes any more is played to its end as a live one is: only one that grows is live.
    isFresh: () => isGrowing,
    latency: () => (isGrowing && hls.latency > 0 ? hls.latency : null),
    close: () => hls.destroy(),
  };
}

/** @param {Needs} needs @returns {Promise<Source>} */
async function byBrowser({ url, token, video, signal, onLost }) {
  const place = new URL(url);
  place.searchParams.set("token", await token());
  signal.throwIfAborted();
  const fail = () => onLost(video.ended ? new VideoFault("ended") : new VideoFault("unreachable", video.error?.message));
  video.addEventListener("error", fail);
  video.addEventListener("ended", fail);
  video.src = place.href;
  return {
    isFresh: () => true,
    latency: () => null,
    close: () => {
      video.removeEventListener("error", fail);
      video.removeEventListener("ended", fail);
      video.removeAttribute("src");
      video.load();
    },
  };
}
