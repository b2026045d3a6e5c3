import assert from "node:assert/strict";
import { test } from "node:test";

const root = {};
const pen = { measureText: (text) => ({ width: 7 * text.length }) };
globalThis.document = { documentElement: root, createElement: () => ({ getContext: () => pen }) };
let fontSize = "14px";
globalThis.getComputedStyle = (element) => (assert.equal(element, root), { fontSize });
const { enlargement } = await import("./map/wall.js");
const { LabelSlots } = await import("./map/label_slots.js");

test("on a wall display labels are larger as all else is, and never smaller than on a desk", () => {
  const sizes = ["14px", "28px", "10px", ""].map((size) => ((fontSize = size), enlargement()));
  assert.deepEqual(sizes, [1, 2, 1, 1]);
  const words = { title: "Drone 7", detail: "84 m" };
  const [desk, wall] = [1, 2].map((scale) => new LabelSlots(1, {}, scale));
  const { width, height } = desk.measure(words);
  assert.deepEqual(wall.measure(words), { width: 2 * width, height: 2 * height });
  assert.deepEqual([wall.width, wall.height], [2 * desk.width, 2 * desk.height]);
});
