// @ts-check
/**
 * Watching by WebRTC, as WHEP has it (draft-ietf-wish-whep): the page's offer goes out by POST, the answer comes in the
 * response, and the address of what was made there is deleted at the end. All of the page's candidates are in the offer,
 * so nothing has to be sent after it.
 */
import { faultOf, VideoFault } from "./fault.js";

const ASK_MS = 8_000;
/** For servers that only help to find a way; without them most networks have one. */
const HELP_MS = 2_000;
const GATHER_MS = 3_000;
const CONNECT_MS = 8_000;
/** A network may change without the connection being lost. */
const BROKEN_MS = 4_000;

/**
 * Where video comes from, while it does.
 * @typedef {object} Source
 * @property {() => boolean} isFresh whether its pictures are known to be new ones
 * @property {() => number | null} latency seconds between the camera's end of the server and the picture; null: not known
 * @property {() => void} close
 */
/**
 * @typedef {object} Needs
 * @property {string} url
 * @property {() => Promise<string>} token one that is good now
 * @property {HTMLVideoElement} video
 * @property {AbortSignal} signal
 * @property {(fault: VideoFault) => void} onLost
 */

/**
 * Open a stream in a video element.
 * @param {Needs} needs
 * @returns {Promise<Source>} as soon as it is connected
 * @throws {VideoFault}
 */
export async function openWhep({ url, token, video, signal, onLost }) {
  const headers = { authorization: `Bearer ${await token()}` };
  const peer = new RTCPeerConnection({ iceServers: await helpers(url, headers), bundlePolicy: "max-bundle" });
  const stream = new MediaStream();
  let resource = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let breaking;
  const close = () => {
    clearTimeout(breaking);
    peer.onconnectionstatechange = peer.ontrack = null;
    peer.close();
    for (const track of stream.getTracks()) stream.removeTrack(track);
    if (video.srcObject === stream) video.srcObject = null;
    if (resource) void fetch(resource, { method: "DELETE", headers, credentials: "omit", keepalive: true }).catch(() => {});
    resource = "";
  };
  try {
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.ontrack = ({ track }) => stream.addTrack(track);
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    signal.throwIfAborted();
    const answer = await ask(url, headers, peer.localDescription?.sdp ?? "");
    resource = answer.resource; // from here on somebody has to be told of the end, also where the reader has gone
    signal.throwIfAborted();
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp }).catch((error) => {
      throw new VideoFault("unsupported", String(error));
    });
    await connected(peer, signal);
  } catch (error) {
    close();
    throw error;
  }
  peer.onconnectionstatechange = () => {
    clearTimeout(breaking);
    const state = peer.connectionState;
    if (state === "failed") onLost(new VideoFault("lost", state));
    if (state === "disconnected") breaking = setTimeout(() => onLost(new VideoFault("lost", state)), BROKEN_MS);
  };
  video.srcObject = stream;
  return { isFresh: () => true, latency: () => null, close };
}

/** Send the offer. @param {string} url @param {Record<string, string>} headers @param {string} sdp */
async function ask(url, headers, sdp) {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "content-type": "application/sdp" },
    body: sdp,
    credentials: "omit",
    signal: AbortSignal.timeout(ASK_MS), // not the reader's: what is made there has to be known, to be deleted
  }).catch((error) => {
    throw new VideoFault("unreachable", String(error));
  });
  const place = response.headers.get("location");
  const resource = place === null ? "" : new URL(place, response.url || url);
  if (resource && resource.origin !== new URL(url).origin) throw new VideoFault("server", "It leads elsewhere.");
  if (response.status !== 201) throw faultOf(response.status, response.headers.get("retry-after"));
  return { resource: String(resource), sdp: await response.text() };
}

/**
 * The servers that the media server names for finding a way (STUN, TURN); none if it does not say.
 * @param {string} url @param {Record<string, string>} headers
 */
async function helpers(url, headers) {
  try {
    const response = await fetch(url, { method: "OPTIONS", headers, credentials: "omit", signal: AbortSignal.timeout(HELP_MS) });
    return response.ok ? iceServersOf(response.headers.get("link") ?? "") : [];
  } catch {
    return [];
  }
}

/**
 * What a `Link` header names with `rel="ice-server"`.
 * @param {string} header
 * @returns {RTCIceServer[]}
 */
export function iceServersOf(header) {
  const found = [];
  for (const [, target, rest] of header.matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,;]+))*)/g)) {
    /** @type {Record<string, string>} */
    const values = {};
    for (const [, name, quoted, plain] of rest.matchAll(/;\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;]+))/g)) {
      values[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? plain;
    }
    if (values.rel !== "ice-server" || !/^(?:stun|turn)s?:/.test(target)) continue;
    const { username, credential } = values;
    if (target.startsWith("stun")) found.push({ urls: target });
    else if (username !== undefined && credential !== undefined) found.push({ urls: target, username, credential });
  }
  return found;
}

/** All candidates are there, or as many as came in time. @param {RTCPeerConnection} peer @returns {Promise<void>} */
function gathered(peer) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      peer.removeEventListener("icegatheringstatechange", look);
      resolve();
    };
    const look = () => peer.iceGatheringState === "complete" && end();
    const timer = setTimeout(end, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
}

/** @param {RTCPeerConnection} peer @param {AbortSignal} signal @returns {Promise<void>} */
function connected(peer, signal) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (peer.connectionState === "connected") end(resolve);
      if (peer.connectionState === "failed") end(() => reject(new VideoFault("lost", "There is no way for the video.")));
    };
    const leave = () => end(() => reject(signal.reason));
    const end = (/** @type {() => void} */ act) => {
      clearTimeout(timer);
      peer.onconnectionstatechange = null;
      signal.removeEventListener("abort", leave);
      act();
    };
    const timer = setTimeout(() => end(() => reject(new VideoFault("lost", "No way for the video in time."))), CONNECT_MS);
    peer.onconnectionstatechange = look;
    signal.addEventListener("abort", leave);
    look();
  });
}
