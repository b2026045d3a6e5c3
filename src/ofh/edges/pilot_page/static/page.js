// The page's work: the calls in the order of dji-pilot-2.md, 1.4, whose numbers stand beside them. The native clients go
// on when the page is left, and a page that is opened again finds them running; so whatever starts one asks first.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});
  const hub = OFH.hub;
  const view = OFH.view;
  const call = OFH.bridge.call;
  const explain = OFH.bridge.explain;
  const isYes = OFH.bridge.isYes;

  const DESCRIPTION = "Live fleet, photos and videos";
  const MQTT_PATIENCE_MS = 20000;
  const LOOK_MS = 5000;
  const LOOK_LATER_MS = 30000;
  const SURE = "Sure? Press again";
  // In the order in which they are loaded; whatever stands behind one may need it.
  const MODULES = ["api", "thing", "ws", "tsa", "media"];
  const STEP_OF = { api: "api", thing: "mqtt", ws: "ws", tsa: "tsa", media: "media" };
  const NAMES = { api: "API", thing: "MQTT", ws: "Websocket", tsa: "Other aircraft", media: "Photos and videos" };
  const TOGETHER = {
    api: ["api", "tsa", "media"],
    thing: ["thing", "ws", "tsa", "media"],
    ws: ["ws", "tsa"],
    tsa: ["tsa"],
    media: ["media"]
  };

  // What the hub says of the connection, what the bridge said, and how far this page has come.
  const now = { config: null, sdk: null, controller: "", aircraft: "", isBusy: false, isConnected: false, isWsConnected: false, isLeft: false };
  let mqttTimer = 0;
  let lookTimer = 0;

  // What outlives the page, but not an exit: nothing secret.

  function kept(name) {
    try {
      return window.localStorage.getItem("ofh." + name);
    } catch (error) {
      return null;
    }
  }

  function keep(name, value) {
    try {
      window.localStorage.setItem("ofh." + name, value);
    } catch (error) {
      return;
    }
  }

  function forget() {
    try {
      ["connection", "workspace", "photos", "previews", "videos"].forEach(function (name) {
        window.localStorage.removeItem("ofh." + name);
      });
    } catch (error) {
      return;
    }
  }

  function switches() {
    return {
      autoUploadPhoto: kept("photos") !== "no",
      autoUploadPhotoType: kept("previews") === "yes" ? 1 : 0,
      autoUploadVideo: kept("videos") === "yes"
    };
  }

  // Steps

  function rows() {
    function reload(module) {
      return function () {
        run(function () {
          return reloadModules(module);
        });
      };
    }
    return [
      { id: "hub", title: "Hub" },
      { id: "licence", title: "DJI licence" },
      { id: "controller", title: "Controller" },
      { id: "api", title: NAMES.api, reload: reload("api") },
      { id: "mqtt", title: NAMES.thing, reload: reload("thing") },
      { id: "ws", title: NAMES.ws, reload: reload("ws") },
      { id: "tsa", title: NAMES.tsa, reload: reload("tsa") },
      { id: "media", title: NAMES.media, reload: reload("media") },
      { id: "heard", title: "Reports" }
    ];
  }

  function failed(step, problem) {
    view.step(step, "failed", problem[0], problem[1]);
  }

  // One thing at a time: what is pressed meanwhile is let pass.
  async function run(work) {
    if (now.isBusy) return;
    now.isBusy = true;
    document.body.classList.add("busy");
    try {
      await work();
    } catch (error) {
      failed("hub", ["This page failed: " + String(error).slice(0, 120), "Press Check again, and report it with the details."]);
    } finally {
      now.isBusy = false;
      document.body.classList.remove("busy");
    }
  }

  // Within Pilot

  async function start() {
    const session = await hub.check();
    if (session.status === 200) return connect();
    if (session.status === 401) return loginForm(null);
    return stuckAtHub(session.problem);
  }

  function stuckAtHub(problem) {
    if (!OFH.bridge.isThere()) return loginForm(problem);
    view.show("pilot");
    failed("hub", problem);
  }

  function loginForm(problem) {
    view.show(OFH.bridge.isThere() ? "login" : "browser");
    view.message("login-problem", problem);
    view.at("connection-id").value = kept("connection") || "";
  }

  async function login() {
    const id = view.at("connection-id").value.trim();
    const secret = view.at("secret").value.trim();
    view.message("login-problem", null);
    const answer = await hub.login(id, secret);
    if (answer.status !== 200) {
      const isWrong = answer.status === 401;
      view.message("login-problem", isWrong ? [answer.problem[0], "Type both again, letter by letter: capitals count."] : answer.problem);
      return;
    }
    view.at("secret").value = "";
    keep("connection", id);
    if (OFH.bridge.isThere()) await connect();
    else await watch();
  }

  // What the hub says now; false where it says nothing.
  async function settings() {
    const config = await hub.config();
    const sdk = config.status === 200 ? await hub.sdkConfig() : config;
    if (sdk.status === 401) {
      loginForm(["The log-in has ended.", "Log in again; the secret may have been changed."]);
      return false;
    }
    if (sdk.status !== 200) {
      stuckAtHub(sdk.problem);
      return false;
    }
    now.config = config.body;
    now.sdk = sdk.body;
    view.at("workspace").textContent = now.config.workspace_name;
    view.at("connection").textContent = now.config.connection_id;
    return true;
  }

  async function connect() {
    window.clearTimeout(mqttTimer);
    window.clearTimeout(lookTimer);
    now.isConnected = false;
    view.show("pilot");
    rows().forEach(function (row) {
      view.step(row.id, "waiting");
    });
    showSwitches(switches());
    view.step("hub", "busy");
    if (!(await settings())) return;
    view.step("hub", "ok", "Logged in");
    if (await verify()) await openSession();
  }

  // Steps 2 and 3. Everything else is refused before.
  async function verify() {
    const sdk = now.sdk;
    if (!sdk.app_id || !sdk.app_key || !sdk.app_license) {
      failed("licence", [
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
    failed("licence", problem);
    await hub.tell({ licence_problem: (given.code ? given.code + " " : "") + (given.message || problem[0]).slice(0, 150) });
    return false;
  }

  function isLoaded(module) {
    return isYes(call("platformIsComponentLoaded", module));
  }

  // Steps 4 to 11.
  async function openSession() {
    const hadApi = isLoaded("api"); // 4
    const token = hadApi ? OFH.bridge.text(call("apiGetToken")) : "";
    let isSame = true;
    let isNewToken = false;
    if (!hadApi) {
      loadApi(); // 6
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
    if (!isLoaded("thing")) return begin(); // 9
    const configs = call("thingGetConfigs");
    const held = configs.ok && configs.value ? configs.value : {};
    isSame =
      isSame &&
      held.host === now.sdk.mqtt_url &&
      held.username === now.sdk.mqtt_username &&
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

  function loadApi() {
    const loaded = load("api", { host: now.sdk.api_url, token: now.sdk.api_token });
    if (loaded) call("apiSetToken", now.sdk.api_token);
    return loaded;
  }

  function load(module, parameters) {
    const got = call("platformLoadComponent", module, JSON.stringify(parameters));
    if (got.ok) view.step(STEP_OF[module], "ok", "Loaded");
    else failed(STEP_OF[module], explain(got));
    return got.ok;
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
      forget();
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
  }

  function isOn(state) {
    return Boolean(state) && state !== "false";
  }

  // Steps 10 and 11.
  function begin() {
    const told = call("platformSetInformation", now.config.platform_name, now.config.workspace_name, DESCRIPTION);
    const set = call("platformSetWorkspaceId", now.config.workspace_uuid);
    if (!set.ok) {
      failed("hub", explain(set));
      return;
    }
    keep("workspace", now.config.workspace_uuid);
    if (!told.ok) view.step("hub", "note", "Logged in", "Pilot could not show the workspace's name: " + explain(told)[0]);
    now.isConnected = false;
    if (loadThing()) waitForMqtt();
  }

  function loadThing() {
    const loaded = load("thing", {
      host: now.sdk.mqtt_url,
      username: now.sdk.mqtt_username,
      password: now.sdk.mqtt_password,
      connectCallback: "connectCallback"
    });
    // Pilot may have called back already.
    if (loaded) view.step("mqtt", now.isConnected ? "ok" : "busy", (now.isConnected ? "Connected to " : "Connecting to ") + now.sdk.mqtt_url);
    return loaded;
  }

  // The page was opened again: the display, and what is still missing.
  function resume(isNewToken) {
    call("platformSetInformation", now.config.platform_name, now.config.workspace_name, DESCRIPTION);
    if (isNewToken && isLoaded("ws")) {
      call("platformUnloadComponent", "tsa");
      call("platformUnloadComponent", "ws");
    }
    if (isYes(call("thingGetConnectState"))) {
      mqttChanged(true);
    } else {
      view.step("mqtt", "busy", "Connecting to " + now.sdk.mqtt_url + " …");
      waitForMqtt();
    }
  }

  // Another connection, workspace or address: unload and load anew.
  function beginAnew() {
    unload(MODULES);
    loadApi();
    begin();
  }

  function unload(modules) {
    modules
      .slice()
      .reverse()
      .forEach(function (module) {
        if (isLoaded(module)) call("platformUnloadComponent", module);
      });
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
    loadRest();
    look();
  }

  // Steps 14 to 17: whatever is not there yet.
  function loadRest() {
    if (isLoaded("ws")) window.wsConnectCallback(isYes(call("wsGetConnectState")));
    else loadWs();
    if (isLoaded("tsa")) view.step("tsa", "ok", "Loaded");
    else loadTsa();
    if (isLoaded("media")) readSwitches();
    else loadMedia();
  }

  function loadWs() {
    now.isWsConnected = false;
    const loaded = load("ws", { host: now.sdk.ws_url, token: now.sdk.api_token, connectCallback: "wsConnectCallback" });
    if (loaded) view.step("ws", now.isWsConnected ? "ok" : "busy", now.isWsConnected ? "Connected" : "Connecting …");
    return loaded;
  }

  function loadTsa() {
    return load("tsa", {});
  }

  function loadMedia() {
    const chosen = switches();
    if (!load("media", chosen)) return false;
    const owner = call("mediaSetDownloadOwner", 0);
    if (!owner.ok && !owner.isMissing) view.step("media", "note", "Loaded", explain(owner)[0]);
    showSwitches(chosen);
    return true;
  }

  function readSwitches() {
    view.step("media", "ok", "Loaded");
    const chosen = switches();
    const photo = call("mediaGetAutoUploadPhoto");
    const type = call("mediaGetUploadPhotoType");
    const video = call("mediaGetAutoUploadVideo");
    if (typeof photo.value === "boolean") chosen.autoUploadPhoto = photo.value;
    if (type.ok && type.value !== null) chosen.autoUploadPhotoType = Number(type.value) === 1 ? 1 : 0;
    if (typeof video.value === "boolean") chosen.autoUploadVideo = video.value;
    showSwitches(chosen);
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
        failed("mqtt", [
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

  // Buttons

  async function reloadModules(module) {
    if (!(await settings())) return;
    if (kept("workspace") !== null && kept("workspace") !== now.config.workspace_uuid) {
      beginAnew();
      return;
    }
    const modules = TOGETHER[module].filter(function (name) {
      return name === module || isLoaded(name);
    });
    unload(modules);
    if (module === "thing") {
      begin(); // the others follow once it is connected
      return;
    }
    const loads = {
      api: loadApi,
      ws: loadWs,
      tsa: loadTsa,
      media: loadMedia
    };
    modules.forEach(function (name) {
      loads[name]();
    });
  }

  async function checkAgain() {
    if (OFH.bridge.isThere()) await start();
    else await watch();
  }

  async function changeConnection() {
    if (OFH.bridge.isThere()) unload(MODULES);
    window.clearTimeout(mqttTimer);
    window.clearTimeout(lookTimer);
    now.isConnected = false;
    await hub.logout();
    forget();
    loginForm(null);
  }

  // It concerns every controller of the workspace, so it is asked twice.
  async function newUuid() {
    const pressed = view.at("new-uuid");
    if (pressed.textContent !== SURE) {
      pressed.textContent = SURE;
      return;
    }
    const answer = await hub.newUuid();
    if (answer.status !== 200) {
      view.message("details-problem", answer.problem);
      return;
    }
    await start();
  }

  function showSwitches(chosen) {
    view.at("switch-photos").checked = chosen.autoUploadPhoto;
    view.at("switch-previews").checked = chosen.autoUploadPhotoType === 1;
    view.at("switch-videos").checked = chosen.autoUploadVideo;
    view.at("switch-previews").disabled = !chosen.autoUploadPhoto;
  }

  function switched(name, stored, method, value) {
    keep(name, stored);
    const chosen = switches();
    if (OFH.bridge.isThere() && isLoaded("media")) {
      const got = call(method, value);
      if (!got.ok) {
        failed("media", explain(got));
        readSwitchesBack();
        return;
      }
      view.step("media", "ok", "Loaded");
    }
    showSwitches(chosen);
  }

  // A switch that Pilot refused shows what holds.
  function readSwitchesBack() {
    const photo = call("mediaGetAutoUploadPhoto");
    const video = call("mediaGetAutoUploadVideo");
    keep("photos", photo.value === false ? "no" : "yes");
    keep("videos", video.value === true ? "yes" : "no");
    showSwitches(switches());
  }

  function details() {
    const version = call("platformGetVersion");
    const said = version.ok && version.value ? version.value : {};
    const sdk = now.sdk || {};
    const config = now.config || {};
    view.message("details-problem", null);
    view.at("new-uuid").textContent = "New workspace id";
    view.table("details-table", [
      ["Workspace", config.workspace_name],
      ["Workspace id", config.workspace_uuid],
      ["Connection id", config.connection_id],
      ["Hub", sdk.api_url],
      ["MQTT", sdk.mqtt_url],
      ["Websocket", sdk.ws_url],
      ["Controller", now.controller],
      ["Aircraft", now.aircraft],
      ["DJI Pilot 2", [said.modelVersion, said.appVersion].filter(Boolean).join(", ")],
      ["Webview", (/Chrom(?:e|ium)\/[\d.]+/.exec(navigator.userAgent) || [""])[0]]
    ]);
    view.list(
      "details-calls",
      OFH.bridge.calls
        .slice()
        .reverse()
        .map(function (one) {
          const said = one.ok ? "ok" : one.isNo ? "no" : one.code ? "code " + one.code + " " + one.message : one.message || "failed";
          return { ok: one.ok || one.isNo, text: one.name + (one.about ? " " + one.about : "") + ": " + said };
        })
    );
    view.show("details");
  }

  // In an ordinary browser: what the hub knows, and no bridge.
  async function watch() {
    if (!(await settings())) return;
    view.show("watch");
    await lookOnly();
  }

  async function lookOnly() {
    window.clearTimeout(lookTimer);
    const answer = await hub.controller();
    if (answer.status === 401) {
      loginForm(["The log-in has ended.", "Log in again; the secret may have been changed."]);
      return;
    }
    const heard = answer.status === 200 ? answer.body.remote_controller : null;
    const aircraft = answer.status === 200 ? answer.body.aircraft : [];
    view.message("watch-problem", answer.problem);
    view.table("watch-table", [
      ["Workspace", now.config.workspace_name],
      ["Connection id", now.config.connection_id],
      ["DJI licence", now.sdk.app_id ? "configured" : "missing: controllers cannot connect"],
      ["MQTT for controllers", now.sdk.mqtt_url],
      ["Controller", heard ? heard.serial_number + ", " + ago(heard) : "never heard by this connection"],
      [
        "Aircraft",
        aircraft
          .map(function (item) {
            return item.serial_number + ", " + ago(item);
          })
          .join("; ")
      ]
    ]);
    lookTimer = window.setTimeout(lookOnly, LOOK_MS);
  }

  function ago(heard) {
    if (heard.silent_s === null) return "never heard";
    const minutes = Math.round(heard.silent_s / 60);
    const when =
      heard.silent_s < 90 ? heard.silent_s + " s ago" : minutes < 90 ? minutes + " min ago" : Math.round(minutes / 60) + " h ago";
    return (heard.online ? "online" : "offline") + ", last heard " + when;
  }

  function onClick(id, work) {
    view.at(id).addEventListener("click", function () {
      run(work);
    });
  }

  function wire() {
    view.at("login-form").addEventListener("submit", function (event) {
      event.preventDefault();
      run(login);
    });
    view.at("secret-shown").addEventListener("change", function (event) {
      view.at("secret").type = event.target.checked ? "text" : "password";
    });
    view.at("switch-photos").addEventListener("change", function (event) {
      switched("photos", event.target.checked ? "yes" : "no", "mediaSetAutoUploadPhoto", event.target.checked);
    });
    view.at("switch-previews").addEventListener("change", function (event) {
      switched("previews", event.target.checked ? "yes" : "no", "mediaSetUploadPhotoType", event.target.checked ? 1 : 0);
    });
    view.at("switch-videos").addEventListener("change", function (event) {
      switched("videos", event.target.checked ? "yes" : "no", "mediaSetAutoUploadVideo", event.target.checked);
    });
    onClick("again", checkAgain);
    onClick("watch-again", checkAgain);
    onClick("change", changeConnection);
    onClick("watch-change", changeConnection);
    onClick("new-uuid", newUuid);
    view.at("details-open").addEventListener("click", details);
    view.at("details-close").addEventListener("click", function () {
      view.show("pilot");
    });
    view.at("exit").addEventListener("click", function () {
      call("platformStopSelf");
    });
  }

  // One form for both: within Pilot it stands alone, in a browser beside the explanation.
  const form = view.at("login-form");
  (OFH.bridge.isThere() ? document.querySelector("[data-part=login]") : view.at("browser-login")).appendChild(form);
  form.hidden = false;
  view.steps(rows());
  wire();
  if (window.location.origin !== view.at("page").getAttribute("data-origin")) view.at("elsewhere").hidden = false;
  run(async function () {
    if (OFH.bridge.isThere()) return start();
    const session = await hub.check();
    return session.status === 200 ? watch() : loginForm(session.status === 401 ? null : session.problem);
  });
})();
