// What the page shows: steps with their states, switches, forms. Knows neither bridge nor hub; texts go in as texts.
"use strict";

(function () {
  const OFH = (window.OFH = window.OFH || {});
  const WORDS = { waiting: "Waiting", busy: "Working …", ok: "OK", note: "Note", failed: "Failed", off: "Not used" };

  function at(id) {
    return document.getElementById(id);
  }

  function make(kind, className, text) {
    const made = document.createElement(kind);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function button(text, className, pressed) {
    const made = make("button", className, text);
    made.type = "button";
    made.addEventListener("click", pressed);
    return made;
  }

  function empty(box) {
    while (box.firstChild) box.removeChild(box.firstChild);
  }

  // One of the page's parts: loading, login, pilot, browser, details.
  function show(name) {
    const parts = document.querySelectorAll("[data-part]");
    for (let i = 0; i < parts.length; i += 1) parts[i].hidden = parts[i].getAttribute("data-part") !== name;
  }

  function shown() {
    const found = document.querySelector("[data-part]:not([hidden])");
    return found ? found.getAttribute("data-part") : "";
  }

  // The rows of the steps, made once: [{id, title, reload: function or null}].
  function steps(rows) {
    const box = at("steps");
    empty(box);
    rows.forEach(function (row) {
      const item = make("li", "step");
      item.id = "step-" + row.id;
      item.appendChild(make("span", "dot"));
      const words = make("div", "words");
      const line = make("div", "line");
      line.appendChild(make("b", "title", row.title));
      line.appendChild(make("span", "text"));
      words.appendChild(line);
      words.appendChild(make("p", "hint"));
      item.appendChild(words);
      if (row.reload) {
        const again = button("Reload", "small reload", row.reload);
        again.setAttribute("aria-label", "Reload " + row.title);
        item.appendChild(again);
      }
      box.appendChild(item);
      step(row.id, "waiting");
    });
  }

  function step(id, state, text, hint) {
    const item = at("step-" + id);
    if (!item) return;
    item.setAttribute("data-state", state);
    item.querySelector(".dot").setAttribute("title", WORDS[state]);
    item.querySelector(".text").textContent = text || WORDS[state];
    item.querySelector(".hint").textContent = hint || "";
    item.querySelector(".hint").hidden = !hint;
    summary();
  }

  function failed(id, problem) {
    step(id, "failed", problem[0], problem[1]);
  }

  // The one line that says how it stands: the first step that failed, else the first that is not there yet.
  function summary() {
    const box = at("summary");
    const failed = document.querySelector("#steps [data-state=failed]");
    const busy = document.querySelector("#steps [data-state=busy], #steps [data-state=waiting]");
    let state = "ok";
    let text = "Connected. You can leave this page.";
    if (failed) {
      state = "failed";
      text = "Stuck at “" + failed.querySelector(".title").textContent + "”.";
    } else if (busy) {
      state = "busy";
      text = "Connecting: “" + busy.querySelector(".title").textContent + "” …";
    }
    box.setAttribute("data-state", state);
    box.textContent = text;
  }

  function message(id, problem) {
    const box = at(id);
    empty(box);
    box.hidden = !problem;
    if (!problem) return;
    box.appendChild(make("b", "", problem[0]));
    box.appendChild(make("span", "", " " + problem[1]));
  }

  // Pairs of a name and a value.
  function table(id, pairs) {
    const box = at(id);
    empty(box);
    pairs.forEach(function (pair) {
      box.appendChild(make("dt", "", pair[0]));
      box.appendChild(make("dd", "", pair[1] === "" || pair[1] === null || pair[1] === undefined ? "–" : String(pair[1])));
    });
  }

  function list(id, lines) {
    const box = at(id);
    empty(box);
    lines.forEach(function (line) {
      box.appendChild(make("li", line.ok ? "" : "bad", line.text));
    });
  }

  OFH.view = {
    at: at,
    failed: failed,
    list: list,
    message: message,
    show: show,
    shown: shown,
    step: step,
    steps: steps,
    table: table
  };
})();
