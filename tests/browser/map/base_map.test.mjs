import assert from "node:assert/strict";
import { test } from "node:test";

/** As much of a document as a note needs. */
const element = () => ({
  children: [], listeners: {}, textContent: "",
  setAttribute() {}, remove() {},
  addEventListener(kind, listener) { this.listeners[kind] = listener; },
  replaceChildren(...children) { this.children = children; },
  get firstChild() { return this.children[0] ?? null; },
});
globalThis.document = { createElement: element };
globalThis.location = { href: "https://hub.example/" };
console.warn = () => {};
const { BaseMap } = await import("./map/base_map.js");

const WORDS = { "BaseMap.Missing": "missing", "BaseMap.Partial": "partial", "BaseMap.Again": "again" };
const OWN = "https://maps.example/style.json";
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A base map, what its map was told, and what it says. */
function world(source) {
  const listeners = {};
  const made = { styles: [], note: null };
  const bounds = { getWest: () => 9, getSouth: () => 50, getEast: () => 10, getNorth: () => 51 };
  const map = {
    on: (kind, listener) => (listeners[kind] ??= new Set()).add(listener),
    off: (kind, listener) => listeners[kind]?.delete(listener),
    addControl: (control) => (made.note = control.onAdd()),
    setStyle: (style) => made.styles.push(typeof style === "string" ? style : Object.keys(style.sources).join()),
    getSource: () => null, addSource() {}, addLayer() {}, getZoom: () => 5, getBounds: () => bounds,
  };
  made.tell = (kind, event) => [...(listeners[kind] ?? [])].forEach((listener) => listener(event));
  made.base = new BaseMap({ map, source, theme: "light", words: WORDS });
  made.says = () => made.note.firstChild?.textContent ?? "";
  return made;
}

test("a style that cannot be loaded is stood in for by the hub's own map, which says so, and is tried again on demand", async () => {
  const made = world({ style: OWN, pmtiles: null });
  await settled();
  assert.deepEqual([made.styles, made.says()], [[OWN], ""]);
  made.tell("error", { error: new Error("404") });
  assert.deepEqual([made.styles, made.says()], [[OWN, "world"], "missing"]);
  made.tell("style.load", {});
  made.tell("error", { error: new Error("late") });
  assert.deepEqual([made.styles.length, made.says()], [2, "missing"]);
  made.note.children[1].listeners.click();
  await settled();
  made.tell("style.load", {});
  assert.deepEqual([made.styles, made.says()], [[OWN, "world", OWN], ""]);
  made.base.destroy();
});

test("an archive that is none is stood in for too", async (context) => {
  const fetched = context.mock.method(globalThis, "fetch", async () => new Response(new Uint8Array(200), { status: 206 }));
  const made = world({ style: null, pmtiles: "/dashboard/map.pmtiles" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(fetched.mock.calls[0].arguments[0], "https://hub.example/dashboard/map.pmtiles");
  assert.deepEqual([made.styles, made.says()], [["world"], "missing"]);
  made.base.destroy();
});

test("tiles that do not come are told of until one does", async () => {
  const made = world({ style: OWN, pmtiles: null });
  await settled();
  made.tell("style.load", {});
  made.tell("error", { error: new Error("blocked") });
  assert.deepEqual([made.styles, made.says()], [[OWN], "partial"]);
  made.tell("sourcedata", { source: { type: "geojson" }, tile: { hasData: () => true } });
  assert.equal(made.says(), "partial");
  made.tell("sourcedata", { source: { type: "raster" }, tile: { hasData: () => true } });
  assert.equal(made.says(), "");
  made.base.destroy();
});

test("where nothing was set the hub's own map says nothing", async () => {
  const made = world({ style: null, pmtiles: null });
  made.tell("style.load", {});
  made.tell("error", { error: new Error("odd") });
  await settled();
  assert.deepEqual([made.styles, made.says()], [["world"], ""]);
  made.base.destroy();
});
