import assert from "node:assert/strict";
import { test } from "node:test";
import { inSight, withHeld } from "./ui/list.js";

test("the row that has the focus stays drawn when sorting takes it out of sight, in its place", () => {
  const { first, last } = inSight(500, { top: 2_800, height: 560, row: 56 });
  assert.deepEqual([first, last], [42, 68]);
  assert.deepEqual([withHeld(42, 45, -1), withHeld(42, 45, 43), withHeld(42, 45, 7), withHeld(42, 45, 45)], [[42, 43, 44], [42, 43, 44], [7, 42, 43, 44], [42, 43, 44, 45]]);
});
