// Drives Chromium: browser.mjs CHROMIUM KEY '{"SDK": "HOST", ...}'. Each SDK speaks on a page of its own; the pages stay
// open, so that the SDKs can send again, until the standard input closes.
import { createServer } from "node:http";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const [executablePath, key, hosts] = process.argv.slice(2);
const bundle = await build({ entryPoints: ["page.js"], bundle: true, write: false, format: "iife", define: { "process.env.NODE_ENV": '"production"' }, logLevel: "error" });
const script = bundle.outputFiles[0].text;
const shop = createServer((request, response) => {
  const isScript = request.url === "/page.js";
  response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
  response.end(isScript ? script : "<!doctype html><title>Shop</title><script src=/page.js></script>");
});
await new Promise((resolve) => shop.listen(0, "127.0.0.1", resolve));

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const closed = new Promise((resolve) => process.stdin.on("end", resolve).resume());
closed.then(async () => {
  await browser.close(); // also what has not spoken yet ends here: its page is gone
  shop.close();
});
// posthog-js waits 3 s before it tries again, then 6, 12, ...: its page's clock runs ahead while nothing is on its way.
async function hasten(page) {
  let under = 0;
  page.on("request", () => (under += 1));
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, () => (under -= 1));
  await page.clock.install();
  const timer = setInterval(() => under || page.clock.fastForward(1500).catch(() => clearInterval(timer)), 200);
  closed.then(() => clearInterval(timer));
}
await Promise.all(
  Object.entries(JSON.parse(hosts)).map(async ([sdk, host]) => {
    const context = await browser.newContext();
    context.setDefaultTimeout(120_000);
    const page = await context.newPage();
    page.on("console", (message) => console.error(sdk, message.text()));
    page.on("pageerror", (error) => console.error(sdk, String(error)));
    if (sdk === "posthog") await hasten(page);
    const speak = async () => {
      await page.goto(`http://127.0.0.1:${shop.address().port}/`);
      return page.evaluate(([name, ...rest]) => window.speak(name, ...rest), [sdk, host, key, sdk]);
    };
    const again = (error) => (String(error).includes("no settings") ? speak() : Promise.reject(error)); // as a visitor would
    const visitor = await speak().catch(again).catch(again);
    console.log(JSON.stringify({ sdk, visitor }));
  }),
);
console.log(JSON.stringify({ spoken: true }));
