// The helper against a hub that misbehaves as told, over npm graphql-ws: what real hubs do rarely or never.
//
//   FLEET_JS=…/fleet.mjs node --test helper.test.mjs
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { createClient } from "graphql-ws";
import WebSocket, { WebSocketServer } from "ws";

const { backOff, followFleet, hubClient } = await import(process.env.FLEET_JS);
const AREA = { west: 1, south: 2, east: 3, north: 4 };
const ELSEWHERE = { west: 5, south: 6, east: 7, north: 8 };
const ends = [];
after(() => ends.forEach((end) => end()));

/** A hub whose feed is the numbers from 1 on: `does` says what becomes of the nth subscription. */
async function hub(...does) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "graphql-transport-ws" });
  const made = { asked: [], moved: [], sockets: [], head: 0, url: "" };
  server.on("connection", (socket) => {
    made.sockets.push(socket);
    socket.on("message", (text) => {
      const { id, type, payload } = JSON.parse(text);
      const say = (type, payload) => socket.send(JSON.stringify({ id, type, payload }));
      const tell = (event) => say("next", { data: { fleet: event } });
      if (type === "connection_init") socket.send('{"type":"connection_ack"}');
      if (type === "ping" && !made.isSilent) socket.send('{"type":"pong"}');
      if (type !== "subscribe") return;
      if (payload.query.startsWith("mutation")) {
        made.moved.push(payload.variables.area);
        made.move({ ...payload.variables, say, tell, socket });
        return;
      }
      made.asked.push(payload.variables);
      const { after, area } = payload.variables;
      let place = Number(after ?? made.head);
      const on = (until) => {
        while (place < until) tell({ __typename: "Told", cursor: `${(place += 1)}` });
        made.head = Math.max(made.head, until);
      };
      const begin = () => after ?? tell({ __typename: "Snapshot", cursor: `${made.head}`, area });
      const caughtUp = () => (on(made.head), tell({ __typename: "CaughtUp", cursor: `${made.head}` }));
      const act = does[made.asked.length - 1];
      assert(act, `a subscription too many: ${JSON.stringify(payload.variables)}`);
      act({ after, area, say, tell, on, begin, caughtUp, socket });
    });
  });
  await once(server, "listening");
  made.url = `ws://127.0.0.1:${server.address().port}`;
  ends.push(() => (made.sockets.forEach((socket) => socket.terminate()), server.close()));
  return made;
}

/** A follower of it that waits no time between attempts, and all that it tells of its line. */
function follow(url, options = {}, clientOptions = {}) {
  const client = hubClient(createClient, { url, webSocketImpl: WebSocket, ...clientOptions });
  const states = [];
  const onState = ({ name, code }) => states.push(code ? `${name} ${code}` : name);
  const fleet = followFleet({ client, workspaceId: "1", selection: "at", wait: () => 1, onState, ...options });
  ends.push(() => fleet.stop());
  return { client, fleet, states };
}

/** The next so many, as `Type cursor`. */
async function read(fleet, number) {
  const found = [];
  while (found.length < number) {
    const { value, done } = await fleet.next();
    assert(!done, "it has ended");
    found.push(value.__typename === "Unshown" ? `Unshown ${value.errors[0].message}` : `${value.__typename} ${value.cursor}`);
  }
  return found;
}

const live = ({ after, begin, caughtUp }) => (after === null ? begin() : caughtUp());
const END = { // how a line or a subscription can end, all of which pass
  "1000 normal closure": ({ socket }) => socket.close(1000),
  "1001 shutdown": ({ socket }) => socket.close(1001, "the hub is shutting down"),
  "1006 cut": ({ socket }) => socket.terminate(),
  "1013 slow": ({ socket }) => socket.close(1013, "too slow"),
  "4400 too many messages": ({ socket }) => socket.close(4400, "too many messages"),
  complete: ({ say }) => say("complete"),
  UNAVAILABLE: ({ say }) => say("error", [{ message: "away", extensions: { code: "UNAVAILABLE" } }]),
  INTERNAL: ({ say }) => say("error", [{ message: "our side", extensions: { code: "INTERNAL" } }]),
};

