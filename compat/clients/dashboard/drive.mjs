// Does in a headless Chromium what it is told: one JSON list a line on standard input, the name of an action and what it
// needs; answers with one JSON object a line, `value` or `error`.
//
//   node drive.mjs CHROMIUM
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATIENCE_MS = 40_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.argv[2],
  headless: true,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader"],
});
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB" });
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE_MS);
const told = { console: [], faults: [], requests: [], sockets: [], loads: 0 };
page.on("console", (message) => {
  const text = message.text();
  // Of a screen without a graphics card; and what the browser itself writes for each answer of 4xx and lost connection.
  if (text.startsWith("[.WebGL-") || /^Failed to load resource|^WebSocket connection to/.test(text)) return;
  if (["error", "warning"].includes(message.type())) told.console.push(`${message.type()}: ${text}`);
});
page.on("pageerror", (fault) => told.faults.push(String(fault)));
page.on("request", (request) => told.requests.push(request.url()));
page.on("websocket", (socket) => told.sockets.push(socket.url()));
page.on("load", () => (told.loads += 1));

const ACTIONS = {
  open: (url) => page.goto(url).then(() => undefined),
  /** Wait until a selector shows and, if given, has this text in it. */
  see: async (selector, text) => {
    const found = page.locator(selector, text === undefined ? {} : { hasText: text }).first();
    await found.waitFor();
    return (await found.innerText()).trim();
  },
  miss: (selector) => page.locator(selector).first().waitFor({ state: "detached" }),
  fill: (label, text) => page.getByLabel(label, { exact: true }).fill(text),
  choose: (label, value) => page.getByLabel(label, { exact: true }).selectOption(value).then(() => undefined),
  check: (label) => page.getByLabel(label, { exact: true }).check(),
  click: (role, name) => page.getByRole(role, { name }).first().click(),
  press: async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  },
  count: (selector) => page.locator(selector).count(),
  run: (script) => page.evaluate(script),
  /** Wait until it is so; asked from outside, since the page's policy allows no text to become a script. */
  until: async (script) => {
    for (const end = Date.now() + PATIENCE_MS; !(await page.evaluate(script)); await page.waitForTimeout(50)) {
      if (Date.now() > end) throw new Error("it did not come to be so");
    }
  },
  size: (width, height) => page.setViewportSize({ width, height }),
  scheme: (colorScheme) => page.emulateMedia({ colorScheme }),
  pause: (ms) => page.waitForTimeout(ms),
  /** What axe finds wrong. */
  axe: async () => {
    if (!(await page.evaluate("'axe' in window"))) {
      const session = await context.newCDPSession(page); // not held by the page's policy, as a script element would be
      await session.send("Runtime.evaluate", { expression: AXE });
      await session.detach();
    }
    const { violations } = await page.evaluate("axe.run()");
    return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ html, failureSummary }) => [html, failureSummary]) }));
  },
  screenshot: (path) => page.screenshot({ path }).then(() => undefined),
  /** Open another page beside, of which nothing is told. */
  beside: (url) => context.newPage().then((other) => other.goto(url)).then(() => page.bringToFront()),
  told: () => ({ ...told, address: page.url() }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...needs] = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await ACTIONS[name](...needs)) ?? null };
  } catch (error) {
    answer = { error: `${name} ${JSON.stringify(needs)}: ${error}`, page: await page.locator("body").innerText().catch(String) };
  }
  console.log(JSON.stringify(answer));
}
await browser.close();
