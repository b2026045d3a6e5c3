import assert from "node:assert/strict";
import { test } from "node:test";
import { degreeText, graticule, stepAt } from "./map/graticule.js";
import { ageText, labelDetail, rank } from "./map/states.js";

test("what matters more lies above", () => {
  const plain = { isSelected: false, isAlerted: false };
  const ranks = ["offline", "landed", "flying", "lost"].map((state) => rank(state, plain));
  assert.deepEqual(ranks, [...ranks].sort((a, b) => a - b));
  assert.ok(rank("offline", { ...plain, isAlerted: true }) > rank("lost", plain));
  assert.ok(rank("offline", { isSelected: true, isAlerted: false }) > rank("lost", { isSelected: false, isAlerted: true }));
});

test("an age is told once it is more than five seconds", () => {
  assert.equal(ageText(5_000, "en"), null);
  assert.deepEqual([6_000, 99_000, 100_000, 7_200_000, 200_000_000].map((age) => ageText(age, "en")), ["6s", "99s", "1m", "2h", "2d"]);
});

test("a label has height above take-off before height, in the reader's units and language", () => {
  const values = { elevation: 84.4, height: 500, charge: 61, ageMs: 0 };
  const metric = { units: "metric", language: "en" };
  assert.equal(labelDetail(values, metric), "84 m · 61%");
  assert.equal(labelDetail({ ...values, elevation: null, ageMs: 12_000 }, metric), "500 m · 61% · 12s");
  assert.equal(labelDetail(values, { units: "imperial", language: "en" }), "277 ft · 61%");
  assert.equal(labelDetail({ ...values, elevation: -0.3 }, { units: "metric", language: "de" }), "0 m · 61\u00a0%");
  assert.equal(labelDetail({ elevation: null, height: null, charge: null, ageMs: 0 }, metric), "");
});

test("the graticule has round steps that leave room, and words on both sides of zero", () => {
  for (let zoom = 0.5; zoom < 18; zoom += 0.5) assert.ok((stepAt(zoom) * 512 * 2 ** zoom) / 360 >= 130 || stepAt(zoom) === 30);
  assert.deepEqual([degreeText(-8.5, "E", "W", 0.5), degreeText(0, "N", "S", 10), degreeText(-180, "E", "W", 30)], ["8.5° W", "0°", "180°"]);
  const words = graticule({ west: 175, south: -5, east: 190, north: 5 }, 5).flatMap(({ properties }) => properties.words ?? []);
  assert.deepEqual(words, ["180°", "175° W", "0°"]);
});