for (const retryAttempts of [0, 5]) {
  for (const [name, end] of Object.entries(END)) {
    test(`after ${name} it goes on where it was, graphql-ws retrying ${retryAttempts} times`, async () => {
      const told = await hub(
        (it) => (it.begin(), it.on(2), end(it)),
        (it) => (it.on(4), end(it)),
        (it) => end(it),
        (it) => (it.on(6), it.caughtUp()),
      );
      const { fleet, states } = follow(told.url, {}, { retryAttempts, retryWait: async () => {} });
      assert.deepEqual(await read(fleet, 8), [
        ...["Snapshot 0", "Told 1", "Told 2", "Told 3", "Told 4", "Told 5", "Told 6", "CaughtUp 6"],
      ]);
      assert.deepEqual(told.asked.map(({ after }) => after ?? null), [null, "2", "4", "4"]);
      const names = states.map((state) => state.split(" ")[0]).join(" ");
      assert.match(names, /^connecting live waiting connecting catching (waiting connecting )+catching live$/);
    });
  }
}

for (const [code, end] of Object.entries({
  FORBIDDEN: ({ say }) => say("error", [{ message: "no more", extensions: { code: "FORBIDDEN" } }]),
  GONE: ({ say }) => say("error", [{ message: "no more", extensions: { code: "GONE" } }]),
  BAD_INPUT: ({ say }) => say("error", [{ message: "no more", extensions: { code: "BAD_INPUT" } }]),
  4403: ({ socket }) => socket.close(4403, "no more"),
})) {
  test(`${code} ends it for good and says why, once all is handed out`, async () => {
    const told = await hub((it) => (it.begin(), it.on(1), end(it)));
    const { fleet, states } = follow(told.url);
    const found = [];
    await assert.rejects(
      async () => {
        for await (const event of fleet) found.push(event.__typename);
      },
      (error) => error.name === "FleetEnded" && String(error.code) === code && error.message === "no more",
    );
    assert.deepEqual(found, ["Snapshot", "Told"]);
    assert.deepEqual([states.at(-1), fleet.cursor, fleet.state.reason], [`ended ${code}`, "1", "no more"]);
  });
}

test("an event that cannot be shown is told in its place and moves no cursor", async () => {
  const errors = [{ message: "hidden", extensions: { code: "INTERNAL" } }];
  const told = await hub(
    (it) => (it.begin(), it.on(1), it.say("next", { data: null, errors }), it.socket.terminate()),
    (it) => (it.say("next", { data: null, errors }), it.say("next", { data: { fleet: { __typename: "Told", cursor: "3" } }, errors })),
  );
  const { fleet } = follow(told.url);
  assert.deepEqual(await read(fleet, 4), ["Snapshot 0", "Told 1", "Unshown hidden", "Unshown hidden"]);
  assert.equal(fleet.cursor, "1");
  assert.equal(told.asked[1].after, "1");
  const { value } = await fleet.next();
  assert.deepEqual([value.cursor, value.errors, fleet.cursor], ["3", errors, "3"]);
});

test("a Gap is done with by the Snapshot behind it", async () => {
  const gap = ({ tell }) => tell({ __typename: "Gap", cursor: "9", from: "2", to: "9" });
  const told = await hub(
    (it) => (it.on(3), gap(it), it.socket.terminate()),
    (it) => (gap(it), it.tell({ __typename: "Snapshot", cursor: "9" }), it.tell({ __typename: "CaughtUp", cursor: "9" })),
  );
  const { fleet } = follow(told.url, { after: "2" });
  assert.deepEqual(await read(fleet, 2), ["Told 3", "Gap 9"]);
  assert.equal(fleet.cursor, "3");
  assert.deepEqual(await read(fleet, 3), ["Gap 9", "Snapshot 9", "CaughtUp 9"]);
  assert.equal(fleet.cursor, "9");
});

test("a line on which nothing comes any longer is dropped", async () => {
  const told = await hub(live, ...Array(99).fill(live));
  told.isSilent = true;
  const { fleet, states } = follow(told.url, {}, { keepAlive: 10, patience: 200 });
  assert.deepEqual(await read(fleet, 1), ["Snapshot 0"]);
  assert.deepEqual(await read(fleet, 1), ["CaughtUp 0"]);
  assert(states.includes("waiting 4499"), states);
});

