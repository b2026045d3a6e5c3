// Stands for DJI's bridge in an ordinary browser: injected before the page loads, as Pilot does it (dji-pilot-2.md, 1.3 to
// 1.8). What a scenario wants otherwise stands in `window.__scenario`:
//
//   style     how results are written: "string" (as documented), "object", "double" (JSON text of JSON text), "nothing"
//             (setters return undefined), "bare" (a bare boolean)
//   returns   {function: value, or a list of them, one for each call}: returned as it stands; {"$": "undefined"} for that
//   missing   functions that this Pilot does not have yet
//   throws    functions that raise
//   connects  whether MQTT and the websocket are reached: then their callbacks come by themselves
//   atOnce    whether callbacks come within the call
//   verifies  whether the licence is taken
//   controller, aircraft   serial numbers; an empty aircraft is code 615001
//
// The native clients outlive the page: their state is kept in the tab's sessionStorage.
(function () {
  "use strict";
  const scenario = Object.assign(
    { style: "string", returns: {}, missing: [], throws: [], connects: true, atOnce: false, verifies: true, controller: "5XTESTRCP00001", aircraft: "1581XTESTM30T0001" },
    window.__scenario
  );
  const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
  const FREE = ["platformVerifyLicense", "platformIsVerified", "platformGetVersion"];
  const fresh = { verified: false, loaded: [], modules: {}, token: "", workspace: "", connected: false, wsConnected: false, media: {} };
  const native = Object.assign(fresh, JSON.parse(sessionStorage.getItem("__native") || "{}"));
  const calls = (window.__calls = []);
  const times = {};

  function save() {
    sessionStorage.setItem("__native", JSON.stringify(native));
  }
  window.__native = native;

  function answer(code, message, data) {
    return { code: code, message: message, data: data === undefined ? {} : data };
  }
  const done = function (data) {
    return answer(0, "success", data);
  };
  const bad = function () {
    return answer(615002, "invalid parameter");
  };

  function back(name, value) {
    function now() {
      if (typeof window[name] === "function") window[name](value);
    }
    if (scenario.atOnce) now();
    else setTimeout(now, 10);
  }

  function has(module) {
    return native.loaded.indexOf(module) >= 0;
  }

  function load(module, text) {
    let given;
    try {
      given = JSON.parse(text);
    } catch (error) {
      return bad();
    }
    if (typeof text !== "string" || given === null || typeof given !== "object") return bad();
    switch (module) {
      case "thing":
        if (!/^(tcp|ssl|wss?):\/\/[^/]+:\d+/.test(given.host) || !given.username || !given.password) return bad();
        if (typeof given.connectCallback !== "string") return bad();
        break;
      case "api":
        if (!/^https?:\/\/[^/]+$/.test(given.host) || !given.token) return bad();
        native.token = given.token;
        break;
      case "ws":
        if (!/^wss?:\/\/[^/]+\/[^?]*$/.test(given.host) || !given.token || typeof given.connectCallback !== "string") return answer(615006, "ws host or token");
        break;
      case "map":
        if (typeof given.userName !== "string" || typeof given.elementPreName !== "string") return bad();
      // falls through: it needs the same
      case "tsa":
        if (!has("api")) return answer(615003, "api not loaded");
        if (!has("ws")) return answer(615005, "ws not loaded");
        if (!has("thing")) return answer(615011, "thing not loaded");
        break;
      case "media":
        if (!has("api")) return answer(615003, "api not loaded");
        if (!has("thing")) return answer(615011, "thing not loaded");
        if (!native.workspace) return bad();
        native.media = given;
        break;
      case "liveshare":
        if (!has("thing")) return answer(615011, "thing not loaded");
        if (["video-on-demand", "video-by-manual", "video-demand-aux-manual"].indexOf(given.videoPublishType) < 0) return bad();
        if (typeof given.statusCallback !== "string") return bad();
        break;
      default:
        return bad();
    }
    if (!has(module)) native.loaded.push(module);
    native.modules[module] = given;
    if (module === "thing" && scenario.connects) {
      native.connected = true;
      back(given.connectCallback, true);
    }
    if (module === "ws" && scenario.connects) {
      native.wsConnected = true;
      back(given.connectCallback, true);
    }
    return done();
  }

  function needs(module, code, work) {
    return has(module) ? work() : answer(code, module + " not loaded");
  }

  const functions = {
    platformVerifyLicense: function (id, key, licence) {
      const isText = [id, key, licence].every(function (item) {
        return typeof item === "string" && item;
      });
      native.verified = isText && scenario.verifies;
      return native.verified ? done(true) : answer(615000, "license verify failed", false);
    },
    platformIsVerified: function () {
      return answer(0, "", native.verified);
    },
    platformGetVersion: function () {
      return done(JSON.stringify({ modelVersion: "RC Plus", appVersion: "7.1.0.22" }));
    },
    platformSetInformation: function (name, workspace, description) {
      native.information = [name, workspace, description];
      return done();
    },
    platformSetWorkspaceId: function (uuid) {
      if (!UUID.test(uuid)) return bad();
      native.workspace = uuid;
      return done();
    },
    platformGetRemoteControllerSN: function () {
      return answer(0, "", scenario.controller);
    },
    platformGetAircraftSN: function () {
      return scenario.aircraft ? answer(0, "", scenario.aircraft) : answer(615001, "device not connect");
    },
    platformIsComponentLoaded: function (module) {
      return done(has(module));
    },
    platformLoadComponent: load,
    platformUnloadComponent: function (module) {
      native.loaded = native.loaded.filter(function (item) {
        return item !== module;
      });
      if (module === "thing") native.connected = false;
      if (module === "ws") native.wsConnected = false;
      return done();
    },
    platformStopSelf: function () {
      if (typeof window.djiBridge.onStopPlatform === "function") window.djiBridge.onStopPlatform();
      native.loaded = [];
      native.token = "";
      return done();
    },
    thingGetConnectState: function () {
      return needs("thing", 615011, function () {
        return done(native.connected);
      });
    },
    thingGetConfigs: function () {
      return needs("thing", 615011, function () {
        return answer(0, "", JSON.stringify(native.modules.thing));
      });
    },
    apiGetToken: function () {
      return needs("api", 615003, function () {
        return answer(0, "", native.token);
      });
    },
    apiGetHost: function () {
      return needs("api", 615003, function () {
        return answer(0, "", native.modules.api.host);
      });
    },
    apiSetToken: function (token) {
      return needs("api", 615003, function () {
        native.token = token;
        return done();
      });
    },
    wsGetConnectState: function () {
      return needs("ws", 615005, function () {
        return done(native.wsConnected);
      });
    },
    mediaSetDownloadOwner: function (owner) {
      return needs("media", 615012, function () {
        return owner === 0 || owner === 1 ? done() : bad();
      });
    }
  };
  [
    ["AutoUploadPhoto", "autoUploadPhoto"],
    ["UploadPhotoType", "autoUploadPhotoType"],
    ["AutoUploadVideo", "autoUploadVideo"]
  ].forEach(function (pair) {
    functions["mediaSet" + pair[0]] = function (value) {
      return needs("media", 615012, function () {
        native.media[pair[1]] = value;
        return done();
      });
    };
    functions["mediaGet" + pair[0]] = function () {
      return needs("media", 615012, function () {
        return done(native.media[pair[1]]);
      });
    };
  });

  function written(name, found) {
    const isSetter = !/(Get|Is)[A-Z]/.test(name);
    switch (scenario.style) {
      case "object":
        return found;
      case "double":
        return JSON.stringify(JSON.stringify(found));
      case "nothing":
        return isSetter && found.code === 0 ? undefined : JSON.stringify(found);
      case "bare":
        if (isSetter && found.code === 0) return true;
        return typeof found.data === "boolean" && found.code === 0 ? found.data : JSON.stringify(found);
      default:
        return JSON.stringify(found);
    }
  }

  function given(name) {
    const value = scenario.returns[name];
    if (!Array.isArray(value)) return value;
    times[name] = (times[name] || 0) + 1;
    return value[Math.min(times[name], value.length) - 1];
  }

  window.djiBridge = {};
  Object.keys(functions).forEach(function (name) {
    if (scenario.missing.indexOf(name) >= 0) return;
    window.djiBridge[name] = function () {
      const values = Array.prototype.slice.call(arguments);
      calls.push([name].concat(values));
      if (this !== window.djiBridge) throw new Error("called without its object");
      if (scenario.throws.indexOf(name) >= 0) throw new Error("Java exception was raised during method invocation");
      if (name in scenario.returns) {
        const value = given(name);
        if (value !== "as usual") return value !== null && typeof value === "object" && value.$ === "undefined" ? undefined : value;
      }
      const isRefused = !native.verified && FREE.indexOf(name) < 0;
      const found = isRefused ? answer(615013, "not verified") : functions[name].apply(null, values);
      save();
      return written(name, found);
    };
  });
})();
