import assert from "node:assert/strict";
import { test } from "node:test";
import { iceServersOf, openWhep } from "./model/video/whep.js";

const URL_ = "https://video.example/live/abc/whep";
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A browser whose connection tests move on, and a media server. */
function world(t, { answer = {}, state = "connected", isGathered = true } = {}) {
  const made = { asked: [], peers: [], lost: [] };
  class Peer extends EventTarget {
    iceGatheringState = isGathered ? "complete" : "gathering";
    connectionState = state;
    constructor(options) {
      super();
      made.peers.push(Object.assign(this, { options, isOpen: true }));
    }
    addTransceiver(kind, { direction }) {
      this.wants = `${kind} ${direction}`;
    }
    createOffer = async () => ({ type: "offer", sdp: "OFFER" });
    setLocalDescription = async (description) => void (this.localDescription = description);
    setRemoteDescription = async (description) => void (this.remote = description);
    close() {
      this.isOpen = false;
    }
    become(now) {
      this.connectionState = now;
      this.onconnectionstatechange?.();
    }
  }
  globalThis.RTCPeerConnection = Peer;
  globalThis.MediaStream = class {
    getTracks = () => [];
  };
  t.mock.method(globalThis, "fetch", async (url, { method, headers, body, credentials, keepalive = false }) => {
    made.asked.push([method, String(url), headers.authorization, body ?? keepalive]);
    assert.equal(credentials, "omit");
    if (method === "OPTIONS") return new Response(null, { status: 204, headers: { link: '<stun:s.example>; rel="ice-server"' } });
    if (method === "DELETE") return new Response();
    const { status = 201, location = "/live/abc/whep/7", body: text = "ANSWER", ...more } = answer;
    return new Response(text, { status, headers: { location, ...more } });
  });
  made.video = { srcObject: null };
  made.leaving = new AbortController();
  made.open = () => openWhep({ url: URL_, token: async () => "T", video: made.video, signal: made.leaving.signal, onLost: (fault) => made.lost.push(fault.kind) });
  return made;
}

test("one offer with all candidates, the answer taken, and what was made is deleted at the end", async (t) => {
  const made = world(t);
  const source = await made.open();
  const [peer] = made.peers;
  assert.deepEqual([peer.wants, peer.options.iceServers, peer.remote], ["video recvonly", [{ urls: "stun:s.example" }], { type: "answer", sdp: "ANSWER" }]);
  assert.ok(made.video.srcObject);
  source.close();
  assert.deepEqual(made.asked, [
    ["OPTIONS", URL_, "Bearer T", false],
    ["POST", URL_, "Bearer T", "OFFER"],
    ["DELETE", "https://video.example/live/abc/whep/7", "Bearer T", true],
  ]);
  assert.deepEqual([peer.isOpen, made.video.srcObject], [false, null]);
});

test("the offer waits for the candidates", async (t) => {
  const made = world(t, { isGathered: false });
  const opening = made.open();
  for (let turn = 0; turn < 5; turn++) await settled();
  assert.deepEqual(made.asked.map(([method]) => method), ["OPTIONS"]);
  made.peers[0].iceGatheringState = "complete";
  made.peers[0].dispatchEvent(new Event("icegatheringstatechange"));
  (await opening).close();
});

for (const [what, answer, kind] of [
  ["a wrong token", { status: 401 }, "refused"],
  ["a stream that nobody publishes", { status: 404 }, "nothing"],
  ["a server that fails", { status: 500 }, "server"],
  ["a counter-offer, which the page does not take", { status: 406 }, "server"],
  ["a session at another server, which would get the token", { location: "https://elsewhere.example/7" }, "server"],
]) {
  test(`${what} is told, and nothing stays open`, async (t) => {
    const made = world(t, { answer });
    await assert.rejects(made.open(), { kind });
    assert.deepEqual([made.peers[0].isOpen, made.asked.some(([, url]) => url.includes("elsewhere"))], [false, false]);
  });
}

test("a server that is too busy says when to come again", async (t) => {
  const made = world(t, { answer: { status: 503, "retry-after": "30" } });
  await assert.rejects(made.open(), ({ until }) => until > Date.now() + 25_000);
});

test("whoever leaves before it is connected has the session deleted", async (t) => {
  const made = world(t, { state: "connecting" });
  const opening = made.open();
  while (made.asked.length < 2) await settled();
  for (let turn = 0; turn < 5; turn++) await settled();
  made.leaving.abort();
  await assert.rejects(opening, { name: "AbortError" });
  assert.deepEqual([made.asked.at(-1)[0], made.peers[0].isOpen], ["DELETE", false]);
});

test("a connection that fails is lost at once, one that is disturbed only if it stays so", async (t) => {
  const made = world(t);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const source = await made.open();
  const [peer] = made.peers;
  peer.become("disconnected");
  t.mock.timers.tick(3_000);
  peer.become("connected");
  t.mock.timers.tick(9_000);
  assert.deepEqual(made.lost, []);
  peer.become("disconnected");
  t.mock.timers.tick(4_000);
  peer.become("failed");
  assert.deepEqual(made.lost, ["lost", "lost"]);
  source.close();
});

test("the servers that a header names are read, and others left out", () => {
  const header =
    '<stun:a.example:3478>; rel="ice-server", <turn:b.example?transport=udp>; rel="ice-server"; username="u,;\\"x"; credential="p"; credential-type="password", ' +
    '<https://c.example>; rel="ice-server", <turn:no-credential.example>; rel="ice-server", <stun:d.example>; rel=next, rubbish';
  assert.deepEqual(iceServersOf(header), [{ urls: "stun:a.example:3478" }, { urls: "turn:b.example?transport=udp", username: 'u,;"x', credential: "p" }]);
  assert.deepEqual(iceServersOf(""), []);
});