test("only what has to come and does not drops a line", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const heard = {};
  let drops = 0;
  const fake = () => ({ on: (name, act) => (heard[name] = act), terminate: () => (drops += 1) });
  hubClient(fake, { url: "", webSocketImpl: WebSocket, patience: 100 });
  const dropsAfter = (ms) => (t.mock.timers.tick(ms), drops);
  heard.connecting();
  heard.connected();
  assert.equal(dropsAfter(1_000), 0);
  heard.ping(false);
  assert.equal(dropsAfter(99), 0);
  heard.message();
  assert.equal(dropsAfter(99), 0, "a pong stands behind what is still coming");
  heard.pong(true);
  heard.message();
  heard.ping(true);
  heard.pong(false);
  assert.equal(dropsAfter(1_000), 0);
  heard.ping(false);
  assert.equal(dropsAfter(100), 1);
  heard.closed();
  heard.connecting();
  assert.equal(dropsAfter(100), 2);
  heard.ping(false);
  heard.closed();
  assert.equal(dropsAfter(1_000), 2);
});

test("a port that takes the line and says nothing is left, too", async () => {
  const lines = [];
  const deaf = createServer((line) => lines.push(line)).listen(0, "127.0.0.1");
  ends.push(() => (lines.forEach((line) => line.destroy()), deaf.close()));
  await once(deaf, "listening");
  const { fleet, states } = follow(`ws://127.0.0.1:${deaf.address().port}`, {}, { patience: 20 });
  while (lines.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  fleet.stop();
  assert.deepEqual([...new Set(states)].slice(0, 2), ["connecting", "waiting 4499"]);
});

test("what waits for the page is not asked for again", async () => {
  const told = await hub(
    (it) => (it.begin(), it.on(3), it.socket.terminate()),
    (it) => (it.on(5), it.caughtUp()),
  );
  const { fleet, states } = follow(told.url);
  while (!(states.includes("waiting 1006") && states.at(-1) === "live")) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(fleet.cursor, null);
  assert.deepEqual(await read(fleet, 7), [
    ...["Snapshot 0", "Told 1", "Told 2", "Told 3", "Told 4", "Told 5", "CaughtUp 5"],
  ]);
  assert.equal(told.asked[1].after, "3");
});

test("a page that is slow is waited for, in bounded memory", async () => {
  const told = await hub((it) => (it.begin(), it.on(12)), ...Array(9).fill((it) => it.on(12)));
  const { fleet, states } = follow(told.url, { ahead: 3 });
  while (states.at(-1) !== "waiting") await new Promise((resolve) => setTimeout(resolve, 1));
  const found = await read(fleet, 3);
  while (found.length < 13) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    found.push(...(await read(fleet, 1)));
  }
  assert.deepEqual(found, ["Snapshot 0", ...Array.from({ length: 12 }, (_, n) => `Told ${n + 1}`)]);
  assert.deepEqual(told.asked.slice(0, 2).map(({ after }) => after ?? null), [null, "2"]);
});

