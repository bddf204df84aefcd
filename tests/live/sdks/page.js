// Says the same through one of the browser's SDKs, unmodified: only host and key are set. Gives the visitor's id.
import { AnalyticsBrowser } from "@segment/analytics-next";
import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";
import { jitsuAnalytics } from "@jitsu/js";
import posthog from "posthog-js";
import { flushBuffer, newTracker, setUserId, trackPageView, trackSelfDescribingEvent } from "@snowplow/browser-tracker";

const said = (who) => ({
  user: `user-${who}`,
  visitor: `visitor-${who}`,
  second: `second-${who}`, // another visitor, of whom nothing but the alias tells who it is
  group: `group-${who}`,
  traits: { email: `${who}@example.com`, firstName: "Ann", lastName: "Lee", plan: "gold" },
});

const sdks = {
  async segment(host, key, { user, visitor, second, group, traits }) {
    const analytics = AnalyticsBrowser.load({ writeKey: key, cdnURL: host });
    await analytics.setAnonymousId(visitor);
    await analytics.page("Home");
    await analytics.identify(user, traits);
    await analytics.track("Signed Up", { value: 3 });
    await analytics.group(group, { name: "Lee Ltd" });
    await analytics.alias(user, second);
    return visitor;
  },
  async rudderstack(host, key, { user, visitor, second, group, traits }) {
    const analytics = new RudderAnalytics();
    analytics.load(key, host, { configUrl: host, queueOptions: { minRetryDelay: 200, backoffFactor: 1.5 } });
    await new Promise((resolve, reject) => {
      analytics.ready(resolve);
      setTimeout(() => reject(new Error("no settings")), 20_000); // it asks for them once a page
    });
    analytics.setAnonymousId(visitor);
    analytics.page("Home");
    analytics.identify(user, traits);
    analytics.track("Signed Up", { value: 3 });
    analytics.group(group, { name: "Lee Ltd" });
    analytics.alias(user, second);
    return visitor;
  },
  async jitsu(host, key, { user, visitor, group, traits }) {
    const analytics = jitsuAnalytics({ host, writeKey: `${key}:x` });
    await analytics.setAnonymousId(visitor);
    await analytics.page("Home");
    await analytics.identify(user, traits);
    await analytics.track("Signed Up", { value: 3 });
    await analytics.group(group, { name: "Lee Ltd" });
    return visitor;
  },
  async posthog(host, key, { user, visitor, second, group, traits }) {
    posthog.init(key, { api_host: host, bootstrap: { distinctID: visitor }, autocapture: false, capture_pageleave: false, person_profiles: "always", disable_external_dependency_loading: true, opt_out_useragent_filter: true });
    posthog.identify(user, traits);
    posthog.capture("Signed Up", { value: 3 });
    posthog.group("company", group, { name: "Lee Ltd" });
    posthog.alias(second, user);
    return visitor;
  },
  async snowplow(host, key, { user, traits }) {
    newTracker("t", host, { appId: key, encodeBase64: true });
    trackPageView({ title: "Home" });
    setUserId(user);
    const entity = { schema: "iglu:com.snowplowanalytics.snowplow.ecommerce/user/jsonschema/1-0-0", data: { id: user, email: traits.email } };
    trackSelfDescribingEvent({ event: { schema: "iglu:com.acme/Signed Up/jsonschema/1-0-0", data: { value: 3 } }, context: [entity] });
    setInterval(() => flushBuffer(), 300); // it sends again what failed with the next events, or when it is told to
    return document.cookie.split("; ").find((one) => one.startsWith("_sp_id.")).split("=")[1].split(".")[0];
  },
};

window.speak = (sdk, host, key, who) => sdks[sdk](host, key, said(who));
