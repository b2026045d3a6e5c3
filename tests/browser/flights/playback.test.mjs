import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphQLFault } from "./api/graphql.js";
import { pastOf, Playback } from "./model/playback.js";

const T = Date.parse("2026-06-01T08:00:00Z");
const iso = (ms) => new Date(T + ms).toISOString();
const fix = (ms, longitude = 9) => ({ longitude, latitude: 50, height: 500, reportedAt: iso(ms) });
const row = (id, more = {}) => ({ id, name: `D${id}`, serialNumber: id, model: null, online: true, position: fix(0), battery: null, telemetry: null, currentFlight: null, ...more });
const snapshot = (ms, drones = [row("1"), row("2")]) => ({ __typename: "Snapshot", at: iso(ms), area: null, drones, remoteControllers: [], alerts: [] });
const reported = (droneId, ms, longitude = 9.1) => ({ __typename: "PositionReported", at: iso(ms), position: { droneId, position: fix(ms, longitude), telemetry: null } });
const passed = (ms) => ({ __typename: "Passed", at: iso(ms) });
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A playback of ten minutes, a clock that tests move, and what the hub is asked. */
function world({ only = null, at = 0, answer = () => ({}) } = {}) {
  const made = { tick: 0, asked: [], begun: [], left: 0 };
  const query = async (document, variables) => {
    made.asked.push([/fleetAt|controlReplay/.exec(document)[0], variables]);
    return answer(variables);
  };
  const subscribe = ({ variables }, sink) => {
    made.begun.push(variables);
    made.sink = sink;
    return () => (made.left += 1);
  };
  made.playback = new Playback({ query, socket: () => ({ subscribe }), workspaceId: "1", changed: () => {}, ticks: () => made.tick });
  made.tell = (...events) => events.forEach((replay) => made.sink.next({ data: { replay } }));
  made.playback.open({ from: T, to: T + 600_000 }, only, T + at);
  return made;
}

test("it plays from where it stands, its clock from the first picture on and no further than the end", () => {
  const made = world({ at: 60_000 });
  made.playback.play();
  assert.deepEqual([made.begun[0].from, made.begun[0].to, made.begun[0].speed], [iso(60_000), iso(600_000), 1]);
  assert.ok(made.begun[0].name.length <= 64);
  made.tick = 5_000;
  assert.equal(made.playback.now(), T + 60_000);
  made.tell(snapshot(60_000));
  made.tick = 7_000;
  made.tell(passed(62_000));
  assert.equal(made.playback.now(), T + 62_000);
  assert.equal(made.playback.clock.pace, 1);
  made.tell(passed(599_900));
  made.tick = 7_500;
  assert.equal(made.playback.now(), T + 600_000);
  made.sink.complete();
  assert.deepEqual([made.playback.state, made.playback.clock.pace], ["still", 0]);
  made.playback.play();
  assert.equal(made.begun[1].from, iso(0));
});

test("pause, speed and jumps are told with the moment, and time stands until it is shown how it stood then", async () => {
  const made = world();
  made.playback.play();
  made.tell(snapshot(0));
  made.tick = 10_000;
  made.tell(passed(10_000));
  made.playback.hurry(30);
  await settled();
  const { name } = made.begun[0];
  assert.deepEqual(made.asked, [["controlReplay", { name, speed: 30, position: iso(10_000) }]]);
  made.tick = 12_000;
  made.tell(reported("1", 11_000));
  assert.equal(made.playback.now(), T + 10_000);
  assert.equal(made.playback.drones.get("1").fixes.length, 1);
  made.tell(snapshot(10_000));
  made.tick = 13_000;
  made.tell(passed(40_000));
  assert.equal(made.playback.now(), T + 40_000);
  made.playback.pause();
  made.tell(snapshot(40_000));
  made.tick = 99_000;
  assert.equal(made.playback.now(), T + 40_000);
  made.playback.seek(T + 500_000);
  made.playback.play();
  await settled();
  assert.deepEqual(made.asked.slice(1), [
    ["controlReplay", { name, paused: true, position: iso(40_000) }],
    ["controlReplay", { name, paused: false, position: iso(500_000) }],
  ]);
  made.playback.seek(T - 5);
  assert.equal(made.playback.now(), T);
});

