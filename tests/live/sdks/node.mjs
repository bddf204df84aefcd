// Says the same through one of Node's SDKs: node.mjs SDK HOST KEY WHO. Unmodified SDKs; only host and key are set.
import { Analytics } from "@segment/analytics-node";
import Rudder from "@rudderstack/rudder-sdk-node";
import { jitsuAnalytics } from "@jitsu/js";
import { PostHog } from "posthog-node";

const [sdk, host, key, who] = process.argv.slice(2);
const user = `user-${who}`;
const visitor = `visitor-${who}`;
const second = `second-${who}`; // another visitor, of whom nothing but the alias tells who it is
const group = `group-${who}`;
const traits = { email: `${who}@example.com`, firstName: "Ann", lastName: "Lee", plan: "gold" };

async function segment() {
  const client = new Analytics({ writeKey: key, host, flushInterval: 50, maxRetries: 20 });
  client.on("error", (error) => console.error("error", error));
  client.page({ anonymousId: visitor, name: "Home", properties: { url: "https://shop.example/" } });
  client.identify({ userId: user, anonymousId: visitor, traits });
  client.track({ userId: user, event: "Signed Up", properties: { value: 3 } });
  client.group({ userId: user, groupId: group, traits: { name: "Lee Ltd" } });
  client.alias({ userId: user, previousId: second });
  await client.closeAndFlush({ timeout: 60_000 });
}

async function rudderstack() {
  const client = new Rudder(key, { dataPlaneUrl: host, flushAt: 1, retryCount: 20 });
  const sent = (send) => new Promise((resolve) => send(resolve));
  await sent((done) => client.page({ anonymousId: visitor, name: "Home", properties: { url: "https://shop.example/" } }, done));
  await sent((done) => client.identify({ userId: user, anonymousId: visitor, traits }, done));
  await sent((done) => client.track({ userId: user, event: "Signed Up", properties: { value: 3 } }, done));
  await sent((done) => client.group({ userId: user, groupId: group, traits: { name: "Lee Ltd" } }, done));
  await sent((done) => client.alias({ userId: user, previousId: second }, done));
  await sent((done) => client.flush(done));
}

async function jitsu() {
  const client = jitsuAnalytics({ host, writeKey: `${key}:x` });
  await client.setAnonymousId(visitor);
  await client.page({ name: "Home", url: "https://shop.example/" });
  await client.identify(user, traits);
  await client.track("Signed Up", { value: 3 });
  await client.group(group, { name: "Lee Ltd" });
}

async function posthog() {
  const client = new PostHog(key, { host, fetchRetryCount: 20, fetchRetryDelay: 200, flushInterval: 50, disableGeoip: true });
  client.capture({ distinctId: user, event: "$pageview", properties: { $current_url: "https://shop.example/" } });
  client.identify({ distinctId: user, properties: traits });
  client.capture({ distinctId: user, event: "Signed Up", properties: { value: 3 } });
  client.groupIdentify({ groupType: "company", groupKey: group, properties: { name: "Lee Ltd" }, distinctId: user });
  client.alias({ distinctId: user, alias: second });
  await client.shutdown(60_000);
}

await { segment, rudderstack, jitsu, posthog }[sdk]();
