// One page in a headless Chromium, measured for a while: prints a JSON line of what a span cost, then one for each further
// sample of the heap.
//
//   node drive.mjs CHROMIUM PLAYWRIGHT URL SECONDS SAMPLES EVERY_S
const [executablePath, playwright, url, seconds, samples, every] = process.argv.slice(2);
const { chromium } = await import(playwright);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
});
try {
  const page = await browser.newPage({ viewport: { width: 960, height: 540 } });
  page.on("pageerror", (fault) => console.error(fault));
  page.on("console", (message) => message.type() === "error" && console.error(message.text()));
  await page.goto(url);
  await page.waitForFunction(() => globalThis.figures?.().drawn > 3, null, { timeout: 60_000 });
  await page.waitForTimeout(5_000);
  const tools = await page.context().newCDPSession(page);
  await tools.send("Performance.enable", { timeDomain: "threadTicks" });
  const read = async () => {
    const { metrics } = await tools.send("Performance.getMetrics");
    const { ScriptDuration: script, TaskDuration: task } = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    return { script, task, ...(await page.evaluate(() => globalThis.figures())) };
  };
  const heap = async () => {
    for (let round = 0; round < 3; round++) await tools.send("HeapProfiler.collectGarbage");
    return (await tools.send("Runtime.getHeapUsage")).usedSize;
  };
  const before = await read();
  await page.waitForTimeout(Number(seconds) * 1_000);
  const after = await read();
  const span = Object.fromEntries(Object.keys(before).map((name) => [name, after[name] - before[name]]));
  console.log(JSON.stringify({ ...span, heap: await heap() }));
  for (let sample = 0; sample < Number(samples); sample++) {
    await page.waitForTimeout(Number(every) * 1_000);
    console.log(JSON.stringify({ heap: await heap() }));
  }
} finally {
  await browser.close();
}