test("a view that moves is moved again after a loss, until its Snapshot is here", async () => {
  const told = await hub(
    (it) => it.begin(),
    (it) => it.caughtUp(),
    (it) => it.caughtUp(),
  );
  const snapshots = [];
  told.move = ({ area, say, socket }) => (told.moved.length === 1 ? socket.terminate() : (snapshots.push(area), say("next", { data: {} }), say("complete")));
  const { fleet, states } = follow(told.url, { area: AREA });
  await read(fleet, 1);
  await fleet.moveViewport(ELSEWHERE);
  assert.deepEqual(await read(fleet, 1), ["CaughtUp 0"]);
  while (snapshots.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  told.sockets.at(-1).terminate(); // before the Snapshot
  assert.deepEqual(await read(fleet, 1), ["CaughtUp 0"]);
  while (snapshots.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(told.asked.map(({ area }) => area), [AREA, AREA, AREA]);
  assert.deepEqual(told.moved, [ELSEWHERE, ELSEWHERE, ELSEWHERE]);
  assert(states.includes("live"));
});

test("of many moves the newest is told, and a refused one is undone", async () => {
  const told = await hub(live);
  told.move = ({ area, say }) => setTimeout(() => {
    const errors = area.north > 90 ? [{ message: "too far north", extensions: { code: "BAD_INPUT" } }] : undefined;
    say("next", errors ? { data: null, errors } : { data: { moveViewport: true } });
    say("complete");
  }, 5);
  const { fleet } = follow(told.url, { area: AREA });
  await read(fleet, 1);
  await Promise.all([10, 20, 30, 40].map((north) => fleet.moveViewport({ ...AREA, north })));
  assert.deepEqual(told.moved.map(({ north }) => north), [10, 40]);
  await assert.rejects(fleet.moveViewport({ ...AREA, north: 91 }), /too far north/);
  const moves = [92, 50].map((north) => fleet.moveViewport({ ...AREA, north }));
  await Promise.all(moves); // one that is given up need not be right
  assert.deepEqual(told.moved.slice(2).map(({ north }) => north), [91, 92, 50]);
});

test("a move before anything has come waits until something has", async () => {
  let first;
  const told = await hub((it) => (first = it));
  told.move = ({ say }) => (say("next", { data: { moveViewport: true } }), say("complete"));
  const { fleet } = follow(told.url, { area: AREA });
  while (first === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  await fleet.moveViewport(ELSEWHERE);
  assert.deepEqual(told.moved, []);
  first.begin();
  await read(fleet, 1);
  while (told.moved.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(told.moved, [ELSEWHERE]);
});

test("leaving the loop ends it, and lets go of the line", async () => {
  const told = await hub((it) => (it.begin(), it.on(5)));
  const real = hubClient(createClient, { url: told.url, webSocketImpl: WebSocket });
  let listening = 0;
  const on = (name, act) => ((listening += 1), [real.on(name, act)].map((off) => () => ((listening -= 1), off()))[0]);
  const { fleet } = follow(told.url, { client: { ...real, on } });
  assert.equal(listening, 1);
  for await (const event of fleet) if (event.cursor === "2") break;
  await once(told.sockets[0], "close");
  assert.deepEqual(await fleet.next(), { done: true, value: undefined });
  assert.deepEqual([fleet.cursor, fleet.state.name, listening], ["2", "ended", 0]);
});

test("a browser that is online again, or looked at, does not wait longer", async () => {
  const browser = new EventTarget();
  globalThis.addEventListener = browser.addEventListener.bind(browser);
  const left = [];
  globalThis.removeEventListener = (name, act) => (left.push(name), browser.removeEventListener(name, act));
  const told = await hub(...Array(3).fill((it) => (live(it), it.socket.close(1001))), live);
  const { fleet, states } = follow(told.url, { wait: () => 3_600_000 });
  for (const name of ["online", "visibilitychange", "online"]) {
    browser.dispatchEvent(new Event(name)); // while there is nothing to wait for
    await read(fleet, 1);
    while (states.at(-1) !== "waiting 1001") await new Promise((resolve) => setTimeout(resolve, 1));
    browser.dispatchEvent(new Event(name));
  }
  await read(fleet, 1);
  fleet.stop();
  browser.dispatchEvent(new Event("online"));
  assert.deepEqual([states.at(-1), left], ["ended", ["online", "visibilitychange"]]);
  delete globalThis.addEventListener;
  delete globalThis.removeEventListener;
});

test("a hub that says how long to wait is waited for", async () => {
  const error = { message: "too many", extensions: { code: "RATE_LIMITED", retryAfter: 60 } };
  const told = await hub(({ say }) => say("error", [error]));
  const { fleet, states } = follow(told.url);
  while (states.at(-1) !== "waiting RATE_LIMITED") await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(fleet.state.reason, "too many");
  assert(fleet.state.until > Date.now() + 30_000, "in half a minute at the soonest");
  fleet.stop();
});

test("losses in a row are counted, and a page whose own code fails gets its events", async (t) => {
  t.mock.method(console, "error", () => {});
  const counted = [];
  const told = await hub((it) => it.socket.close(1001), (it) => it.socket.close(1001), (it) => it.socket.close(1001), live);
  const onState = () => {
    throw new Error("of the page");
  };
  const { fleet } = follow(told.url, { onState, wait: (losses) => counted.push(losses) });
  assert.deepEqual(await read(fleet, 1), ["Snapshot 0"]);
  assert.deepEqual(counted, [0, 1, 2]);
  assert(console.error.mock.callCount() > 0);
});

test("graphql-ws by itself begins anew with what it was first given", async () => {
  const told = await hub((it) => (it.on(2), it.socket.close(1000)), (it) => it.on(2));
  const client = createClient({ url: told.url, webSocketImpl: WebSocket, retryAttempts: 0 });
  const found = [];
  const wanted = { query: "subscription { fleet { cursor } }", variables: { after: "0" } };
  for await (const { data } of client.iterate(wanted)) if (found.push(data.fleet.cursor) === 4) break;
  assert.deepEqual(found, ["1", "2", "1", "2"], "if it has learnt better, the client could be simpler");
});

test("the back-off grows, ends, and differs", () => {
  const waits = Array.from({ length: 200 }, (_, n) => backOff(n % 20));
  assert(waits.every((ms, n) => ms <= Math.min(30_000, 1_000 * 2 ** (n % 20))));
  assert(new Set(waits).size > 150);
});
