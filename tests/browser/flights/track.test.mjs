import assert from "node:assert/strict";
import { test } from "node:test";
import { BREAK_MS, coloured, indexAt, nearestIndex, placeAt, profile, rangeOf, readTrack } from "./model/track.js";
import { addressed, addressOf, dayOf, dayText, momentOf, momentText } from "./views/flights/moments.js";

const point = (time, longitude, more = {}) => ({ time, longitude, latitude: 50, height: 500, elevation: 10, speed: 5, charge: null, heading: null, ...more });

test("a track is read as the API has it", () => {
  const api = { time: "1970-01-01T00:00:01Z", longitude: 9, latitude: 50, height: 500, elevation: null, horizontalSpeed: 3, heading: 90, batteryPercent: 77 };
  assert.deepEqual(readTrack([api]), [{ time: 1000, longitude: 9, latitude: 50, height: 500, elevation: null, heading: 90, speed: 3, charge: 77 }]);
});

test("the point before a time and the nearest one are found, also outside of the track", () => {
  const track = [0, 1000, 4000].map((time) => point(time, 9));
  assert.deepEqual([-5, 0, 999, 1000, 3999, 9000].map((time) => indexAt(track, time)), [0, 0, 0, 1, 1, 2]);
  assert.deepEqual([-5, 400, 600, 2400, 2600].map((time) => nearestIndex(track, time)), [0, 0, 1, 1, 2]);
  assert.equal(indexAt([], 5), -1);
});

test("between two reports it is on the line, across 180 degrees the short way; in a silence at the nearer end", () => {
  const track = [point(0, 179), point(1000, -179), point(1000 + 2 * BREAK_MS, -170)];
  assert.deepEqual(placeAt(track, 500), { longitude: 180, latitude: 50 });
  assert.equal(placeAt(track, 1000 + BREAK_MS / 2).longitude, -179);
  assert.equal(placeAt(track, 1000 + 1.5 * BREAK_MS).longitude, -170);
  assert.equal(placeAt(track, -99).longitude, 179);
  assert.equal(placeAt([], 0), null);
});

test("a profile has what was told, its range at least so much", () => {
  const track = [point(0, 9, { speed: 2 }), point(1000, 9, { speed: null }), point(2000, 9, { speed: 3 })];
  assert.deepEqual(profile(track, ({ speed }) => speed), [[0, 2], [2000, 3]]);
  assert.deepEqual(rangeOf(track, ({ speed }) => speed, 10), [2, 12]);
  assert.deepEqual(rangeOf(track, ({ speed }) => speed, 1), [2, 3]);
  assert.equal(rangeOf(track, () => null, 1), null);
});

test("a line is cut where its colour changes and where nobody knows, and hangs together elsewhere", () => {
  const track = [point(0, 179, { elevation: 0 }), point(1000, -180, { elevation: 0 }), point(2000, -179, { elevation: 100 }), point(3000, -178, { elevation: 100 }), point(4000 + BREAK_MS, -170)];
  const pieces = coloured(track, ({ elevation }) => elevation, [0, 100], 4);
  assert.deepEqual(pieces, [
    { step: 0, line: [[179, 50], [180, 50]] },
    { step: 2, line: [[180, 50], [181, 50]] },
    { step: 3, line: [[181, 50], [182, 50]] },
  ]);
  assert.equal(coloured(track, () => null, null, 4)[0].step, -1);
});

test("days and moments go into fields and addresses and come back", () => {
  const time = new Date(2026, 5, 1, 8, 15, 7).getTime();
  assert.equal(dayText(time), "2026-06-01");
  assert.equal(momentOf(momentText(time)), time);
  assert.equal(dayOf("2026-06-01"), new Date(2026, 5, 1).getTime());
  assert.equal(dayOf("2026-06-30", 1), new Date(2026, 6, 1).getTime());
  assert.equal(addressed(addressOf(time)), time);
  for (const text of ["", "yesterday", "2026-06-01", "2026-06-01T08:15:00", undefined]) assert.equal(addressed(text), null);
  assert.deepEqual([dayOf("x"), momentOf("x")], [null, null]);
});
