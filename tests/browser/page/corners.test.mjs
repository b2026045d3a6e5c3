import assert from "node:assert/strict";
import { test } from "node:test";
import { Corners, middles, outline } from "./views/alerts/corners.js";

const place = (longitude, latitude) => ({ longitude, latitude });

test("an area over 180° is drawn in one piece, and a corner put in lies on its side", () => {
  const corners = [place(179, 0), place(-179, 0), place(-179, 2)];
  assert.deepEqual(outline(corners), [[179, 0], [181, 0], [181, 2], [179, 0]]);
  const [first] = middles(corners);
  assert.deepEqual([Math.abs(first.longitude), Math.abs(first.latitude) < 1e-9], [180, true]);
  assert.equal(middles(corners).length, 3);
});

test("two corners have one side, one has none", () => {
  assert.deepEqual(middles([place(0, 0)]), []);
  assert.equal(middles([place(0, 0), place(1, 0)]).length, 1);
  assert.deepEqual(outline([place(0, 0), place(1, 0)]), [[0, 0], [1, 0]]);
});

test("each step is taken back by itself, a drag as one, and what the hub has stays as it was", () => {
  const given = [place(0, 0), place(1, 0), place(1, 1)];
  const corners = new Corners(given);
  assert.equal(corners.mayUndo, false);
  corners.insert(1, place(190.123456789, 0.5));
  assert.deepEqual(corners.list[1], place(-169.876543, 0.5));
  corners.begin();
  corners.move(1, place(0.5, 0.25));
  corners.move(1, place(0.5, 0.75));
  corners.type(0, { latitude: -1 });
  corners.remove(3);
  assert.deepEqual(corners.list, [place(0, -1), place(0.5, 0.75), place(1, 0)]);
  for (const length of [4, 4, 4, 3]) {
    corners.undo();
    assert.equal(corners.list.length, length);
  }
  assert.deepEqual(corners.list, given);
  corners.undo();
  assert.deepEqual([corners.list, corners.mayUndo], [given, false]);
});
