import assert from "node:assert/strict";
import { test } from "node:test";
import { areaOfGround, beside, boundsOf, linesOf, ringsOf } from "./map/outlines.js";

const square = (west, south, size) => [[west, south], [west + size, south], [west + size, south + size], [west, south + size], [west, south]];

test("ground is drawn round with all its rings, holes too", () => {
  const ground = { type: "MultiPolygon", coordinates: [[square(0, 0, 10), square(2, 2, 3)], [square(20, 0, 1)]] };
  assert.deepEqual(linesOf(ground), ringsOf(ground));
  assert.equal(ringsOf(ground).length, 3);
  assert.deepEqual(ringsOf({ type: "Polygon", coordinates: [square(0, 0, 1)] }), [square(0, 0, 1)]);
});

test("where the antimeridian alone cuts it, no line is drawn", () => {
  const east = [[179, 0], [180, 0], [180, 2], [179, 2], [179, 0]];
  const west = [[-180, 2], [-180, 0], [-179, 0], [-179, 2], [-180, 2]];
  assert.deepEqual(linesOf({ type: "MultiPolygon", coordinates: [[east], [west]] }), [
    [[180, 2], [179, 2], [179, 0], [180, 0]],
    [[-180, 0], [-179, 0], [-179, 2], [-180, 2]],
  ]);
  // One that is cut twice comes in two lines, and every edge but the cuts is there once.
  const twice = [[179, 0], [180, 0], [180, 1], [179.5, 1.5], [180, 2], [180, 3], [179, 3], [179, 0]];
  const lines = linesOf({ type: "Polygon", coordinates: [twice] });
  assert.deepEqual(lines, [[[180, 1], [179.5, 1.5], [180, 2]], [[180, 3], [179, 3], [179, 0], [180, 0]]]);
  // A point on it is no cut.
  assert.equal(linesOf({ type: "Polygon", coordinates: [[[180, 0], [179, 1], [179, -1], [180, 0]]] })[0].length, 4);
});

test("beside the antimeridian all is drawn in one place, and elsewhere stays where it is", () => {
  const ground = { type: "Polygon", coordinates: [square(-179.9, 0, 0.2)] };
  assert.equal(beside(ground, -179.5), ground);
  assert.deepEqual(beside(ground, 179.9).coordinates[0][0], [-179.9 + 360, 0]);
  assert.deepEqual(beside({ type: "Point", coordinates: [179.9, 1] }, -179.9).coordinates, [179.9 - 360, 1]);
  assert.deepEqual(boundsOf(ringsOf(beside(ground, 540)).flat()), [-179.9 + 720, 0, -179.9 + 0.2 + 720, 0.2]);
  assert.equal(boundsOf([]), null);
});

test("what holds ground that the antimeridian cuts goes over it, not round the world", () => {
  const ground = { type: "MultiPolygon", coordinates: [[square(-180, 0, 1)], [square(179, -1, 1)]] };
  assert.deepEqual(areaOfGround(ground), { west: 179, south: -1, east: -179, north: 1 });
  assert.deepEqual(areaOfGround({ type: "MultiPolygon", coordinates: [[square(5, 0, 1)], [square(1, 2, 1)]] }), { west: 1, south: 0, east: 6, north: 3 });
  assert.equal(areaOfGround({ type: "MultiPolygon", coordinates: [] }), null);
});
