import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseLabels, clearOf, Grid, labelBox } from "./map/placing.js";

const screen = { width: 1_000, height: 800, most: 128 };
const size = { width: 80, height: 30 };
const symbol = (id, x, y, rank = 2) => ({ id, x, y, rank, reach: 15, size: () => size });
const meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

let chance = 11;
const random = () => (chance = (chance * 16_807) % 2_147_483_647) / 2_147_483_647;
const crowd = Array.from({ length: 600 }, (_, index) => symbol(`${index}`, random() * 1_000, random() * 800, Math.floor(random() * 4)));

test("no label covers another, or another's symbol, or leaves the screen", () => {
  const chosen = chooseLabels(crowd, screen);
  const boxes = crowd.filter(({ id }) => chosen.has(id)).map((one) => ({ id: one.id, box: labelBox(one, size, chosen.get(one.id)) }));
  assert.ok(boxes.length > 10);
  for (const { id, box } of boxes) {
    assert.ok(box.left >= 0 && box.top >= 0 && box.right <= 1_000 && box.bottom <= 800);
    for (const other of boxes) assert.ok(other.id === id || !meets(box, other.box));
    for (const one of crowd) {
      const middle = { left: one.x - 5, right: one.x + 5, top: one.y - 5, bottom: one.y + 5 };
      assert.ok(one.id === id || !meets(box, middle));
    }
  }
});

test("who has a label keeps it, on its side", () => {
  const before = chooseLabels(crowd, screen);
  const moved = crowd.map((one) => ({ ...one, x: one.x + 0.4 }));
  const after = chooseLabels(moved, { ...screen, before });
  const kept = [...before].filter(([id, side]) => after.get(id) === side);
  assert.ok(kept.length >= before.size * 0.95, `${kept.length} of ${before.size}`);
});

test("what matters more comes first, and what stands out has a label in any crowd", () => {
  const one = { ...symbol("alerted", 500, 400, 6) };
  assert.ok(chooseLabels([...crowd, one], screen).has("alerted"));
  const pair = [symbol("plain", 500, 400), symbol("lost", 505, 400, 3)];
  assert.deepEqual([...chooseLabels(pair, { ...screen, most: 1 }).keys()], ["lost"]);
});

test("what has no label is in the way of others and gets none", () => {
  const chosen = chooseLabels([symbol("a", 500, 400), { ...symbol("b", 550, 400), size: null }], screen);
  assert.deepEqual([...chosen], [["a", "left"]]);
});

test("what is pointed at is the nearest within reach, and of two at one place what lies above", () => {
  const grid = new Grid();
  for (const [id, x, y] of [["far", 100, 100], ["near", 120, 100], ["below", 300, 300], ["above", 300, 300]])
    grid.add({ left: x, right: x, top: y, bottom: y }, id);
  assert.equal(grid.nearest(115, 100, 18), "near");
  assert.equal(grid.nearest(300, 301, 18), "above");
  assert.equal(grid.nearest(200, 200, 18), null);
});

test("what a map shows stays clear of what lies over it, where that takes least, and has room all the same", () => {
  const phone = { width: 360, height: 270 };
  assert.deepEqual(clearOf(phone, []), { top: 54, right: 54, bottom: 54, left: 54 });
  const tools = { left: 20, top: 12, right: 348, bottom: 86 };
  assert.deepEqual(clearOf(phone, [tools]), { top: 110, right: 54, bottom: 54, left: 54 });
  assert.deepEqual(clearOf({ width: 1200, height: 800 }, [{ left: 1000, top: 100, right: 1200, bottom: 700 }, { left: 0, top: 0, right: 0, bottom: 0 }]), { top: 80, right: 224, bottom: 80, left: 80 });
  const { top, bottom } = clearOf(phone, [tools, { left: 0, top: 130, right: 360, bottom: 270 }]);
  assert.ok(Math.abs(top + bottom - 0.75 * 270) < 1e-9 && top > 80);
});
