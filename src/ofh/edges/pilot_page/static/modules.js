// Pilot's modules: what each is given, in which order they are loaded, and which need which (dji-pilot-2.md, 1.5 and
// 1.6). The native clients go on when the page is left, so whatever loads one asks first.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});
  const view = OFH.view;
  const now = OFH.state.now;
  const call = OFH.bridge.call;
  const explain = OFH.bridge.explain;
  const isYes = OFH.bridge.isYes;

  const ELEMENT_PREFIX = "HUB";
  // In the order in which they are loaded; whatever stands behind one may need it.
  const ALL = ["api", "thing", "liveshare", "ws", "map", "tsa", "media"];
  const STEP_OF = { api: "api", thing: "mqtt", liveshare: "live", ws: "ws", map: "map", tsa: "tsa", media: "media" };
  const NAMES = {
    api: "API",
    thing: "MQTT",
    liveshare: "Live video",
    ws: "Websocket",
    map: "Shared map",
    tsa: "Other aircraft",
    media: "Photos and videos"
  };
  const TOGETHER = {
    api: ["api", "map", "tsa", "media"],
    thing: ["thing", "liveshare", "ws", "map", "tsa", "media"],
    liveshare: ["liveshare"],
    ws: ["ws", "map", "tsa"],
    map: ["map"],
    tsa: ["tsa"],
    media: ["media"]
  };

  // Live video is for hubs with a media server: a Pilot that is commanded without this module may hang.
  function isUsed(module) {
    return module !== "liveshare" || Boolean(now.sdk && now.sdk.rtmp_url);
  }

  function isLoaded(module) {
    return isYes(call("platformIsComponentLoaded", module));
  }

  function load(module, parameters) {
    const got = call("platformLoadComponent", module, JSON.stringify(parameters));
    if (got.ok) view.step(STEP_OF[module], "ok", "Loaded");
    else view.failed(STEP_OF[module], explain(got));
    return got.ok;
  }

  const LOADS = {
    api: function () {
      const loaded = load("api", { host: now.sdk.api_url, token: now.sdk.api_token });
      if (loaded) call("apiSetToken", now.sdk.api_token);
      return loaded;
    },
    thing: function () {
      const loaded = load("thing", {
        host: now.sdk.mqtt_url,
        username: now.sdk.mqtt_username,
        password: now.sdk.mqtt_password,
        connectCallback: "connectCallback"
      });
      // Pilot may have called back already.
      if (loaded) view.step("mqtt", now.isConnected ? "ok" : "busy", (now.isConnected ? "Connected to " : "Connecting to ") + now.sdk.mqtt_url);
      return loaded;
    },
    // Started by the hub alone: what the pilot would start by hand has no address.
    liveshare: function () {
      return load("liveshare", { videoPublishType: "video-on-demand", statusCallback: "liveStatusCallback" });
    },
    ws: function () {
      now.isWsConnected = false;
      const loaded = load("ws", { host: now.sdk.ws_url, token: now.sdk.api_token, connectCallback: "wsConnectCallback" });
      if (loaded) view.step("ws", now.isWsConnected ? "ok" : "busy", now.isWsConnected ? "Connected" : "Connecting …");
      return loaded;
    },
    map: function () {
      return load("map", { userName: now.sdk.connection_name, elementPreName: ELEMENT_PREFIX });
    },
    tsa: function () {
      return load("tsa", {});
    },
    media: function () {
      const chosen = OFH.switches.chosen();
      if (!load("media", chosen)) return false;
      const owner = call("mediaSetDownloadOwner", 0);
      if (!owner.ok && !owner.isMissing) view.step("media", "note", "Loaded", explain(owner)[0]);
      OFH.switches.show(chosen);
      return true;
    }
  };

  // A module that ran already when the page was opened.
  function found(module) {
    if (module === "ws") window.wsConnectCallback(isYes(call("wsGetConnectState")));
    else view.step(STEP_OF[module], "ok", "Loaded");
    if (module === "media") OFH.switches.read();
  }

  // Whatever comes behind MQTT and is not there yet.
  function loadRest() {
    ALL.slice(2)
      .filter(isUsed)
      .forEach(function (module) {
        if (isLoaded(module)) found(module);
        else LOADS[module]();
      });
  }

  function unload(modules) {
    modules
      .slice()
      .reverse()
      .forEach(function (module) {
        if (isLoaded(module)) call("platformUnloadComponent", module);
      });
  }

  // A module and those that are loaded and need it: unloaded, and loaded again but for what has to wait for MQTT.
  function reload(module) {
    const modules = TOGETHER[module].filter(function (name) {
      return name === module || isLoaded(name);
    });
    unload(modules);
    if (module === "thing") return;
    modules.forEach(function (name) {
      LOADS[name]();
    });
  }

  // The rows of the list.
  function rows(pressed) {
    return ALL.filter(isUsed).map(function (module) {
      return {
        id: STEP_OF[module],
        title: NAMES[module],
        reload: function () {
          pressed(module);
        }
      };
    });
  }

  OFH.modules = {
    isLoaded: isLoaded,
    loadApi: LOADS.api,
    loadRest: loadRest,
    loadThing: LOADS.thing,
    reload: reload,
    rows: rows,
    unload: unload,
    unloadAll: function () {
      unload(ALL);
    }
  };
})();
