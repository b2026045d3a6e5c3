import assert from "node:assert/strict";
import { test } from "node:test";
import { Fleet } from "./model/fleet.js";

const clock = { note() {} };
console.error = () => {};
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** What was followed, in order: each is told events, and says whether it was stopped. */
function followed() {
  const all = [];
  globalThis.followed = (needs) => {
    const events = [];
    let wake = () => {};
    const made = { needs, isStopped: false, areas: [] };
    made.tell = (...more) => (events.push(...more), wake());
    made.following = {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          while (events.length) yield events.shift();
          if (made.isStopped) return;
          await new Promise((resolve) => (wake = resolve));
        }
      },
      moveViewport: async (area) => void made.areas.push(area),
      stop: () => ((made.isStopped = true), needs.onState({ name: "ended" }), wake()),
    };
    all.push(made);
    needs.onState({ name: "live" });
    return made.following;
  };
  return all;
}

test("an event that the hub could not show has all of it asked for anew, once for many, and where the page looks", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const all = followed();
  const fleet = new Fleet({ client: null, workspaceId: "1", clock });
  const links = [];
  fleet.on("link", ({ name }) => links.push(name));
  const area = { west: 1, south: 2, east: 3, north: 4 };
  fleet.moveViewport(area);
  const unshown = { __typename: "Unshown", errors: [{ message: "fault" }] };
  all[0].tell(unshown, unshown);
  await settled();
  context.mock.timers.tick(60_000);
  await settled();
  assert.deepEqual([all.length, all[0].isStopped, all[1].needs.area, links], [2, true, area, ["live"]]);
  context.mock.timers.tick(60_000);
  assert.equal(all.length, 2);
  all[1].tell(unshown);
  await settled();
  fleet.stop();
  context.mock.timers.tick(60_000);
  assert.deepEqual([all.length, all[1].isStopped, links], [2, true, ["live", "ended"]]);
});

test("of a drone outside of the area that is asked for nothing is told, also over the antimeridian", () => {
  followed();
  const fleet = new Fleet({ client: null, workspaceId: "1", clock });
  const at = (longitude, latitude = 0) => fleet.isTold({ online: true, fixes: [{ longitude, latitude }] });
  assert.ok(at(170));
  fleet.moveViewport({ west: 175, south: -10, east: -175, north: 10 });
  assert.deepEqual([at(176), at(-176), at(170), at(176, 11), fleet.isTold({ online: true, fixes: [] })], [true, true, false, false, true]);
  assert.ok(fleet.isTold({ online: false, fixes: [{ longitude: 0, latitude: 0 }] }));
});
