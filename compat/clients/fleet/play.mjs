// The hub's own client of `fleet`, as the hub serves it, in this Node and on a page in a headless Chromium at the same time;
// both follow one workspace from a Snapshot on. Reads one JSON object a line from standard input, writes one a line.
//
//   node play.mjs CHROMIUM LINE_URL HUB_URL TOKEN WORKSPACE
//
// LINE_URL is where both connect to, HUB_URL the hub behind it.
//
// {do: "told"}                    what each has been handed and how its line was: {node: {events, states}, page: …}
// {do: "lost", like}              waits until each told a state that begins like that, since it was live when last asked
// {do: "live"}                    waits until each is live
// {do: "events", count}           waits until each has been handed so many events
// {do: "reached", cursor}         waits until each stands there
// {do: "sleep"}, {do: "wake"}     the page's processes are stopped, and go on, as those of a laptop that is closed and opened
// {do: "move", area}              each looks elsewhere, and has a Snapshot of it
// {do: "example", html}           a page shows this; what its list and its line say, once it is live and has drones
// {do: "stored", after}           what a plain client is told behind a cursor, up to CaughtUp
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createClient } from "graphql-ws";
import { chromium } from "playwright-core";
import WebSocket from "ws";

const PATIENCE_MS = 60_000;
const [executablePath, line, hub, token, workspaceId] = process.argv.slice(2);
const SELECTION = `
  ... on PositionReported { position { droneId position { longitude latitude height reportedAt } } }
  ... on BatteryReported { battery { droneId battery { capacityPercentLeft reportedAt } } }
  ... on RemoteControllerReported { position { remoteControllerId position { longitude latitude reportedAt } } }
  ... on DroneOnline { drone { id } }
  ... on DroneOffline { drone { id } }`;
const SETUP = { line, token, workspaceId, selection: SELECTION };

/** Follow with the helper; the same text runs here and on the page. */
async function start({ createClient, hubClient, followFleet, webSocketImpl, line, token, workspaceId, selection }) {
  const told = { events: [], states: [], mark: 0, cursor: null, fleet: null };
  const client = hubClient(createClient, {
    url: `${line.replace("http", "ws")}/graphql`,
    webSocketImpl,
    connectionParams: { authorization: `Bearer ${token}` },
    keepAlive: 200,
    patience: 1_000,
  });
  told.fleet = followFleet({
    client, workspaceId, selection,
    delivery: "ALL",
    wait: (losses) => Math.random() * 50 * 2 ** Math.min(losses, 3),
    onState: ({ name, code }) => told.states.push(code === undefined ? name : `${name} ${code}`),
  });
  (async () => {
    for await (const event of told.fleet) {
      await null; // use is made of it
      told.events.push(event);
      told.cursor = told.fleet.cursor;
    }
  })().catch((error) => told.states.push(`failed: ${error}`));
  return told;
}

const folder = mkdtempSync(join(tmpdir(), "ofh-fleet-"));
const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
writeFileSync(join(folder, "fleet.mjs"), await (await fetch(`${hub}/graphql/client/fleet.js`)).text());
const helper = await import(join(folder, "fleet.mjs"));

// A page that the hub serves itself, with `graphql-ws` brought along; see `typescript/play.mjs`.
const context = await browser.newContext({ bypassCSP: true });
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE_MS);
const faults = [];
page.on("pageerror", (fault) => faults.push(String(fault)));
const packages = new URL(".", import.meta.resolve("graphql-ws/client"));
await context.route(`${line}/**/graphql-ws/*.js`, (route) => {
  const name = new URL(route.request().url()).pathname.split("/").pop();
  return route.fulfill({ contentType: "text/javascript", body: readFileSync(new URL(name, packages), "utf8") });
});
await page.goto(`${line}/api/docs`);
await page.evaluate(async ([start, setup]) => {
  const { createClient } = await import(`${setup.line}/npm/graphql-ws/client.js`);
  const helper = await import(`${setup.line}/graphql/client/fleet.js`);
  window.told = await eval(`(${start})`)({ createClient, ...helper, ...setup });
}, [start.toString(), SETUP]);
const cdp = await browser.newBrowserCDPSession();
let asleep = [];
const told = await start({ createClient, ...helper, webSocketImpl: WebSocket, ...SETUP });

async function until(condition) {
  for (const end = Date.now() + PATIENCE_MS; !condition(); await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${condition}, ${told.states}`);
  }
  return null;
}
const both = (condition, argument) =>
  Promise.all([
    until(() => condition(told, argument)),
    page.waitForFunction(([text, argument]) => eval(`(${text})`)(window.told, argument), [condition.toString(), argument], { polling: 10 }),
  ]).then(() => null);

const ACTIONS = {
  told: async () => ({
    node: { events: told.events, states: told.states },
    page: await page.evaluate(() => ({ events: window.told.events, states: window.told.states })),
    faults,
  }),
  lost: ({ like }) => both((told, like) => told.states.some((state, n) => n >= told.mark && state.startsWith(like)), like),
  live: () =>
    both((told) => {
      if (told.states.at(-1) !== "live") return false;
      told.mark = told.states.length;
      return true;
    }),
  events: ({ count }) => both((told, count) => told.events.length >= count, count),
  reached: ({ cursor }) => both((told, cursor) => told.cursor === cursor, cursor),
  move: async ({ area }) => {
    await Promise.all([
      told.fleet.moveViewport(area),
      page.evaluate((area) => window.told.fleet.moveViewport(area), area),
    ]);
    return both((told, area) => told.events.at(-1).area?.north === area.north, area);
  },
  sleep: async () => {
    const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
    asleep = processInfo.filter(({ type }) => type !== "browser").map(({ id }) => id);
    for (const id of asleep) process.kill(id, "SIGSTOP");
    return null;
  },
  wake: async () => {
    for (const id of asleep) process.kill(id, "SIGCONT");
    return null;
  },
  example: async ({ html }) => {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (fault) => faults.push(String(fault)));
    await page.goto(`${line}/api/docs`);
    await page.setContent(html);
    await page.waitForFunction(() => document.querySelector("li") && document.querySelector("#line").textContent === "live");
    return page.evaluate(() => [...document.querySelectorAll("li")].map((line) => line.textContent));
  },
  stored: async ({ after }) => {
    const client = createClient({
      url: `${hub.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
    });
    const query = `subscription ($workspaceId: ID!, $after: String!) {
      fleet(workspaceId: $workspaceId, after: $after, delivery: ALL) { __typename cursor at ${SELECTION} } }`;
    const found = [];
    for await (const { data, errors } of client.iterate({ query, variables: { workspaceId, after } })) {
      if (errors) throw new Error(JSON.stringify(errors));
      if (data.fleet.__typename === "CaughtUp") break;
      found.push(data.fleet);
    }
    await client.dispose();
    return found;
  },
};

console.log(JSON.stringify({ is: "ready" }));
for await (const text of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(text);
  try {
    console.log(JSON.stringify({ is: await ACTIONS[asked.do](asked) }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
told.fleet.stop();
await browser.close();
rmSync(folder, { recursive: true });
