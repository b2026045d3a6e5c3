// Calls DJI's bridge and reads what it returns (dji-pilot-2.md, 1.3 and 1.8). ES2017, a plain script: the webview of a
// controller is old. Everything hangs off `OFH`.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});

  // Their `data` is JSON text once more.
  const TWICE = ["thingGetConfigs", "liveshareGetConfig", "liveshareGetStatus", "platformGetVersion"];
  const KEPT_CALLS = 60;

  // What the codes mean, and what to do. DJI's current documentation has lost this table; it is from 2022.
  const CODES = {
    615000: ["Pilot could not do this.", "Try again; if it stays, restart DJI Pilot 2 and open this page again."],
    615001: ["No device is connected.", "Switch the aircraft on and wait until the controller has linked to it."],
    615002: ["Pilot did not accept a value.", "This is a fault of the hub. Report it with the details of this page."],
    615003: ["The module API is not loaded.", "Reload API, then this."],
    615004: ["Pilot does not accept the token.", "Log in again."],
    615005: ["The module Websocket is not loaded.", "Reload Websocket, then this."],
    615006: ["Pilot did not accept the websocket's address or token.", "This is a fault of the hub's settings. Report it with the details of this page."],
    615007: ["Pilot could not read a text that it was to send.", "This is a fault of the hub. Report it with the details of this page."],
    615008: ["The module Live video is not loaded.", "Reload Live video."],
    615009: ["Live video is not in a manual mode.", "It is started by the hub. Open this page again."],
    615010: ["The module Shared map is not loaded.", "Reload Shared map."],
    615011: ["The module MQTT is not loaded.", "Reload MQTT, then this."],
    615012: ["The module Photos and videos is not loaded.", "Reload Photos and videos."],
    615013: ["Pilot has not verified the DJI licence, and refuses everything.", "Give the controller internet access, then press Check again."]
  };

  // The last calls, for the details: never their arguments, which hold secrets.
  const calls = [];

  function bridge() {
    return window.djiBridge;
  }

  function isThere() {
    return typeof window.djiBridge !== "undefined" && window.djiBridge !== null;
  }

  function result(ok, value, more) {
    return Object.assign({ ok: ok, value: value, code: 0, message: "", raw: "", isMissing: false }, more);
  }

  function parsed(text) {
    try {
      return { value: JSON.parse(text) };
    } catch (error) {
      return null;
    }
  }

  // What a function returned, as `ok` and `value`. Some builds return nothing or a bare boolean.
  function read(name, returned) {
    let found = returned;
    for (let round = 0; typeof found === "string" && round < 2; round += 1) {
      const inner = parsed(found);
      if (inner === null) return result(false, null, { raw: String(returned) });
      found = inner.value;
    }
    if (found === undefined || found === null) return result(true, null);
    if (typeof found === "boolean") return result(found, found);
    if (typeof found !== "object" || found.code === undefined) return result(false, null, { raw: String(returned) });
    const code = Number(found.code);
    const message = found.message === undefined || found.message === null ? "" : String(found.message);
    if (code !== 0) return result(false, null, { code: code, message: message });
    let data = found.data === undefined ? null : found.data;
    if (typeof data === "string" && TWICE.indexOf(name) >= 0) {
      const inner = parsed(data);
      if (inner === null) return result(false, null, { message: message, raw: data });
      data = inner.value;
    }
    return result(data !== false, data, { message: message });
  }

  function call(name) {
    const given = Array.prototype.slice.call(arguments, 1);
    let got;
    if (!isThere() || typeof bridge()[name] !== "function") {
      got = result(false, null, { isMissing: true });
    } else {
      try {
        got = read(name, bridge()[name].apply(bridge(), given));
      } catch (error) {
        got = result(false, null, { raw: String(error) });
      }
    }
    const isNo = got.value === false && /Is[A-Z]|State$/.test(name);
    const message = got.isMissing ? "not there" : got.message || got.raw;
    calls.push({ name: name, about: about(name, given), ok: got.ok, isNo: isNo, code: got.code, message: message });
    if (calls.length > KEPT_CALLS) calls.shift();
    return got;
  }

  function about(name, given) {
    return /Component/.test(name) ? String(given[0]) : "";
  }

  // Whether a function that answers a question said yes.
  function isYes(got) {
    return got.value === true || got.value === "true";
  }

  // The text of a function that returns one; empty where there is none.
  function text(got) {
    return got.ok && (typeof got.value === "string" || typeof got.value === "number") ? String(got.value) : "";
  }

  // Why a call failed and what to do, in plain words.
  function explain(got) {
    if (got.isMissing) return ["This DJI Pilot 2 is too old for it.", "Update DJI Pilot 2 on the controller."];
    if (got.raw) return ["Pilot answered something unexpected: " + got.raw.slice(0, 120), CODES[615000][1]];
    if (got.code === 0) return ["Pilot said no.", CODES[615000][1]];
    const known = CODES[got.code];
    const said = got.message ? " Pilot says: " + got.message.slice(0, 120) : "";
    if (!known) return ["Pilot could not do this (code " + got.code + ")." + said, CODES[615000][1]];
    return [known[0] + " (" + got.code + ")" + (got.code === 615000 || got.code === 615002 ? said : ""), known[1]];
  }

  OFH.bridge = { call: call, calls: calls, explain: explain, isThere: isThere, isYes: isYes, read: read, text: text };
})();
