// Drives Chromium over pages with our own snippet: snippet.mjs CHROMIUM KEY HOST. Tells what each page came to, as JSON.
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const [executablePath, key, host] = process.argv.slice(2);
const html = (more) => `<!doctype html><title>Shop</title><script>window.steelthread = window.steelthread || [];
steelthread.push(["track", "Early"]);</script><script src="${host}/steelthread.js" data-key="${key}" ${more}></script>`;
// A consent manager's two interfaces, as IAB's specifications have them; decide(yes) is the visitor's answer.
const manager = (tc, gpp) => `<script>(() => { let told = [], said = { tcString: "${tc}", gdprApplies: true, eventStatus: "cmpuishown", purpose: { consents: {} } };
window.__tcfapi = (command, version, call) => { if (command === "addEventListener") { told.push(call); call(said, true); } };
window.__gpp = (command, call) => { if (command === "addEventListener") call({ eventName: "signalStatus", pingData: { signalStatus: "ready", gppString: "${gpp}" } }, true); };
window.decide = (yes) => { said = { ...said, eventStatus: "useractioncomplete", purpose: { consents: { 1: yes, 4: yes } } }; told.forEach((call) => call(said, true)); }; })();</script>`;
const [tc, gpp] = process.argv.slice(5);
const shop = createServer((request, response) => {
  response.setHeader("Content-Type", "text/html");
  const managed = request.url.startsWith("/managed");
  const more = managed ? 'data-consent="required" data-purposes="1,4"' : request.url.startsWith("/ask") ? 'data-consent="required"' : "";
  response.end(request.url.startsWith("/empty") ? "<!doctype html>" : (managed ? manager(tc, gpp) : "") + html(more));
});
await new Promise((resolve) => shop.listen(0, "127.0.0.1", resolve));
const at = `http://127.0.0.1:${shop.address().port}`;
// A page of the company's that calls a collector on this machine is asked about: there is nobody to answer.
const args = ["--no-sandbox", "--disable-gpu", "--disable-features=LocalNetworkAccessChecks"];
const browser = await chromium.launch({ executablePath, args });

async function visit(name, path, work) {
  const context = await browser.newContext();
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  let calls = 0;
  page.on("request", (request) => (calls += request.method() === "POST" ? 1 : 0));
  page.on("pageerror", (error) => console.error(name, String(error)));
  if (name === "private") await page.addInitScript(() => Object.defineProperty(navigator, "globalPrivacyControl", { value: true }));
  await page.goto(at + path);
  const told = await work(page, context, () => calls);
  const cookies = (await context.cookies()).map((one) => one.name);
  console.log(JSON.stringify({ name, calls, cookies, ...told }));
}

const wait = (page, ms) => page.waitForTimeout(ms);
const delivered = (page) => page.waitForFunction(() => !Object.keys(localStorage).some((name) => name.startsWith("st_queue.")), null, { timeout: 120_000 });
// Sites of two companies, over https: one with a shop and a blog, one that says which part of it the cookie is for.
async function company(page, context) {
  await context.route("https://**/*", (route) => {
    const more = route.request().url().includes("store.example") ? 'data-domain="eu.store.example"' : 'data-page="off"';
    route.fulfill({ contentType: "text/html", body: html(more) });
  });
  const who = (open) => open.evaluate(() => steelthread.anonymousId());
  await page.goto("https://www.shop.example/");
  const first = await who(page);
  await page.goto("https://blog.shop.example/");
  const atBlog = await who(page);
  await page.evaluate(() => {
    steelthread.identify("user-company");
    steelthread.track("Logged Out");
    steelthread.reset(); // before anything was sent
    steelthread.track("Next");
  });
  const second = await who(page);
  await page.evaluate(() => steelthread.alias("user-next"));
  await delivered(page);
  await page.evaluate(() => { steelthread.reset(); steelthread.identify("user-away"); });
  await delivered(page);
  await context.setOffline(true);
  await page.evaluate(() => { for (let n = 0; n < 3; n++) steelthread.track("Kept"); });
  await page.close();
  await context.setOffline(false);
  const later = await context.newPage();
  await later.goto("https://blog.shop.example/");
  await delivered(later);
  await later.goto("https://www.eu.store.example/");
  await delivered(later);
  const cookies = (await context.cookies()).map(({ name, domain, secure, sameSite }) => ({ name, domain, secure, sameSite }));
  return { first, atBlog, second, cookies };
}

await Promise.all([
  visit("company", "/empty", company),
  visit("plain", "/?utm_source=mail", async (page) => {
    await page.evaluate(() => {
      steelthread.identify("user-plain", { email: "plain@example.com", firstName: "Ann", lastName: "Lee" });
      steelthread.track("Signed Up", { value: 3 });
      steelthread.group("g1", { name: "Lee Ltd" });
    });
    const visitor = await page.evaluate(() => steelthread.anonymousId());
    await delivered(page);  // what was answered 429 and 500, or not at all, is sent again until then
    await page.evaluate(() => steelthread.track("Leaving"));
    await page.goto(at + "/empty");
    await wait(page, 500);
    return { visitor };
  }),
  visit("offline", "/", async (page, context) => {
    await page.evaluate(() => steelthread.identify("user-offline"));
    await delivered(page);
    await context.setOffline(true);
    await page.evaluate(() => { for (let n = 0; n < 120; n++) steelthread.track("Signed Up", { n }); });
    await wait(page, 300);
    await context.setOffline(false);
    await delivered(page);
    return {};
  }),
  visit("private", "/", async (page) => {
    await page.evaluate(() => { steelthread.identify("user-private"); steelthread.alias("user-private"); steelthread.reset(); });
    await wait(page, 1000);
    return { storage: await page.evaluate(() => Object.keys(localStorage)) };
  }),
  visit("managed", "/managed", async (page, context, calls) => {
    await page.evaluate(() => steelthread.identify("user-managed"));
    await wait(page, 500);
    const before = { calls: calls(), cookies: (await context.cookies()).length };
    await page.evaluate(() => decide(true));
    await delivered(page);
    await page.evaluate(() => { decide(false); steelthread.track("Signed Up"); });
    await wait(page, 500);
    return { before };
  }),
  visit("asked", "/ask", async (page, context, calls) => {
    await page.evaluate(() => { steelthread.identify("user-asked"); steelthread.track("Signed Up"); steelthread.alias("user-asked"); });
    await wait(page, 1000);
    const before = { calls: calls(), cookies: (await context.cookies()).length, storage: await page.evaluate(() => Object.keys(localStorage)) };
    await page.evaluate(() => steelthread.consent(true));
    await delivered(page);
    await page.evaluate(() => { steelthread.consent(false); steelthread.track("Signed Up"); });
    await wait(page, 500);
    return { before };
  }),
]);
await browser.close();
shop.close();
