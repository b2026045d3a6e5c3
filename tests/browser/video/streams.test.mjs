import assert from "node:assert/strict";
import { test } from "node:test";
import { Streams } from "./model/video/streams.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));
const camera = (name, more = {}) => ({ camera: name, cameraName: null, canStart: true, isLive: false, liveSince: null, whepUrl: null, hlsUrl: null, ...more });

function world(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const made = { asked: [], changes: 0, isHidden: false, cameras: [camera("a")], tokens: 0 };
  const query = async (document, variables) => {
    const name = /(?:query|mutation) (\w+)/.exec(document)[1];
    made.asked.push(name);
    if (made.fails) throw new Error(made.fails);
    if (name === "Streams") return { drone: made.cameras && { streams: made.cameras } };
    if (name === "StreamToken") return { createStreamToken: { token: `T${(made.tokens += 1)}` } };
    made.sent = variables;
    return { startStream: camera("a", { whepUrl: "W" }), stopStream: camera("a") };
  };
  made.streams = new Streams({ id: "7", query, isHidden: () => made.isHidden });
  made.streams.on("change", () => (made.changes += 1));
  made.wait = async (ms) => {
    for (let passed = 0; passed < ms; passed += 500) {
      t.mock.timers.tick(500);
      await settled();
    }
  };
  return made;
}

test("the hub is asked while somebody looks, and only news are told", async (t) => {
  const made = world(t);
  await settled();
  assert.deepEqual([made.streams.cameras.length, made.changes], [1, 1]);
  await made.wait(10_000);
  assert.deepEqual([made.asked.length, made.changes], [3, 1]);
  made.cameras = [camera("a", { isLive: true })];
  await made.wait(5_000);
  assert.deepEqual([made.streams.cameras[0].isLive, made.changes], [true, 2]);
  made.isHidden = true;
  const before = made.asked.length;
  await made.wait(30_000);
  assert.equal(made.asked.length, before);
  made.isHidden = false;
  made.fails = "offline";
  await made.wait(5_000);
  assert.equal(made.streams.cameras.length, 1);
  made.streams.end();
  const last = made.asked.length;
  await made.wait(30_000);
  assert.equal(made.asked.length, last);
});

test("after a command it is asked more often, for a while", async (t) => {
  const made = world(t);
  await settled();
  made.cameras = [camera("a", { whepUrl: "W" })];
  await made.streams.start("a", 3);
  assert.deepEqual([made.sent, made.streams.cameras[0].whepUrl], [{ id: "7", camera: "a", quality: 3 }, "W"]);
  await settled();
  const before = made.asked.length;
  await made.wait(6_000);
  assert.equal(made.asked.length, before + 4);
  made.streams.end();
});

test("a token is kept for less than it is good, and made anew where it was refused", async (t) => {
  const made = world(t);
  assert.deepEqual(await Promise.all([made.streams.token(), made.streams.token()]), ["T1", "T1"]);
  await made.wait(239_000);
  assert.equal(await made.streams.token(), "T1");
  assert.equal(await made.streams.token(true), "T2");
  await made.wait(241_000);
  assert.equal(await made.streams.token(), "T3");
  made.fails = "offline";
  await assert.rejects(made.streams.token(true));
  made.fails = "";
  assert.equal(await made.streams.token(), "T4");
  made.streams.end();
});
