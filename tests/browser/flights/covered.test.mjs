import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { CoveredGround, recent } from "./model/covered_ground.js";
import { Emitter } from "./model/emitter.js";
import { Units } from "./model/units.js";

const tick = () => new Promise((resolve) => setImmediate(resolve));

/** A hub that answers when it is told to, and a clock that stands until it is moved. */
function world() {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  const here = { now: 0, asked: [], hidden: false };
  const fleet = Object.assign(new Emitter(), { workspaceId: "1", drones: new Map([["5", { flightId: "9" }], ["6", { flightId: "8" }]]) });
  const query = (document, variables) => new Promise((resolve, reject) => here.asked.push({ document, variables, resolve, reject }));
  const covered = new CoveredGround({
    query, fleet, clock: { now: () => Date.parse("2026-06-02T10:40:00Z") }, changed: () => {}, isHidden: () => here.hidden, ticks: () => here.now,
  });
  /** Let time pass. */
  const pass = async (ms) => {
    here.now += ms;
    mock.timers.tick(ms);
    await tick();
  };
  /** The hub answers what it was asked last. */
  const answer = async (mediaCount, pendingCount = 0) => {
    const coverage = { geoJson: { type: "MultiPolygon", coordinates: [] }, area: mediaCount * 100, mediaCount, unknownCount: 0, pendingCount };
    here.asked.at(-1).resolve({ flight: { coverage }, workspace: { coverage } });
    await tick();
  };
  return Object.assign(here, { fleet, covered, pass, answer });
}

const news = (droneId, flightId) => ({ mediaId: "1", droneId, flightId });

test("it is asked for once, and anew when it has grown: not before the last answer has had its time", async () => {
  const { covered, asked, answer, pass, fleet } = world();
  covered.show({ droneId: "5", flightId: "9" });
  assert.deepEqual([asked.length, asked[0].variables, covered.isAsking, covered.ground], [1, { id: "9" }, true, null]);
  covered.show({ droneId: "5", flightId: "9" }); // the same is nothing new
  for (let i = 0; i < 20; i++) fleet.emit("coverage", news("5", "9"));
  assert.equal(asked.length, 1);
  await answer(3);
  assert.equal(covered.ground.mediaCount, 3);
  await pass(3_900);
  assert.equal(asked.length, 1);
  await pass(200);
  assert.equal(asked.length, 2); // what came while it was asked
  await answer(4);
  await pass(60_000);
  assert.equal(asked.length, 2); // and no more, since nothing did
  fleet.emit("coverage", news("5", null)); // a photo whose flight is not known yet may be of it
  await pass(0);
  assert.equal(asked.length, 3);
});

test("an answer that took long is let stand so much the longer, and the longest where nobody looks", async () => {
  const here = world();
  const { covered, asked, answer, pass, fleet } = here;
  covered.show({ droneId: null });
  await pass(5_000);
  fleet.emit("coverage", news("7", "70"));
  await answer(1);
  await pass(19_900);
  assert.equal(asked.length, 1);
  await pass(200);
  assert.equal(asked.length, 2);
  here.hidden = true;
  await answer(2);
  fleet.emit("media", "7");
  await pass(59_900);
  assert.equal(asked.length, 2);
  here.hidden = false;
  covered.wake(); // whoever comes back sees it as it is now
  await pass(0);
  assert.equal(asked.length, 3);
});

test("other drones' and other flights' photos do not matter", async () => {
  const { covered, asked, answer, pass, fleet } = world();
  covered.show({ droneId: "5", flightId: "2" }); // not the one that it is on now
  await answer(1);
  await pass(60_000);
  fleet.emit("coverage", news("5", "9"));
  fleet.emit("coverage", news("6", "2"));
  fleet.emit("media", "5");
  await pass(60_000);
  assert.equal(asked.length, 1);
  fleet.emit("picture", null); // what there was meanwhile nobody knows
  await pass(0);
  assert.equal(asked.length, 2);
});

test("while something is to be looked at it is asked for without news, and after a fault too", async () => {
  const { covered, asked, answer, pass } = world();
  covered.show({ droneId: "5" });
  assert.deepEqual(asked[0].variables, { id: "1", filter: { from: "2026-06-01T10:00:00.000Z", droneId: "5" } });
  await answer(1, 2);
  await pass(14_900);
  assert.equal(asked.length, 1);
  await pass(200);
  assert.equal(asked.length, 2);
  asked[1].reject(new Error("away"));
  await tick();
  assert.equal(covered.fault.message, "away");
  assert.equal(covered.ground.mediaCount, 1); // what was known stays
  await pass(10_100);
  await answer(3);
  assert.deepEqual([asked.length, covered.fault, covered.ground.mediaCount], [3, null, 3]);
  await pass(120_000);
  assert.equal(asked.length, 3);
});

test("an answer to what is wanted no more is not taken", async () => {
  const { covered, asked, answer, pass, fleet } = world();
  covered.show({ droneId: "5", flightId: "9" });
  covered.show(null);
  await answer(3);
  assert.deepEqual([covered.ground, covered.isAsking], [null, false]);
  covered.show({ droneId: "6", flightId: "8" });
  asked[0].resolve({ flight: null });
  await answer(7);
  assert.equal(covered.ground.mediaCount, 7);
  covered.destroy();
  fleet.emit("coverage", news("6", "8"));
  await pass(60_000);
  assert.equal(asked.length, 2);
});

test("the last day begins at a whole hour, so that the hub can go on with what it has", () => {
  const times = ["2026-06-02T10:00:00Z", "2026-06-02T10:59:59Z"].map((time) => recent({ droneId: null }, Date.parse(time)).from);
  assert.deepEqual(times, ["2026-06-01T10:00:00.000Z", "2026-06-01T10:00:00.000Z"]);
});

test("areas are told with about three digits, in the units that are wanted", () => {
  const areas = [0, 8_421.4, 83_160, 4_210_000, 53_200_000, 1_234_567_890];
  const words = (settings) => areas.map((area) => new Units(settings).area(area).replace("\u00a0", " "));
  assert.deepEqual(words({ units: "metric", language: "en" }), ["0 m²", "8,421 m²", "0.083 km²", "4.21 km²", "53.2 km²", "1,235 km²"]);
  assert.deepEqual(words({ units: "metric", language: "de" }).slice(1, 3), ["8.421 m²", "0,083 km²"]);
  assert.deepEqual(words({ units: "imperial", language: "en" }), ["0 ft²", "2.08 ac", "20.5 ac", "1.63 mi²", "20.5 mi²", "477 mi²"]);
  assert.equal(new Units({ units: "imperial", language: "en" }).area(929.0304), "10,000\u00a0ft²");
  assert.equal(new Units({ units: "metric", language: "en" }).area(null), "–");
});
