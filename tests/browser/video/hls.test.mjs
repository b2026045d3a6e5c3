import assert from "node:assert/strict";
import { test } from "node:test";
import Hls from "hls.js";
import { openHls } from "./model/video/hls.js";

const LIST = "https://video.example/live/abc/index.m3u8";

/** A stream that is open, by the tests' own hls.js. */
async function world() {
  const made = { lost: [], tokens: ["one", "two"], video: {} };
  const signal = new AbortController().signal;
  made.source = await openHls({ url: LIST, token: async () => made.tokens.shift() ?? "last", video: made.video, signal, onLost: ({ kind }) => made.lost.push(kind) });
  made.hls = Hls.made.at(-1);
  made.fail = (more) => made.hls.tell(Hls.Events.ERROR, { fatal: true, type: Hls.ErrorTypes.NETWORK_ERROR, details: "x", ...more });
  return made;
}

test("each request shows the newest token, to the media server and to nobody else", async () => {
  const { hls } = await world();
  const asked = [];
  for (const url of [LIST, "https://video.example/live/abc/1.mp4?token=old&session=s", "https://elsewhere.example/1.mp4"]) {
    await hls.config.xhrSetup({ open: (_, place) => asked.push(place) }, url);
  }
  assert.deepEqual(asked, [`${LIST}?token=one`, "https://video.example/live/abc/1.mp4?token=two&session=s", "https://elsewhere.example/1.mp4"]);
  assert.equal(hls.config.enableWorker, false);
});

test("only a list that grows is live, and then it is known how late", async () => {
  const { hls, source, lost } = await world();
  const list = (advanced, { live = true, level = 0 } = {}) => hls.tell(Hls.Events.LEVEL_UPDATED, { level, details: { live, advanced } });
  hls.latency = 4;
  list(true);
  list(false);
  list(true, { level: 1 }); // the first sight of another quality
  assert.deepEqual([source.isFresh(), source.latency()], [false, null]);
  list(true);
  assert.deepEqual([source.isFresh(), source.latency()], [true, 4]);
  list(true, { live: false });
  assert.deepEqual(lost, ["ended"]);
  source.close();
  assert.equal(hls.isDestroyed, true);
});

test("why it failed is told; what hls.js mends by itself is not, and a broken picture is mended once", async () => {
  const { hls, lost, fail } = await world();
  fail({ fatal: false });
  assert.deepEqual(lost, []);
  fail({ response: { code: 401 } });
  fail({ response: { code: 404 } });
  fail({ response: { code: 502 } });
  fail({ response: { code: 0 } });
  fail({ type: Hls.ErrorTypes.MEDIA_ERROR, details: Hls.ErrorDetails.BUFFER_ADD_CODEC_ERROR });
  assert.deepEqual(lost.splice(0), ["refused", "nothing", "server", "unreachable", "unsupported"]);
  fail({ type: Hls.ErrorTypes.MEDIA_ERROR });
  assert.deepEqual([lost, hls.mended], [[], 1]);
  fail({ type: Hls.ErrorTypes.MEDIA_ERROR });
  assert.deepEqual([lost, hls.mended], [["unsupported"], 1]);
});

test("a browser that takes no pieces from scripts plays the list by itself, or not at all", async () => {
  Hls.can = false;
  const listeners = {};
  const video = {
    canPlayType: () => "maybe",
    addEventListener: (name, listener) => (listeners[name] = listener),
    removeEventListener: (name) => delete listeners[name],
    removeAttribute: (name) => delete video[name],
    load: () => {},
  };
  const lost = [];
  const needs = { url: LIST, token: async () => "T", video, signal: new AbortController().signal, onLost: ({ kind }) => lost.push(kind) };
  const source = await openHls(needs);
  assert.equal(video.src, `${LIST}?token=T`);
  listeners.error();
  assert.deepEqual(lost, ["unreachable"]);
  source.close();
  assert.deepEqual([video.src, listeners], [undefined, {}]);
  await assert.rejects(openHls({ ...needs, video: { canPlayType: () => "" } }), { kind: "unsupported" });
  Hls.can = true;
});
