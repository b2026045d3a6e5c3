// Asks the hub: `/api/connection-link/…`. Every answer is `{status, body, problem}`; status 0 means that none came.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});
  const PATH = "/api/connection-link";

  function trouble(status, body) {
    const said = body && body.error ? String(body.error) : "";
    switch (status) {
      case 0:
        return ["The hub does not answer.", "Look at the controller's network, then press Check again."];
      case 401:
        return [said || "You are not logged in.", "Log in again."];
      case 403:
        return [said || "The hub refuses this page.", "Open this page by the hub's own address, which is shown below."];
      case 429:
        return ["There were too many attempts.", "Wait a few minutes, then try once more with the right secret."];
      default:
        if (status >= 500) return ["The hub cannot answer at the moment.", "Wait a little, then press Check again."];
        return [said || "The hub answered with status " + status + ".", "Compare what was typed with what the hub shows."];
    }
  }

  async function ask(method, path, told) {
    const options = { method: method, credentials: "same-origin", cache: "no-store" };
    if (told !== undefined) {
      options.headers = { "content-type": "application/json" };
      options.body = JSON.stringify(told);
    }
    let status = 0;
    let body = null;
    try {
      const answer = await fetch(PATH + path, options);
      status = answer.status;
      body = await answer.json();
    } catch (error) {
      if (status === 200) status = 0;
    }
    return { status: status, body: body || {}, problem: status === 200 ? null : trouble(status, body) };
  }

  OFH.hub = {
    check: function () {
      return ask("GET", "/auth/check");
    },
    login: function (id, secret) {
      return ask("POST", "/auth/login", { connection_id: id, secret: secret });
    },
    config: function () {
      return ask("GET", "/config");
    },
    sdkConfig: function () {
      return ask("GET", "/dji-pilot-2/sdk-config");
    },
    // What the page learns of the controller, and what the hub knows of it.
    tell: function (told) {
      return ask("POST", "/dji-pilot-2/controller", told);
    },
    controller: function () {
      return ask("GET", "/dji-pilot-2/controller");
    },
    newUuid: function () {
      return ask("POST", "/reset-workspace-uuid");
    },
    logout: function () {
      return ask("POST", "/auth/logout");
    },
    // The same while the page is closed: nobody waits for the answer.
    leave: function () {
      if (navigator.sendBeacon) navigator.sendBeacon(PATH + "/auth/logout");
    }
  };
})();
