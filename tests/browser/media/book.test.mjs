import assert from "node:assert/strict";
import { test } from "node:test";
import { MediaBook, filterOf, EVERYTHING } from "./model/media_book.js";
import { showing } from "./model/media_item.js";
import { HubOf, NOW, row } from "./support.mjs";

function bookOf(count) {
  const hub = new HubOf(count);
  return { hub, book: new MediaBook("1", hub.query, () => undefined) };
}

test("pages are read one after the other as far as somebody looks, and each photo is there once", async () => {
  const { hub, book } = bookOf(10_000);
  await book.want({});
  assert.deepEqual([book.items.length, book.total, book.rest, hub.asked], [100, 10_000, 9_900, 1]);
  await Promise.all([book.reach(5_000), book.reach(4_999)]);
  assert.ok(book.items.length >= 4_999 && book.items.length < 5_300);
  await book.reach(4_000); // known already
  const asked = hub.asked;
  await book.reach(5_000);
  assert.equal(hub.asked, asked);
  await book.reach(Infinity);
  assert.equal(new Set(book.items.map(({ id }) => id)).size, 10_000);
  assert.equal(book.rest, 0);
});

test("who scrolls back while pages are read has no more of them read", async () => {
  const { book } = bookOf(10_000);
  await book.want({});
  const reading = book.reach(10_000);
  void book.reach(100);
  await reading;
  assert.ok(book.items.length <= 300);
});

test("who wants all gets all, also while somebody looks at the beginning", async () => {
  const { hub, book } = bookOf(2_000);
  await book.want({});
  const all = book.readAll();
  void book.reach(300);
  assert.equal(await all, true);
  assert.equal(book.items.length, 2_000);
  await book.want({});
  hub.fault = new Error("away");
  assert.equal(await book.readAll(), false);
  hub.fault = null;
  await book.again();
  const other = book.readAll();
  await book.want({ type: "PHOTO" });
  assert.equal(await other, false);
});

test("what comes meanwhile waits until it is let in, and is counted", async () => {
  const { hub, book } = bookOf(500);
  await book.want({});
  for (const n of [501, 502, 503]) hub.rows.push(row(n));
  await book.renew();
  assert.deepEqual(book.fresh.map(({ id }) => id), ["503", "502", "501"]);
  assert.deepEqual([book.items[0].id, book.total, book.rest], ["500", 503, 400]);
  hub.rows.push(row(504));
  await book.renew();
  assert.equal(book.admit(), 4);
  assert.deepEqual(book.items.slice(0, 5).map(({ id }) => id), ["504", "503", "502", "501", "500"]);
  await book.reach(Infinity);
  assert.equal(new Set(book.items.map(({ id }) => id)).size, 504);
});

test("a thumbnail that is made later is shown, and what was deleted goes", async () => {
  const { hub, book } = bookOf(300);
  hub.rows[299] = row(300, { thumbnailUrl: null, file: { size: "1", contentType: "image/jpeg", analysedAt: null } });
  await book.want({});
  assert.deepEqual([book.items[0].thumbnail, book.items[0].isRead], [null, false]);
  hub.rows[299] = row(300);
  hub.rows = hub.rows.filter(({ id }) => id !== "290");
  await book.refresh(["300", "290"]);
  assert.equal(book.items[0].thumbnail, "/api/file/thumbnail/300");
  assert.ok(!book.isListed("290"));
  hub.rows = hub.rows.filter(({ id }) => id !== "280");
  await book.renew();
  assert.ok(!book.isListed("280"));
  assert.equal(book.total, 298);
});

test("a group is asked for whole, and what is asked for otherwise is no part of the list", async () => {
  const { hub, book } = bookOf(1_000);
  await book.want({});
  const flightId = hub.rows[0].flight.id;
  const found = await book.all({ flightId });
  assert.equal(found.length, hub.rows.filter(({ flight }) => flight.id === flightId).length);
  assert.equal(book.items.length, 100);
  assert.ok(book.item("1") && !book.isListed("1"));
  await book.want({ type: "PHOTO" });
  assert.equal(book.item("1"), undefined);
  assert.deepEqual(hub.last.filter, { type: "PHOTO" });
});

test("a fault is told and reading goes on where it stood", async () => {
  const { hub, book } = bookOf(1_000);
  await book.want({});
  hub.fault = new Error("away");
  await book.reach(500);
  assert.equal(book.fault, hub.fault);
  const { asked } = hub;
  await book.reach(600);
  assert.equal(hub.asked, asked); // not without being told to
  hub.fault = null;
  await book.again();
  assert.equal(book.fault, null);
  assert.ok(book.items.length >= 600);
});

test("a filter ends with its last day, and only safe kinds are shown", () => {
  const filter = filterOf({ ...EVERYTHING, droneId: "5", from: NOW, until: NOW + 86_400_000 });
  assert.deepEqual(filter, { droneId: "5", from: "2026-06-14T12:00:00.000Z", to: "2026-06-15T11:59:59.999Z" });
  assert.deepEqual(["image/jpeg", "video/mp4", "image/svg+xml", "text/html"].map(showing), ["picture", "video", "none", "none"]);
});
