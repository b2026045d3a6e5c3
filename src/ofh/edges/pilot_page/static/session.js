// The session with Pilot: the calls in the order of dji-pilot-2.md, 1.4, whose numbers stand beside them. A page that is
// opened again finds the native clients running, and takes them as they are unless the hub says otherwise by now.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});
  const hub = OFH.hub;
  const view = OFH.view;
  const modules = OFH.modules;
  const now = OFH.state.now;
  const kept = OFH.state.kept;
  const call = OFH.bridge.call;
  const explain = OFH.bridge.explain;
  const isYes = OFH.bridge.isYes;

  const DESCRIPTION = "Live fleet, photos and videos";
  const MQTT_PATIENCE_MS = 20000;
  const LOOK_MS = 5000;
  const LOOK_LATER_MS = 30000;
  const LIVE = 2;

  let mqttTimer = 0;
  let lookTimer = 0;

  // Steps 2 and 3. Everything else is refused before.
  async function verify() {
    const sdk = now.sdk;
    if (!sdk.app_id || !sdk.app_key || !sdk.app_license) {
      view.failed("licence", [
        "The hub has no DJI licence.",
        "Whoever runs the hub registers a Cloud API app at developer.dji.com and sets OFH_DJI_APP_ID, OFH_DJI_APP_KEY and OFH_DJI_APP_LICENSE."
      ]);
      return false;
    }
    view.step("licence", "busy");
    const given = call("platformVerifyLicense", String(sdk.app_id), sdk.app_key, sdk.app_license);
    const verified = call("platformIsVerified");
    if (verified.isMissing ? given.ok : verified.ok) {
      view.step("licence", "ok", "Verified");
      return true;
    }
    const why = given.ok ? ["Pilot has not verified the DJI licence.", ""] : explain(given);
    const problem = [
      why[0],
      "Give the controller internet access and press Check again. If it stays, compare app id, key and licence of the hub with developer.dji.com."
    ];
    view.failed("licence", problem);
    await hub.tell({ licence_problem: (given.code ? given.code + " " : "") + (given.message || problem[0]).slice(0, 150) });
    return false;
  }

  // Steps 4 to 11.
  async function open() {
    const hadApi = modules.isLoaded("api"); // 4
    const token = hadApi ? OFH.bridge.text(call("apiGetToken")) : "";
    let isSame = true;
    let isNewToken = false;
    if (!hadApi) {
      modules.loadApi(); // 6
    } else {
      isSame = OFH.bridge.text(call("apiGetHost")) === now.sdk.api_url;
      isNewToken = isSame && token !== now.sdk.api_token;
      if (isNewToken) call("apiSetToken", now.sdk.api_token);
      view.step("api", "ok", "Loaded");
    }
    listen(); // 7
    now.controller = OFH.bridge.text(call("platformGetRemoteControllerSN")); // 8
    now.aircraft = OFH.bridge.text(call("platformGetAircraftSN"));
    await tellController();
    if (!modules.isLoaded("thing")) return begin(); // 9
    const configs = call("thingGetConfigs");
    const held = configs.ok && configs.value ? configs.value : {};
    isSame =
      isSame &&
      held.host === now.sdk.mqtt_url &&
      held.username === now.sdk.mqtt_username &&
      (held.password === undefined || held.password === now.sdk.mqtt_password) &&
      kept("workspace") === now.config.workspace_uuid;
    if (!isSame) return beginAnew();
    return resume(isNewToken);
  }

  async function tellController() {
    const told = { licence_problem: "" };
    if (now.controller) told.remote_controller_sn = now.controller;
    const answer = await hub.tell(told);
    const aircraft = now.aircraft ? "aircraft " + now.aircraft : "no aircraft linked yet";
    const text = (now.controller || "Serial number unknown") + ", " + aircraft;
    if (answer.body.remote_controller_bound === false) {
      view.step("controller", "failed", text, "The hub did not take this controller. If it is still online in another workspace, exit the platform there, wait a minute, then press Check again.");
    } else {
      view.step("controller", now.controller ? "ok" : "note", text);
    }
  }

  // Step 7: Pilot calls these by their names.
  function listen() {
    window.djiBridge.onBackClick = function () {
      if (view.shown() !== "details") return false;
      view.show("pilot");
      return true;
    };
    window.djiBridge.onStopPlatform = function () {
      now.isLeft = true;
      OFH.state.forget();
      hub.leave();
    };
    window.connectCallback = function (state) {
      mqttChanged(isOn(state));
    };
    window.wsConnectCallback = function (state) {
      now.isWsConnected = isOn(state);
      if (now.isWsConnected) view.step("ws", "ok", "Connected");
      else view.step("ws", "busy", "Not connected; Pilot tries again by itself");
    };
    window.liveStatusCallback = function (state) {
      view.step("live", "ok", statusOf(state) === LIVE ? "Streaming" : "Loaded");
    };
  }

  // Of a callback that is given an object, or the same as JSON text.
  function statusOf(state) {
    let found = state;
    try {
      found = typeof state === "string" ? JSON.parse(state) : state;
    } catch (error) {
      return 0;
    }
    return found ? Number(found.status) : 0;
  }

  function isOn(state) {
    return Boolean(state) && state !== "false";
  }

  // Steps 10 and 11.
  function begin() {
    const told = call("platformSetInformation", now.config.platform_name, now.config.workspace_name, DESCRIPTION);
    const set = call("platformSetWorkspaceId", now.config.workspace_uuid);
    if (!set.ok) {
      view.failed("hub", explain(set));
      return;
    }
    OFH.state.keep("workspace", now.config.workspace_uuid);
    if (!told.ok) view.step("hub", "note", "Logged in", "Pilot could not show the workspace's name: " + explain(told)[0]);
    now.isConnected = false;
    if (modules.loadThing()) waitForMqtt();
  }

  // The page was opened again: the display, and what is still missing.
  function resume(isNewToken) {
    call("platformSetInformation", now.config.platform_name, now.config.workspace_name, DESCRIPTION);
    if (isNewToken && modules.isLoaded("ws")) modules.unload(["ws", "map", "tsa"]);
    if (isYes(call("thingGetConnectState"))) {
      mqttChanged(true);
    } else {
      view.step("mqtt", "busy", "Connecting to " + now.sdk.mqtt_url + " …");
      waitForMqtt();
    }
  }

  // Another connection, workspace or address: unload and load anew.
  function beginAnew() {
    modules.unloadAll();
    modules.loadApi();
    begin();
  }

  // Step 13: may come several times.
  function mqttChanged(isConnected) {
    window.clearTimeout(mqttTimer);
    if (now.isLeft) return;
    if (!isConnected) {
      now.isConnected = false;
      view.step("mqtt", "busy", "Connection lost; Pilot tries again by itself");
      waitForMqtt();
      return;
    }
    view.step("mqtt", "ok", "Connected to " + now.sdk.mqtt_url);
    if (now.isConnected) return;
    now.isConnected = true;
    modules.loadRest(); // 14 to 18
    look();
  }

  function waitForMqtt() {
    window.clearTimeout(mqttTimer);
    const until = Date.now() + MQTT_PATIENCE_MS;
    function again() {
      if (now.isConnected || now.isLeft) return;
      if (isYes(call("thingGetConnectState"))) {
        mqttChanged(true);
        return;
      }
      if (Date.now() >= until) {
        view.failed("mqtt", [
          "Pilot does not reach " + now.sdk.mqtt_url + ".",
          /^(ssl|wss):/.test(now.sdk.mqtt_url)
            ? "Is the port open? Is the certificate from a public authority and valid today? A self-signed one is refused without a word."
            : "Is the controller in a network that reaches this address, and is the port open? Whoever runs the hub can change it by OFH_PUBLIC_MQTT_URL."
        ]);
      }
      mqttTimer = window.setTimeout(again, LOOK_MS);
    }
    mqttTimer = window.setTimeout(again, LOOK_MS);
  }

  // Whether reports arrive: what the hub itself hears.
  async function look() {
    window.clearTimeout(lookTimer);
    const answer = await hub.controller();
    const heard = answer.status === 200 ? answer.body.remote_controller : null;
    if (heard && heard.online) {
      const flying = answer.body.aircraft.filter(function (item) {
        return item.online;
      });
      const names = flying.map(function (item) {
        return item.serial_number;
      });
      view.step("heard", "ok", names.length ? "The hub hears aircraft " + names.join(", ") : "The hub hears the controller; no aircraft yet");
    } else if (now.isConnected) {
      view.step("heard", "busy", "The hub has not heard this controller yet");
    }
    lookTimer = window.setTimeout(look, heard && heard.online ? LOOK_LATER_MS : LOOK_MS);
  }

  // A pilot wants a module loaded again.
  function reload(module) {
    if (kept("workspace") !== null && kept("workspace") !== now.config.workspace_uuid) {
      beginAnew();
      return;
    }
    modules.reload(module);
    if (module === "thing") begin(); // the others follow once it is connected
  }

  function rest() {
    window.clearTimeout(mqttTimer);
    window.clearTimeout(lookTimer);
    now.isConnected = false;
  }

  OFH.session = { open: open, reload: reload, rest: rest, verify: verify };
})();
