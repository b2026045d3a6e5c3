// Plays scenarios on the hub's Pilot page in a headless Chromium, with a stub of DJI's bridge or without one: reads one JSON
// object a line from standard input, writes one a line with what the page did.
//
//   node pilot.mjs CHROMIUM
//
// A scenario: {url, bridge (see ../pilot/bridge.js; null: an ordinary browser), viewport, userAgent, actions}. An action
// is a list: its name and what it needs; see `ACTIONS`.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATIENCE_MS = 15_000;
const STUB = readFileSync(new URL("../pilot/bridge.js", import.meta.url), "utf8");
const browser = await chromium.launch({
  executablePath: process.argv[2],
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

const ACTIONS = {
  login: async (page, id, secret) => {
    await page.fill("#connection-id", id);
    await page.fill("#secret", secret);
    await page.click("#login-form button[type=submit]");
  },
  part: (page, name) => page.waitForSelector(`[data-part=${name}]:not([hidden])`),
  step: (page, id, state) => page.waitForSelector(`#step-${id}[data-state=${state}]`),
  text: (page, selector, text) =>
    page.waitForFunction(
      ([selector, text]) => document.querySelector(selector)?.textContent.includes(text), [selector, text]),
  idle: (page) => page.waitForFunction(() => !document.body.classList.contains("busy")),
  click: (page, selector) => page.click(selector),
  callback: (page, name, value) => page.evaluate(([name, value]) => window[name](value), [name, value]),
  set: (page, script) => page.evaluate(script),
  reopen: (page) => page.reload(),
  open: (page, url) => page.goto(url),
  refuse: (page, path, status, body) =>
    page.route(`**${path}`, (route) =>
      status === 0 ? route.abort() : route.fulfill({ status, contentType: "application/json", body: JSON.stringify(body) })),
  allow: (page, path) => page.unroute(`**${path}`),
  pause: (page, milliseconds) => page.waitForTimeout(milliseconds),
  later: (page, milliseconds) => page.clock.fastForward(milliseconds),
  screenshot: async (page, path) => {
    await page.waitForTimeout(150);
    await page.screenshot({ path });
  },
};

function seen() {
  const text = (node) => (node && !node.hidden ? node.textContent.trim() : "");
  const steps = {};
  for (const item of document.querySelectorAll("#steps .step")) {
    steps[item.id.slice(5)] = {
      state: item.getAttribute("data-state"),
      text: text(item.querySelector(".text")),
      hint: text(item.querySelector(".hint")),
    };
  }
  return {
    part: [...document.querySelectorAll("[data-part]:not([hidden])")].map((part) => part.getAttribute("data-part")),
    steps,
    summary: text(document.getElementById("summary")),
    problem: text(document.getElementById("login-problem")),
    body: document.body.innerText,
    overflow: [document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight],
    calls: window.__calls || [],
    native: window.__native || null,
    storage: { ...localStorage },
    form: { id: document.getElementById("connection-id").value, secret: document.getElementById("secret").value },
  };
}

async function play(scenario) {
  const context = await browser.newContext({
    viewport: scenario.viewport ?? { width: 960, height: 540 },
    userAgent: scenario.userAgent,
    hasTouch: true,
  });
  const told = { console: [], faults: [], requests: [], asked: [], loads: [] };
  try {
    if (scenario.bridge) {
      await context.addInitScript(`window.__scenario = ${JSON.stringify(scenario.bridge)};\n${STUB}`);
    }
    const page = await context.newPage();
    if (scenario.clock) await page.clock.install();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) told.console.push(`${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (fault) => told.faults.push(String(fault)));
    page.on("request", (request) => {
      told.requests.push(`${request.method()} ${request.url()}`);
      if (request.method() === "POST") told.asked.push([new URL(request.url()).pathname, request.postData()]);
    });
    const answer = await page.goto(scenario.url);
    told.status = answer.status();
    told.policy = answer.headers()["content-security-policy"];
    for (const [name, ...needs] of scenario.actions) {
      if (["reopen", "open"].includes(name)) told.loads.push(await page.evaluate(seen));
      try {
        await ACTIONS[name](page, ...needs);
      } catch (error) {
        told.error = `${name} ${JSON.stringify(needs)}: ${error}`;
        break;
      }
    }
    told.address = page.url();
    Object.assign(told, await page.evaluate(seen));
    told.cookies = (await context.cookies()).map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }));
  } catch (error) {
    told.error = String(error);
  } finally {
    await context.close();
  }
  return told;
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await play(JSON.parse(line))));
}
await browser.close();
