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

test("an aircraft that takes off again soon after its landing is in the air, on the same flight", () => {
  const picture = new Picture();
  const drone = { id: "5", serialNumber: "1581", name: "Eagle", model: "M30", online: true, position: null, telemetry: null, battery: null };
  const flight = { id: "7", startedAt: "2026-06-01T08:00:00Z", landedAt: null, endedAt: null, lost: false, takeOff: null, drone: { id: "5" } };
  const at = "2026-06-01T08:05:00Z";
  picture.take({ __typename: "Snapshot", cursor: "a", at, drones: [{ ...drone, currentFlight: flight }], remoteControllers: [], alerts: [] });
  assert.equal(picture.drones.get("5").phase, "flying");
  picture.take({ __typename: "FlightLanded", cursor: "b", at, flight: { ...flight, landedAt: at } });
  assert.equal(picture.drones.get("5").phase, "landed");
  picture.take({ __typename: "FlightResumed", cursor: "c", at, flight });
  assert.equal(picture.drones.get("5").phase, "flying");
  assert.equal(picture.drones.get("5").flightId, "7");
});
