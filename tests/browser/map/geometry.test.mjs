import assert from "node:assert/strict";
import { test } from "node:test";
import * as geometry from "./map/geometry.js";
import { project, roundsBeside } from "./map/camera.js";

const near = (found, wanted, within = 1e-9) => assert.ok(Math.abs(found - wanted) <= within, `${found} is not ${wanted}`);

test("a place goes to mercator and back", () => {
  for (const place of [{ longitude: 0, latitude: 0 }, { longitude: -179.9, latitude: 84 }, { longitude: 151.2, latitude: -33.9 }]) {
    const back = geometry.fromMercator(geometry.toMercator(place));
    near(back.longitude, place.longitude);
    near(back.latitude, place.latitude);
  }
  near(geometry.mercatorY(geometry.MAX_LATITUDE), 0, 1e-7);
  assert.equal(geometry.mercatorY(90), geometry.mercatorY(geometry.MAX_LATITUDE));
});

test("a turn is the shorter one", () => {
  assert.equal(geometry.shortestTurn(350, 10), 20);
  assert.equal(geometry.shortestTurn(10, 350), -20);
  assert.equal(geometry.shortestTurn(0, 180), -180);
  assert.equal(geometry.shortestTurn(725, 0), -5);
  for (let from = -400; from < 400; from += 37)
    for (let to = -400; to < 400; to += 41) {
      const turn = geometry.shortestTurn(from, to);
      assert.ok(turn >= -180 && turn < 180);
      assert.equal((((from + turn - to) % 360) + 360) % 360, 0);
    }
});

test("distances and courses are those of the globe", () => {
  near(geometry.distance({ longitude: 0, latitude: 0 }, { longitude: 1, latitude: 0 }), 111_195, 1);
  near(geometry.distance({ longitude: 179.5, latitude: 60 }, { longitude: -179.5, latitude: 60 }), 55_594, 30);
  near(geometry.course({ longitude: 179.9, latitude: 0 }, { longitude: -179.9, latitude: 0 }), 90);
  near(geometry.course({ longitude: 8, latitude: 47 }, { longitude: 8, latitude: 46 }), 180);
});

test("a great circle is short, keeps both ends, and never jumps over 180 degrees", () => {
  const [tokyo, vancouver] = [{ longitude: 139.8, latitude: 35.5 }, { longitude: -123.2, latitude: 49.2 }];
  const line = geometry.greatCircle(tokyo, vancouver, 100_000);
  assert.deepEqual(line[0], tokyo);
  near(line.at(-1).longitude, 360 - 123.2);
  let length = 0;
  for (let i = 1; i < line.length; i++) {
    length += geometry.distance(line[i - 1], line[i]);
    assert.ok(Math.abs(line[i].longitude - line[i - 1].longitude) < 10);
  }
  near(length, geometry.distance(tokyo, vancouver), 10);
  assert.ok(Math.max(...line.map((place) => place.latitude)) > 53, "it goes far north");
  assert.equal(geometry.greatCircle(tokyo, tokyo).length, 2);
});

test("the area of a fleet is the smallest one, over 180 degrees too", () => {
  assert.equal(geometry.areaOf([]), null);
  const at = (longitude, latitude = 0) => ({ longitude, latitude });
  assert.deepEqual(geometry.areaOf([at(8, 47), at(9, 46)]), { west: 8, south: 46, east: 9, north: 47 });
  assert.deepEqual(geometry.areaOf([at(179), at(-179, 5), at(178, -5)]), { west: 178, south: -5, east: -179, north: 5 });
  assert.deepEqual(geometry.areaOf([at(-12, 3)]), { west: -12, south: 3, east: -12, north: 3 });
});

test("what the map shows is an area that the hub takes", () => {
  assert.deepEqual(geometry.shownArea(170, -10, 190, 10), { west: 170, south: -10, east: -170, north: 10 });
  assert.deepEqual(geometry.shownArea(-300, -95, 300, 95), { west: -180, south: -90, east: 180, north: 90 });
  assert.deepEqual(geometry.shownArea(0, 0, 10, 10, 0.5), { west: -5, south: -5, east: 15, north: 15 });
});

test("the camera puts its middle where it is, east to the right, and with the bearing what it is up", () => {
  const camera = { x: 0.999, y: 0.5, left: 400, top: 300, world: 100_000, zoom: 8, bearing: 0, cos: 1, sin: 0, width: 800, height: 600 };
  assert.deepEqual(project(camera, 0.999, 0.5), { x: 400, y: 300 });
  near(project(camera, 0.0005, 0.5).x, 550, 1e-6); // over 180 degrees
  const east = project({ ...camera, bearing: 90, cos: 0, sin: 1 }, 1, 0.5);
  near(east.x, 400, 1e-6);
  near(east.y, 200, 1e-6);
  assert.deepEqual([100_000, 800, 300].map((world) => roundsBeside({ ...camera, world })), [0, 1, 2]);
});
