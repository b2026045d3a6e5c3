// Opens a login link in a headless Chromium, runs the page's subscription, and prints one JSON object:
// what the page showed, where it sent requests to, and everything that went wrong in it.
//
//   node open.mjs CHROMIUM LINK SCREENSHOT
//
// Ends with 0 once the page has shown positions; with 1 where it did not within the patience, told as `error`.
import { chromium } from "playwright-core";

const PATIENCE_MS = 45_000;
const [executablePath, link, screenshot] = process.argv.slice(2);
const told = { requests: [], sockets: [], frames: 0, console: [], faults: [], failed: [] };

const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) told.console.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (fault) => told.faults.push(String(fault)));
  page.on("request", (request) => told.requests.push(request.url()));
  page.on("requestfailed", (request) => told.failed.push(request.url()));
  page.on("response", (response) => {
    if (response.status() >= 400) told.failed.push(`${response.status()} ${response.url()}`);
  });
  page.on("websocket", (socket) => {
    told.sockets.push(socket.url());
    socket.on("framereceived", ({ payload }) => {
      if (/"type":\s*"next"/.test(String(payload))) told.frames += 1;
    });
  });

  await page.goto(link);
  const run = page.getByRole("button", { name: /execute query/i });
  await run.waitFor();
  told.notice = await page.locator("#notice").innerText();
  told.address = page.url();
  told.cookies = (await context.cookies()).map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }));
  await run.click();
  const result = page.locator(".result-window");
  await page.waitForFunction(() => /"longitude":/.test(document.querySelector(".result-window")?.innerText ?? ""));
  told.first = await result.innerText();
  // The editor draws a long text in steps: only what stands there after a further frame is a further picture.
  const until = Date.now() + PATIENCE_MS;
  for (const before = told.frames; told.frames <= before; await page.waitForTimeout(50)) {
    if (Date.now() > until) throw new Error("no further frame came");
  }
  await page.waitForFunction((before) => document.querySelector(".result-window").innerText !== before, told.first);
  told.second = await result.innerText();
  await page.screenshot({ path: screenshot });
} catch (error) {
  told.error = String(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
console.log(JSON.stringify(told));
