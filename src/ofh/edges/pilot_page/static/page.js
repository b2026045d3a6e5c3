// The page: who it is for, logging in and out, and its buttons. What it does within Pilot is in session.js.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});
  const hub = OFH.hub;
  const view = OFH.view;
  const now = OFH.state.now;
  const isThere = OFH.bridge.isThere;
  const SURE = "Sure? Press again";

  function rows() {
    const modules = OFH.modules.rows(function (module) {
      run(async function () {
        if (await settings()) OFH.session.reload(module);
      });
    });
    const first = [
      { id: "hub", title: "Hub" },
      { id: "licence", title: "DJI licence" },
      { id: "controller", title: "Controller" }
    ];
    return first.concat(modules, [{ id: "heard", title: "Reports" }]);
  }

  // One thing at a time: what is pressed meanwhile is let pass.
  async function run(work) {
    if (now.isBusy) return;
    now.isBusy = true;
    document.body.classList.add("busy");
    try {
      await work();
    } catch (error) {
      view.failed("hub", ["This page failed: " + String(error).slice(0, 120), "Press Check again, and report it with the details."]);
    } finally {
      now.isBusy = false;
      document.body.classList.remove("busy");
    }
  }

  async function start() {
    const session = await hub.check();
    if (session.status === 200) return connect();
    if (session.status === 401) return loginForm(null);
    return stuckAtHub(session.problem);
  }

  function stuckAtHub(problem) {
    if (!isThere()) return loginForm(problem);
    view.show("pilot");
    view.failed("hub", problem);
  }

  function loginForm(problem) {
    view.show(isThere() ? "login" : "browser");
    view.message("login-problem", problem);
    view.at("connection-id").value = OFH.state.kept("connection") || "";
  }

  // The hub knows this page no more.
  function ended() {
    loginForm(["The log-in has ended.", "Log in again; the secret may have been changed."]);
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
    OFH.state.keep("connection", id);
    if (isThere()) await connect();
    else await OFH.watch.start();
  }

  // What the hub says now; false where it says nothing.
  async function settings() {
    const config = await hub.config();
    const sdk = config.status === 200 ? await hub.sdkConfig() : config;
    if (sdk.status === 401) {
      ended();
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
    OFH.session.rest();
    view.show("pilot");
    view.steps(rows());
    OFH.switches.show(OFH.switches.chosen());
    view.step("hub", "busy");
    if (!(await settings())) return;
    view.steps(rows()); // which modules are used, the hub has just said
    view.step("hub", "ok", "Logged in");
    if (await OFH.session.verify()) await OFH.session.open();
  }

  async function checkAgain() {
    if (isThere()) await start();
    else await OFH.watch.start();
  }

  async function changeConnection() {
    if (isThere()) OFH.modules.unloadAll();
    OFH.session.rest();
    OFH.watch.stop();
    await hub.logout();
    OFH.state.forget();
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
    OFH.switches.wire();
    onClick("again", checkAgain);
    onClick("watch-again", checkAgain);
    onClick("change", changeConnection);
    onClick("watch-change", changeConnection);
    onClick("new-uuid", newUuid);
    view.at("details-open").addEventListener("click", OFH.watch.details);
    view.at("details-close").addEventListener("click", function () {
      view.show("pilot");
    });
    view.at("exit").addEventListener("click", function () {
      OFH.bridge.call("platformStopSelf");
    });
  }

  OFH.page = { ended: ended, settings: settings };

  // One form for both: within Pilot it stands alone, in a browser beside the explanation.
  const form = view.at("login-form");
  (isThere() ? document.querySelector("[data-part=login]") : view.at("browser-login")).appendChild(form);
  form.hidden = false;
  view.steps(rows());
  wire();
  if (window.location.origin !== view.at("page").getAttribute("data-origin")) view.at("elsewhere").hidden = false;
  run(async function () {
    if (isThere()) return start();
    const session = await hub.check();
    return session.status === 200 ? OFH.watch.start() : loginForm(session.status === 401 ? null : session.problem);
  });
})();
