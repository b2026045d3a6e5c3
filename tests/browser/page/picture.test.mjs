import assert from "node:assert/strict";
import { test } from "node:test";
import { Picture } from "./model/picture.js";

test("what is deleted is told to the gallery, to the drone's last photos and to the ground that it showed", () => {
  const picture = new Picture();
  const told = [];
  for (const name of ["item", "media", "coverage"]) picture.on(name, (news) => told.push([name, news]));
  picture.take({ __typename: "MediaDeleted", cursor: "c", at: "2026-06-01T08:00:00Z", mediaId: "4", flightId: null, drone: { id: "5" } });
  assert.deepEqual(told, [
    ["item", { mediaId: "4", droneId: "5", isNew: false }],
    ["media", "5"],
    ["coverage", { mediaId: "4", droneId: "5", flightId: null }],
  ]);
});
