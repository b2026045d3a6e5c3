import assert from "node:assert/strict";
import { test } from "node:test";
import { readItem } from "./model/media_item.js";
import { Selection } from "./model/media_selection.js";
import { read, write } from "./views/media/address.js";
import { row } from "./support.mjs";

const order = Array.from({ length: 20 }, (_, index) => readItem(row(index + 1)));
const ids = (selection) => selection.items.map(({ id }) => Number(id)).sort((one, other) => one - other);

test("a stretch goes from the last choice, is drawn anew, and leaves what was chosen before", () => {
  const selection = new Selection();
  selection.toggle(order[0]);
  selection.toggle(order[5]);
  selection.stretch(order, 8);
  assert.deepEqual(ids(selection), [1, 6, 7, 8, 9]);
  selection.stretch(order, 3);
  assert.deepEqual(ids(selection), [1, 4, 5, 6]);
  assert.deepEqual([selection.count, selection.bytes], [4, 4_000]);
  selection.toggle(order[4]);
  assert.deepEqual(ids(selection), [1, 4, 6]);
  selection.drop(["4"]);
  selection.stretch(order, 4);
  assert.deepEqual(ids(selection), [1, 5, 6]);
});

test("a group that was chosen whole is known by its filter until something else is chosen", () => {
  const selection = new Selection();
  selection.set(order.slice(0, 6), true, { flightId: "1" });
  assert.deepEqual([selection.whole, selection.among(order.slice(0, 6)), selection.among(order)], [{ flightId: "1" }, "all", "some"]);
  selection.toggle(order[2]);
  assert.equal(selection.whole, null);
  selection.set(order.slice(6), true, { flightId: "2" });
  assert.equal(selection.whole, null);
  selection.set(order, false);
  assert.deepEqual([selection.count, selection.among(order)], [0, "none"]);
});

test("an address says what is listed and what is shown, and what it does not know is left out", () => {
  for (const parts of [[], ["77"], ["flight", "12"], ["drone", "5", "type", "PHOTO", "from", "2026-06-01", "until", "2026-06-03", "77"], ["area", "9.95,50.49,9.96,50.5"], ["lens", "THERMAL", "3"]]) {
    const { wanted, id } = read(parts);
    assert.deepEqual(write(wanted, id), parts);
  }
  assert.deepEqual(write(read(["area", "9,60,10,50", "flight", "x", "77"]).wanted), []);
  assert.equal(read(["type", "<b>", "0"]).id, null);
});

test("what a filter describes comes in one ZIP, what was chosen one by one in as many as it takes", () => {
  const selection = new Selection();
  const many = Array.from({ length: 401 }, (_, index) => ({ id: String(index), size: 1 }));
  assert.equal(selection.zips(200), 0);
  selection.set(many, true, { kind: "PHOTO" });
  assert.equal(selection.zips(200), 1);
  selection.toggle(many[7]);
  assert.equal(selection.zips(200), 2);
  selection.toggle(many[7]);
  assert.equal(selection.zips(200), 3);
});