test("what has not begun is told nothing: it is begun anew where one wants to be", () => {
  const made = world();
  made.playback.play();
  made.playback.seek(T + 300_000);
  assert.deepEqual(made.begun.map(({ from }) => from), [iso(0), iso(300_000)]);
  assert.equal(made.left, 1);
  made.tell(snapshot(300_000));
  made.playback.seek(T + 100_000); // earlier than this replay reaches
  assert.equal(made.begun[2].from, iso(100_000));
  assert.deepEqual(made.asked, []);
});

test("standing still it asks how all stood, one question at a time, and shows the last", async () => {
  const made = world({ answer: ({ at }) => ({ fleetAt: { ...snapshot(0, [row(at)]), at } }) });
  for (const ms of [1_000, 2_000, 3_000]) made.playback.seek(T + ms);
  await settled();
  assert.deepEqual(made.asked.map(([, { at }]) => at), [iso(1_000), iso(3_000)]);
  assert.deepEqual([...made.playback.drones.keys()], [iso(3_000)]);
});

test("a picture of earlier lets go of what was shown, so that nothing has to move back", () => {
  const made = world();
  const seen = [];
  made.playback.on("picture", () => seen.push(made.playback.drones.size));
  made.playback.play();
  made.tell(snapshot(0), reported("1", 500), snapshot(0));
  assert.deepEqual(seen, [0, 2, 0, 2]);
  assert.equal(made.playback.drones.get("1").fixes.length, 1);
});

test("of one aircraft alone nothing of others is shown", () => {
  const made = world({ only: { droneId: "2", area: null } });
  made.playback.play();
  made.tell(snapshot(0), reported("1", 500), reported("2", 500), { __typename: "DroneOnline", at: iso(600), drone: row("3") });
  assert.deepEqual([...made.playback.drones.keys()], ["2"]);
  assert.equal(made.playback.drones.get("2").fixes.length, 2);
});

test("flights have in the past no end that they found later", () => {
  const flight = { id: "7", startedAt: iso(0), landedAt: iso(90_000), endedAt: iso(90_000), lost: false, takeOff: null, drone: { id: "1" } };
  const made = world();
  made.playback.play();
  made.tell(snapshot(0), { __typename: "FlightStarted", at: iso(0), flight });
  assert.equal(made.playback.drones.get("1").phase, "flying");
  made.tell({ __typename: "FlightLanded", at: iso(90_000), flight });
  assert.equal(made.playback.drones.get("1").phase, "landed");
  assert.equal(made.playback.drones.get("1").flightId, "7");
  made.tell({ __typename: "FlightResumed", at: iso(95_000), flight });
  assert.equal(made.playback.drones.get("1").phase, "flying");
  made.tell({ __typename: "FlightEnded", at: iso(90_000), flight });
  assert.equal(made.playback.drones.get("1").flightId, null);
  const [shown] = pastOf(snapshot(60_000, [row("1", { currentFlight: flight })]), T + 60_000).drones;
  assert.deepEqual([shown.currentFlight.landedAt, shown.currentFlight.endedAt], [null, null]);
});

test("alerts were not seen in the past before somebody had", () => {
  const alert = { id: "9", acknowledgedAt: iso(60_000), acknowledgedBy: { name: "Vera" }, clearedAt: iso(90_000) };
  const at = (ms) => pastOf({ ...snapshot(ms), alerts: [alert] }, T + ms).alerts[0];
  assert.deepEqual([at(30_000).acknowledgedAt, at(30_000).acknowledgedBy, at(30_000).clearedAt], [null, null, null]);
  assert.deepEqual([at(60_000).acknowledgedAt, at(60_000).acknowledgedBy], [iso(60_000), { name: "Vera" }]);
  assert.equal(pastOf({ __typename: "AlertRaised", at: iso(0), alert }, T).alert.acknowledgedBy, null);
});

test("the clock goes as far as the hub has told, waits for it where it is late, and never goes back", () => {
  const made = world();
  const { playback } = made;
  playback.speed = 60;
  playback.play();
  assert.equal(made.begun[0].interval, 250);
  made.tell(snapshot(0));
  const at = (tick, told) => {
    made.tick = tick;
    if (told !== undefined) made.tell(reported("1", told), passed(told));
    return playback.now() - T;
  };
  assert.equal(at(250, 15_000), 15_000);
  assert.equal(at(450), 27_000);
  assert.equal(at(500, 30_000), 30_000);
  assert.equal(at(800), 48_000); // a little ahead of it
  assert.equal(at(3_000), 54_000); // and no further than that
  assert.equal(at(3_100, 40_000), 54_000);
  assert.equal(at(3_200), 54_000); // it waits where it was seen
  assert.equal(at(3_300, 46_000), 54_000);
  assert.equal(at(4_300, 76_000), 76_000);
  assert.equal(at(4_400), 79_000); // as fast as the hub has got on
  assert.equal(at(4_500, 88_000), 88_000);
  assert.equal(at(4_600), 94_000); // in time again
});

