import assert from "node:assert/strict";
import { test } from "node:test";
import { fromMercator } from "./map/geometry.js";
import { glideMs, movedOn, placeAt, restingAt, speed } from "./map/motion.js";

const fix = (longitude, reportedAt, heading = 0) => ({ longitude, latitude: 47, heading, reportedAt });
const seen = (motion, now) => fromMercator(placeAt(motion, now)).longitude;
const near = (found, wanted, within = 1e-9) => assert.ok(Math.abs(found - wanted) <= within, `${found} is not ${wanted}`);

test("between two fixes it is on its way, and at the newest it waits", () => {
  const motion = movedOn(restingAt(fix(8, 0), 0), fix(8.001, 1_000), 1_000);
  near(seen(motion, 1_000), 8);
  near(seen(motion, 1_500), 8.0005);
  near(seen(motion, 2_000), 8.001);
  near(seen(motion, 60_000), 8.001);
  assert.equal(speed(motion, 2_000), 0);
  assert.ok(speed(motion, 1_500) > 0);
});

test("whenever reports come, it never jumps and is never ahead of the newest fix", () => {
  let chance = 7;
  const random = () => (chance = (chance * 16_807) % 2_147_483_647) / 2_147_483_647;
  let [now, reported] = [0, 0];
  let motion = restingAt(fix(8, 0), 0);
  for (let round = 0; round < 500; round++) {
    const until = now + 200 + random() * 3_000; // early, late, in bursts
    for (; now < until; now += 16) assert.ok(seen(motion, now) <= 8 + reported * 1e-7 + 1e-9);
    reported += 200 + Math.floor(random() * 2_000);
    const before = seen(motion, now);
    motion = movedOn(motion, fix(8 + reported * 1e-7, reported), now);
    near(seen(motion, now), before);
  }
});

test("over a long silence no movement is made up", () => {
  assert.equal(glideMs(11_000), 0);
  assert.equal(glideMs(5_000), 2_000);
  assert.equal(glideMs(2_500, 10), 250); // of the past, four times a second
  assert.equal(glideMs(15_000, 60), 250);
  assert.equal(glideMs(31_000, 60), 0);
  assert.equal(glideMs(Number.NaN), 0);
  const motion = movedOn(restingAt(fix(8, 0), 0), fix(9, 60_000), 60_000);
  near(seen(motion, 60_000), 9);
});

test("what is older, or told twice, changes nothing", () => {
  const motion = movedOn(restingAt(fix(8, 1_000), 0), fix(8.1, 2_000), 10);
  assert.equal(movedOn(motion, fix(7, 1_500), 20), motion);
  assert.equal(movedOn(motion, fix(7, 2_000), 20), motion);
});

test("it turns the shorter way, and crosses 180 degrees the shorter way", () => {
  const motion = movedOn(restingAt(fix(179.9995, 0, 350), 0), fix(-179.9995, 1_000, 10), 1_000);
  near(placeAt(motion, 1_500).heading, 360);
  near(Math.abs(seen(motion, 1_500)), 180);
  near(seen(motion, 2_000), -179.9995);
});

test("without a heading it keeps the one that it had", () => {
  const motion = movedOn(restingAt(fix(8, 0, 40), 0), { ...fix(8.001, 1_000), heading: null }, 1_000);
  assert.equal(placeAt(motion, 2_000).heading, 40);
});
