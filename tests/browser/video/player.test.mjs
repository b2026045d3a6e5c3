import assert from "node:assert/strict";
import { test } from "node:test";
import { VideoFault } from "./model/video/fault.js";
import { Player } from "./model/video/player.js";

const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** A player, sources that tests open and break, and pictures that they count. */
function world(t, { urls = { whep: "https://v/a/whep", hls: "https://v/a/index.m3u8" }, opens = {} } = {}) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  t.mock.method(Math, "random", () => 0.5);
  const made = { pictures: 0, asked: [], closed: [], tokens: [], states: [], isFresh: true, latency: null, isUnseen: false, opens };
  const video = { getVideoPlaybackQuality: () => ({ totalVideoFrames: made.pictures }), play: async () => made.onPlay?.() };
  const open = (way) => async ({ token, signal, onLost }) => {
    made.asked.push(way);
    await token();
    await made.opens[way]?.(signal);
    made.lose = (kind) => onLost(new VideoFault(kind));
    return { isFresh: () => made.isFresh, latency: () => made.latency, close: () => made.closed.push(way) };
  };
  made.player = new Player({ video, urls, open: { whep: open("whep"), hls: open("hls") }, token: async (isAnew) => made.tokens.push(isAnew), isUnseen: () => made.isUnseen });
  made.player.on("change", ({ name, why }) => made.states.push(why ? `${name}: ${why}` : name));
  made.wait = async (ms, { pictures = false } = {}) => {
    for (let passed = 0; passed < ms; passed += 100) {
      if (pictures) made.pictures += 1;
      t.mock.timers.tick(100);
      await settled();
    }
  };
  return made;
}

test("it is live only while pictures come, says how old the last one is, and opens a silent stream anew", async (t) => {
  const made = world(t);
  made.player.play();
  await made.wait(1_000);
  assert.equal(made.player.state.name, "connecting");
  await made.wait(1_000, { pictures: true });
  assert.deepEqual([made.player.state.name, made.player.state.way, made.asked], ["live", "whep", ["whep"]]);
  await made.wait(400); // the last pictures are seen
  const last = made.player.pictureAt;
  await made.wait(3_600);
  assert.deepEqual([made.player.state.name, made.player.pictureAt], ["stalled", last]);
  await made.wait(500, { pictures: true });
  assert.equal(made.player.state.name, "live");
  await made.wait(9_000);
  assert.deepEqual([made.player.state.name, made.player.state.why, made.closed], ["waiting", "silent", ["whep"]]);
  await made.wait(2_000);
  assert.deepEqual(made.asked, ["whep", "whep"]);
  made.player.stop();
});

test("what WebRTC cannot show HLS does, which is then tried first", async (t) => {
  const made = world(t, { opens: { whep: async () => Promise.reject(new VideoFault("lost")) } });
  made.player.play();
  await made.wait(600, { pictures: true });
  assert.deepEqual([made.player.state.name, made.player.state.way, made.asked], ["live", "hls", ["whep", "hls"]]);
  made.lose("unreachable");
  await made.wait(100);
  assert.deepEqual([made.player.state.name, made.player.state.why], ["waiting", "unreachable"]);
  await made.wait(1_500, { pictures: true });
  assert.deepEqual([made.player.state.name, made.asked], ["live", ["whep", "hls", "hls"]]);
  made.player.stop();
});

test("of several ways that failed it tells of the one that got further", async (t) => {
  const fail = (kind) => async () => Promise.reject(new VideoFault(kind));
  const made = world(t, { opens: { whep: fail("lost"), hls: fail("nothing") } });
  made.player.play();
  await settled();
  assert.deepEqual([made.player.state.why, made.asked], ["lost", ["whep", "hls"]]);
  made.opens.whep = fail("unreachable");
  await made.wait(3_000);
  assert.deepEqual([made.player.state.why, made.asked.length], ["nothing", 4]);
  made.player.stop();
});

test("pictures of a list that does not grow are not live", async (t) => {
  const made = world(t, { urls: { hls: "https://v/a/index.m3u8" } });
  made.isFresh = false;
  made.player.play();
  await made.wait(5_000, { pictures: true });
  assert.deepEqual([made.player.state.name, made.player.pictureAt], ["connecting", null]);
  made.isFresh = true;
  made.latency = 2.5;
  await made.wait(500, { pictures: true });
  assert.deepEqual([made.player.state.name, made.player.latency], ["live", 2.5]);
  made.player.stop();
});

test("it tries again after growing pauses, not before the server wants it, and with a new token where it was refused", async (t) => {
  let kind = "nothing";
  const fail = async () => Promise.reject(new VideoFault(kind));
  const made = world(t, { urls: { hls: "https://v/a/index.m3u8" }, opens: { hls: fail } });
  made.player.play();
  const waits = [];
  for (let round = 0; round < 6; round++) {
    await settled();
    const wait = made.player.state.until - Date.now();
    waits.push(wait);
    await made.wait(wait);
  }
  assert.deepEqual(waits, [2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  assert.deepEqual(new Set(made.tokens), new Set([false]));
  kind = "refused";
  await made.wait(15_000);
  await made.wait(15_000);
  assert.equal(made.tokens.at(-1), true);
  made.opens.hls = async () => Promise.reject(new VideoFault("server", "HTTP 503", { until: Date.now() + 60_000 }));
  await made.wait(15_000);
  assert.ok(made.player.state.until - Date.now() > 40_000);
  made.player.stop();
});

test("whoever leaves while it opens has it closed once it is, and nothing runs on", async (t) => {
  let finish;
  const made = world(t, { opens: { whep: () => new Promise((resolve) => (finish = resolve)) } });
  made.player.play();
  await settled();
  made.player.stop();
  finish();
  await settled();
  assert.deepEqual(made.closed, ["whep"]);
  await made.wait(60_000);
  assert.deepEqual(made.asked, ["whep"]);
});

test("pausing closes the stream with its picture kept, and playing opens it from now", async (t) => {
  const made = world(t);
  let kept = 0;
  made.player.on("parting", () => (kept += made.closed.length === 0 ? 1 : 0));
  made.player.play();
  await made.wait(500, { pictures: true });
  made.player.pause();
  await settled();
  assert.deepEqual([made.player.state.name, made.closed, kept], ["paused", ["whep"], 1]);
  await made.wait(60_000);
  assert.deepEqual(made.asked, ["whep"]);
  made.player.play();
  await made.wait(500, { pictures: true });
  assert.equal(made.player.state.name, "live");
  made.player.stop();
});

test("a browser that wants a click first is asked for nothing until it comes", async (t) => {
  const made = world(t);
  made.onPlay = () => Promise.reject(Object.assign(new Error(), { name: "NotAllowedError" }));
  made.player.play();
  await settled();
  assert.deepEqual([made.player.state.name, made.closed], ["paused", ["whep"]]);
});

test("a page that nobody sees is not taken for a stalled stream", async (t) => {
  const made = world(t);
  made.player.play();
  await made.wait(500, { pictures: true });
  made.isUnseen = true;
  await made.wait(60_000);
  assert.deepEqual([made.player.state.name, made.asked], ["live", ["whep"]]);
  made.isUnseen = false;
  await made.wait(4_000);
  assert.equal(made.player.state.name, "stalled");
  made.player.stop();
});
