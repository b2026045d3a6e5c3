// Opens pages of the documentation in a headless Chromium and prints one JSON object: what each page shows, where requests
// went, and everything that went wrong.
//
//   node docs.mjs CHROMIUM HUB_URL PATH…
import { chromium } from "playwright-core";

const PATIENCE_MS = 60_000;
const [executablePath, hub, ...paths] = process.argv.slice(2);
const told = { pages: {}, requests: [], console: [], faults: [], failed: [] };
const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) told.console.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (fault) => told.faults.push(String(fault)));
  page.on("request", (request) => told.requests.push(request.url()));
  page.on("requestfailed", (request) => told.failed.push(request.url()));
  for (const path of paths) {
    await page.goto(hub + path);
    const hasOperations = await page.locator("#operations").count();
    if (hasOperations) {
      await page.waitForSelector(".opblock");
      // One operation opened: its form and its schemas are drawn too.
      await page.locator(".opblock-summary-control").first().click();
      await page.waitForSelector(".opblock.is-open .responses-wrapper");
    }
    told.pages[path] = {
      title: await page.title(),
      operations: await page.locator(".opblock").count(),
      messages: await page.locator(".message").count(),
      text: (await page.locator("body").innerText()).slice(0, 4_000),
      overflow: await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
    };
  }
} catch (error) {
  told.error = String(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
console.log(JSON.stringify(told));
