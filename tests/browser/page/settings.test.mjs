import assert from "node:assert/strict";
import { test } from "node:test";

const kept = new Map();
let told;
Object.assign(globalThis, {
  matchMedia: () => ({ matches: false, addEventListener() {} }),
  addEventListener: (name, listener) => name === "storage" && (told = listener),
  document: { documentElement: { dataset: {} } },
  localStorage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) },
});
Object.defineProperty(globalThis, "navigator", { value: { language: "en", languages: ["en"] } });
const { Settings } = await import("./model/settings.js");

test("what another tab chooses holds in this one, is told once, and is not undone by the next choice here", () => {
  const settings = new Settings();
  const names = [];
  settings.on("change", (name) => names.push(name));
  kept.set("ofh.dashboard", JSON.stringify({ sound: true, theme: "dark" }));
  told({ key: "ofh.dashboard" });
  assert.deepEqual([settings.sound, settings.theme, names.sort()], [true, "dark", ["sound", "theme"]]);
  settings.set("units", "imperial");
  assert.equal(JSON.parse(kept.get("ofh.dashboard")).sound, true);
  told({ key: "ofh.workspace" });
  assert.equal(names.length, 3);
});
