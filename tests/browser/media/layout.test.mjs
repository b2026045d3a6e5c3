import assert from "node:assert/strict";
import { test } from "node:test";
import { readItem } from "./model/media_item.js";
import { grouped, Layout } from "./model/media_layout.js";
import { row } from "./support.mjs";

const SIZES = { columns: 6, row: 130, day: 40, group: 35 };
const dayOf = (time) => new Date(time).toISOString().slice(0, 10);
const itemsOf = (count) => Array.from({ length: count }, (_, index) => readItem(row(index + 1)));

test("days come the newest first, each flight of a day once, and in it each photo once", () => {
  const items = itemsOf(3_000);
  const groups = grouped(items, dayOf);
  const days = groups.map(({ day }) => day);
  assert.deepEqual(days, [...days].sort().reverse());
  assert.equal(new Set(groups.map(({ key }) => key)).size, groups.length);
  const layout = new Layout(groups, SIZES);
  assert.equal(new Set(layout.order.map(({ id }) => id)).size, 3_000);
  for (const { items: some } of groups) assert.ok(some.every(({ time }, index) => index === 0 || time <= some[index - 1].time));
});

test("of ten thousand photos only those in sight are drawn, wherever one is", () => {
  const layout = new Layout(grouped(itemsOf(10_000), dayOf), SIZES);
  let seen = 0;
  let covered = 0;
  for (let top = 0; top < layout.height; top += 600) {
    const { first, last } = layout.inSight(top - 400, top + 1_200);
    const rows = layout.rows.slice(first, last);
    const cells = rows.reduce((sum, { from, to }) => sum + to - from, 0);
    assert.ok(cells <= 6 * 14, `${cells} at ${top}`);
    assert.ok(rows[0].top <= Math.max(0, top - 400));
    assert.ok(rows.at(-1).top + rows.at(-1).height >= Math.min(layout.height, top + 1_200));
    seen += 1;
    covered += cells;
  }
  assert.ok(seen > 300 && covered > 10_000);
  for (const [index, { top }] of layout.rows.entries()) assert.equal(top, index ? layout.rows[index - 1].top + layout.rows[index - 1].height : 0);
});

test("a photo is in the row that is said, and a group is a stop of its own", () => {
  const layout = new Layout(grouped(itemsOf(500), dayOf), SIZES);
  for (const [index, { id }] of layout.order.entries()) {
    const { kind, from, to } = layout.rows[layout.rowOf(id)];
    assert.equal(kind, "cells");
    assert.ok(from <= index && index < to);
    assert.equal(layout.columnOf(id), index - from);
  }
  const { group } = layout.rows[1];
  assert.equal(layout.rowOf(group.key), 1);
  assert.equal(layout.rowOf("nobody"), -1);
});

test("arrow keys lead to every photo and to every group, and nowhere beyond the ends", () => {
  const layout = new Layout(grouped(itemsOf(300), dayOf), SIZES);
  const more = { column: 2, page: 600 };
  const [first, last] = [layout.order[0].id, layout.order.at(-1).id];
  const walk = (stop, key) => {
    const stops = [];
    for (let at = stop; at !== null; at = layout.step(at, key, more)) stops.push(at);
    return stops;
  };
  assert.deepEqual(walk(first, "ArrowRight"), layout.order.map(({ id }) => id));
  assert.deepEqual(walk(last, "ArrowLeft"), layout.order.map(({ id }) => id).reverse());
  const down = walk(layout.rows[1].group.key, "ArrowDown");
  assert.equal(down.length, layout.rows.filter(({ kind }) => kind !== "day").length);
  assert.deepEqual(walk(down.at(-1), "ArrowUp"), [...down].reverse());
  for (const id of down.filter((stop) => layout.indexOf(stop) >= 0)) {
    const { from, to } = layout.rows[layout.rowOf(id)];
    assert.equal(layout.columnOf(id), Math.min(2, to - from - 1));
  }
  assert.equal(layout.step(last, "Home", more), first);
  assert.equal(layout.step(first, "End", more), last);
  let at = first;
  for (let pages = 0; at !== last && pages < 100; pages += 1) at = layout.step(at, "PageDown", { column: 5, page: 600 });
  const { from, to } = layout.rows[layout.rowOf(at)];
  assert.ok(from <= layout.order.length - 1 && layout.order.length - 1 < to); // the last row
  assert.equal(new Layout([], SIZES).step("", "End", more), null);
});

test("what is not read yet is room at the end, and tells how much to read", () => {
  const groups = grouped(itemsOf(200), dayOf);
  const layout = new Layout(groups, SIZES, 9_800);
  assert.ok(layout.height > 40 * layout.known);
  assert.equal(layout.needed(layout.known), 200);
  assert.equal(layout.needed(layout.height), 10_000);
  const middle = layout.needed(layout.height / 2);
  assert.ok(4_900 < middle && middle < 5_100, `${middle}`);
  assert.equal(layout.firstFrom(layout.height / 2), layout.order[layout.rows.at(-1).from].id);
});
