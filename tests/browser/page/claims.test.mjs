import assert from "node:assert/strict";
import { test } from "node:test";
import { Claims } from "./model/claims.js";

/** Tabs that hear each other, of which any can be closed; they wait until all have been heard. */
function browser() {
  const channels = new Set();
  const open = () => {
    const channel = { onmessage: null, postMessage: (data) => channels.has(channel) && setImmediate(() => [...channels].forEach((other) => other !== channel && other.onmessage({ data }))) };
    channels.add(channel);
    const claims = new Claims(channel, async () => {
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    });
    return { take: (what, rank) => claims.take(what, rank), close: () => channels.delete(channel) };
  };
  return { open };
}

test("of many tabs one does it, and the best placed", async () => {
  const { open } = browser();
  const tabs = Array.from({ length: 5 }, open);
  assert.deepEqual(await Promise.all(tabs.map((tab, index) => tab.take("sound 1", index === 3 ? 0 : 1))), [false, false, false, true, false]);
  const equal = await Promise.all(tabs.map((tab) => tab.take("sound 2", 1)));
  assert.equal(equal.filter(Boolean).length, 1);
});

test("one that hears of it later does not do it once more", async () => {
  const { open } = browser();
  const [one, other] = [open(), open()];
  assert.equal(await one.take("sound 1", 1), true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await other.take("sound 1", 0), false);
});

test("where the best placed one is closed before it did it, another does", async () => {
  const { open } = browser();
  const [best, other] = [open(), open()];
  const begun = [best.take("notice 1", 0), other.take("notice 1", 1)];
  await new Promise((resolve) => setImmediate(resolve));
  best.close();
  assert.equal((await Promise.all(begun))[1], true);
  assert.equal(await other.take("notice 2", 1), true);
});

test("each matter is one of its own, also for a tab that alone knows of it", async () => {
  const { open } = browser();
  const [one, other] = [open(), open()];
  assert.deepEqual(await Promise.all([one.take("sound 1", 1), other.take("sound 2", 1), one.take("notice 1", 1)]), [true, true, true]);
});
