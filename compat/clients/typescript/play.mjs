// The published client in a headless Chromium, on a page of the hub's own origin, told what to do: reads one JSON object a
// line from standard input, writes one a line with what came of it.
//
//   node play.mjs CHROMIUM HUB_URL
//
// {do: "calls"}                            every call of the client: [{call, method, url}]
// {do: "call", call, config, file?}        one call; {ok} or {refused}. `file` {name, text} is put into the data as `file`.
// {do: "subscribe", call, args, as}        a live subscription, whose events are kept under `as`; {ok: true} once answered
// {do: "events", as, after}                the events under `as`, once there are more than `after`
// {do: "status", count}                    what the live connection told of itself, once it told so many things
// {do: "fetch", path}                      what the page gets there: {status, text}
// {do: "screenshot", path}
// {do: "told"}                             requests, answers, cookies and faults so far
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATIENCE_MS = 60_000;
const [executablePath, hub] = process.argv.slice(2);
const client = readFileSync(new URL(import.meta.resolve("openflighthub-api-client-sdk/dist/index.mjs")), "utf8");

const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
// The page's own policy is that of the documentation, which runs no code of others.
const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, bypassCSP: true });
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE_MS);
const told = { requests: [], answers: [], sockets: [], faults: [] };
page.on("pageerror", (fault) => told.faults.push(String(fault)));
page.on("websocket", (socket) => told.sockets.push(socket.url()));
page.on("response", (answer) =>
  told.answers.push({ method: answer.request().method(), path: new URL(answer.url()).pathname, status: answer.status() }));
page.on("request", (request) => told.requests.push({
  method: request.method(),
  path: new URL(request.url()).pathname,
  contentType: request.headers()["content-type"] ?? null,
}));
// A page that the hub serves itself, with the client brought along: a page that only the driver knew would be none of this
// machine's network, and browsers keep such pages from opening websockets in it.
await page.route(`${hub}/published-client.mjs`, (route) => route.fulfill({ contentType: "text/javascript", body: client }));
await page.goto(`${hub}/api/docs`);
await page.evaluate(async (hub) => {
  const { OpenFlightHubApi } = await import(`${hub}/published-client.mjs`);
  document.title = "The published client";
  document.body.innerHTML = "<main><h1>openflighthub-api-client-sdk</h1><pre id='log'></pre></main>";
  window.heard = {};
  window.lived = [];
  window.log = (text) => (document.getElementById("log").textContent += `${text}\n`);
  window.api = new OpenFlightHubApi({
    restApiBaseUrl: `${hub}/api`,
    liveWebsocketBaseUrl: `${hub.replace("http", "ws")}/api/live`,
  });
  window.log(`client ${window.api.VERSION}, made for the API ${window.api.rest.API_VERSION}`);
  api.live.status.addListener("connected", () => window.lived.push("connected"));
  api.live.status.addListener("disconnected", (reason) => window.lived.push(`disconnected: ${reason}`));
  window.find = (call) => call.split(".").reduce((within, name) => within[name], window.api);
}, hub);

const ACTIONS = {
  calls: () => page.evaluate(() => {
    const found = [];
    const walk = (value, name) => {
      if (typeof value === "function") {
        const text = value.toString();
        const [, url] = /url: "([^"]+)"/.exec(text);
        const [, method] = /method: "([^"]+)"/.exec(text);
        found.push({ call: name, method, url });
      } else if (typeof value === "object") {
        for (const key of Object.keys(value)) walk(value[key], `${name}.${key}`);
      }
    };
    walk(api.rest, "rest");
    return found;
  }),
  call: ({ call, config, file }) => page.evaluate(async ({ call, config, file }) => {
    if (file) config.data.file = new File([file.text], file.name, { type: "text/plain" });
    try {
      const answer = await find(call)(config);
      log(`${call}: ${JSON.stringify(answer) ?? "done"}`.slice(0, 130));
      return { ok: answer ?? null };
    } catch (reason) {
      log(`${call}: ${reason}`.slice(0, 130));
      return { refused: String(reason) };
    }
  }, { call, config, file }),
  subscribe: ({ call, args, as }) => page.evaluate(async ({ call, args, as }) => {
    window.heard[as] = [];
    const within = find(call.slice(0, call.lastIndexOf(".")));
    const callback = (event, filter, data) => window.heard[as].push({ event, filter, data });
    await within[call.slice(call.lastIndexOf(".") + 1)](...args, callback);
    log(`${call}: subscribed`);
    return { ok: true };
  }, { call, args, as }),
  events: async ({ as, after }) => {
    await page.waitForFunction(({ as, after }) => window.heard[as].length > after, { as, after });
    return page.evaluate((as) => window.heard[as], as);
  },
  status: async ({ count }) => {
    await page.waitForFunction((count) => window.lived.length >= count, count);
    return page.evaluate(() => window.lived);
  },
  fetch: ({ path }) => page.evaluate(async (path) => {
    const answer = await fetch(path);
    return { status: answer.status, text: await answer.text() };
  }, path),
  screenshot: ({ path }) => page.screenshot({ path }).then(() => null),
  told: async () => ({
    ...told,
    cookies: (await context.cookies()).map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite })),
  }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  try {
    console.log(JSON.stringify({ is: await ACTIONS[asked.do](asked) }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
await browser.close();