test("what goes on or off in the past stays where it was, whatever has become of it", () => {
  const made = world({ at: 1_000 });
  const handset = { id: "5", serialNumber: "5", model: null, online: true, position: fix(0) };
  const flight = { id: "7", startedAt: iso(0), landedAt: null, endedAt: null, drone: { id: "1" } };
  made.playback.play();
  made.tell({ ...snapshot(1_000, [row("1", { currentFlight: flight })]), remoteControllers: [handset] });
  const now = { position: fix(500_000, 20), battery: { capacityPercentLeft: 1, reportedAt: iso(500_000) }, telemetry: { elevation: 9 }, currentFlight: { ...flight, id: "8", startedAt: iso(400_000) } };
  made.tell(
    { __typename: "DroneOffline", at: iso(2_000), drone: row("1", { ...now, online: false }) },
    { __typename: "RemoteControllerOffline", at: iso(2_000), remoteController: { ...handset, online: false, position: fix(500_000, 20) } },
    reported("1", 1_500),
  );
  const { fixes, battery, telemetry, flightId, phase } = made.playback.drones.get("1");
  assert.deepEqual([fixes.at(-1).reportedAt - T, battery, telemetry, flightId, phase], [1_500, null, null, "7", "lost"]);
  const { fix: place, online } = made.playback.controllers.get("5");
  assert.deepEqual([place.longitude, online], [9, false]);
});

test("what is not kept is told, and a refusal stops it where it was", () => {
  const made = world();
  made.playback.play();
  made.tell({ __typename: "Gap", at: iso(0), to: "9", reason: "" }, snapshot(200_000));
  assert.equal(made.playback.now(), T + 200_000);
  assert.equal(made.playback.keptSince, T + 200_000);
  made.sink.error([{ message: "Five at a time.", extensions: { code: "RATE_LIMITED" } }]);
  assert.ok(made.playback.fault instanceof GraphQLFault);
  assert.deepEqual([made.playback.fault.code, made.playback.state, made.playback.now()], ["RATE_LIMITED", "still", T + 200_000]);
});

test("what the loss of the line ended goes on from there once it stands again, and nothing else does", async () => {
  const made = world();
  made.playback.resume();
  assert.equal(made.begun.length, 0);
  made.playback.play();
  made.tell(snapshot(0));
  made.tick = 20_000;
  made.tell(passed(20_000));
  made.sink.error({ reason: "1006" });
  assert.deepEqual([made.playback.state, made.playback.fault.code], ["still", "OFFLINE"]);
  made.tick = 90_000;
  made.playback.resume();
  assert.deepEqual([made.begun[1].from, made.playback.state, made.playback.fault], [iso(20_000), "opening", null]);
  made.tell(snapshot(20_000));
  made.playback.pause();
  await settled();
  made.sink.error({ reason: "1006" });
  made.playback.resume();
  await settled();
  assert.deepEqual([made.begun.length, made.playback.fault, made.asked.at(-1)[0]], [2, null, "fleetAt"]);
  made.playback.play();
  made.sink.error([{ message: "no", extensions: { code: "FORBIDDEN" } }]);
  made.playback.resume();
  assert.deepEqual([made.begun.length, made.playback.fault.code], [3, "FORBIDDEN"]);
});

test("of a battery that stays as it is only the ends are kept, so that a day's picture is small", () => {
  const made = world();
  const charge = (ms, capacityPercentLeft) =>
    made.playback.take({ __typename: "BatteryReported", battery: { droneId: "1", battery: { capacityPercentLeft, reportedAt: iso(ms) } } });
  made.playback.play();
  made.tell(snapshot(0));
  for (let at = 0; at < 600_000; at += 10_000) charge(at, at < 300_000 ? 90 : 89);
  charge(601_000, 89);
  const { charges, battery } = made.playback.drones.get("1");
  assert.deepEqual(charges.points.map(([at, percent]) => [percent, at - T]), [[90, 0], [90, 290_000], [89, 300_000], [89, 601_000]]);
  assert.equal(battery.reportedAt, T + 601_000);
});
