// What this page knows at the moment, and what outlives it but not an exit: nothing secret.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});
  const KEPT = ["connection", "workspace", "photos", "previews", "videos"];

  // What the hub says of the connection, what the bridge said, and how far this page has come.
  const now = {
    config: null,
    sdk: null,
    controller: "",
    aircraft: "",
    isBusy: false,
    isConnected: false,
    isWsConnected: false,
    isLeft: false
  };

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
      KEPT.forEach(function (name) {
        window.localStorage.removeItem("ofh." + name);
      });
    } catch (error) {
      return;
    }
  }

  OFH.state = { forget: forget, keep: keep, kept: kept, now: now };
})();
