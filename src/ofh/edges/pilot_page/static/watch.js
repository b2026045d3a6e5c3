// What there is to be read: in an ordinary browser, what the hub knows of a connection; within Pilot, the details.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});
  const hub = OFH.hub;
  const view = OFH.view;
  const now = OFH.state.now;
  const LOOK_MS = 5000;
  let timer = 0;

  async function start() {
    if (!(await OFH.page.settings())) return;
    view.show("watch");
    await look();
  }

  async function look() {
    stop();
    const answer = await hub.controller();
    if (answer.status === 401) {
      OFH.page.ended();
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
    timer = window.setTimeout(look, LOOK_MS);
  }

  function stop() {
    window.clearTimeout(timer);
  }

  function ago(heard) {
    if (heard.silent_s === null) return "never heard";
    const minutes = Math.round(heard.silent_s / 60);
    const when =
      heard.silent_s < 90 ? heard.silent_s + " s ago" : minutes < 90 ? minutes + " min ago" : Math.round(minutes / 60) + " h ago";
    return (heard.online ? "online" : "offline") + ", last heard " + when;
  }

  function details() {
    const version = OFH.bridge.call("platformGetVersion");
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
          const outcome = one.ok ? "ok" : one.isNo ? "no" : one.code ? "code " + one.code + " " + one.message : one.message || "failed";
          return { ok: one.ok || one.isNo, text: one.name + (one.about ? " " + one.about : "") + ": " + outcome };
        })
    );
    view.show("details");
  }

  OFH.watch = { details: details, start: start, stop: stop };
})();
