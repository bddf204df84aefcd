/* Steelthread's browser snippet: events in Segment's dialect to this site's own collector. See docs/snippet.md.
   <script async src="https://events.example.com/steelthread.js" data-key="WRITE_KEY"></script>
   steelthread.track("Signed Up", {plan: "gold"}), .identify(id, traits), .page(name, properties), .group(id, traits),
   .alias(id, previous), .consent(true|false), .reset(), .flush(). Calls made before it has loaded are kept:
   window.steelthread = window.steelthread || []; steelthread.push(["track", "Signed Up"]); */
(function (window, document) {
  "use strict";
  var script = document.currentScript, data = (script && script.dataset) || {}, early = window.steelthread;
  if (early && early.loaded) return;
  var host = data.host || new URL(script.src).origin, key = data.key, navigator = window.navigator;
  var COOKIE = "st_id", QUEUE = "st_queue.", USER = "st_user", CONSENT = "st_consent", YEAR = 31536000;
  var MOST = 1000, BATCH = 50, LETTERS = 20000, queue = [], sending = false, timer = 0, wait = 1000;

  function store(name, value) {
    try {
      if (value === undefined) return JSON.parse(window.localStorage.getItem(name));
      if (value === null) window.localStorage.removeItem(name);
      else window.localStorage.setItem(name, JSON.stringify(value));
    } catch (_) { /* no storage: what is kept lives as long as the page */ }
    return null;
  }

  function uuid() {
    if (window.crypto.randomUUID) return window.crypto.randomUUID();
    return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, function (c) {
      return (c ^ (window.crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16);
    });
  }

  function cookie(value) {
    if (value === undefined) {
      var found = document.cookie.match(/(?:^|; )st_id=([^;]+)/);
      return found ? found[1] : "";
    }
    var tail = "; path=/; SameSite=Lax; max-age=" + (value ? YEAR : 0) + (location.protocol === "https:" ? "; Secure" : "");
    var parts = location.hostname.split("."), domains = [""];
    if (data.domain) domains = [data.domain];
    else if (parts.length > 1 && !/^[\d.]+$/.test(location.hostname))  // the widest that the browser takes: the company's own
      for (var n = 2; n <= parts.length; n++) domains.splice(n - 2, 0, parts.slice(-n).join("."));
    for (var i = 0; i < domains.length; i++) {
      document.cookie = COOKIE + "=" + value + tail + (domains[i] ? "; domain=" + domains[i] : "");
      if (cookie() === value) return value;
    }
    return value;
  }

  /* Consent: what the visitor said; else Sec-GPC says no; else data-consent="required" waits, and without it events go. */
  function allowed() {
    var said = store(CONSENT);
    if (said === null) said = memory.consent;
    if (said === true || said === false) return said;
    if (navigator.globalPrivacyControl) return false;
    return data.consent === "required" ? null : true;
  }
  var memory = { consent: null, id: "", user: null };

  /* A consent manager in the page (IAB TCF, GPP): its strings go with every event as they are, and where the tag waits for
     consent its answer is the visitor's: the purposes of data-purposes, 1 by default. */
  var signals = {}, heard = {};
  function listen() {
    if (data.cmp === "off") return;
    if (window.__tcfapi && !heard.tcf) window.__tcfapi("addEventListener", heard.tcf = 2, function (said, ok) {
      if (!ok || !said.tcString || said.eventStatus === "cmpuishown") return;
      signals.tcString = said.tcString;
      signals.gdprApplies = said.gdprApplies !== false;
      if (data.consent === "required" && signals.gdprApplies) api.consent((data.purposes || "1").split(",").every(function (one) {
        return said.purpose.consents[one];
      }));
    });
    if (window.__gpp && !heard.gpp) heard.gpp = window.__gpp("addEventListener", function (said, ok) {
      if (ok && said.pingData && said.pingData.signalStatus === "ready") signals.gppString = said.pingData.gppString;
    }) || 1;
  }

  function visitor() {
    memory.id = cookie() || memory.id || uuid();
    if (cookie() !== memory.id) cookie(memory.id);
    return memory.id;
  }

  function of(id, event) {
    event.anonymousId = event.anonymousId || id;
    if (event.type === "alias" && !event.previousId) event.previousId = event.anonymousId;
  }

  function add(type, fields) {
    var yes = allowed();
    if (yes === false) return;
    var event = {
      type: type, messageId: uuid(), timestamp: new Date().toISOString(),
      context: {
        page: { url: location.href, path: location.pathname, title: document.title, referrer: document.referrer },
        locale: navigator.language, userAgent: navigator.userAgent, library: { name: "steelthread.js" },
        screen: { width: screen.width, height: screen.height },
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone
      }
    };
    var query = new URLSearchParams(location.search), campaign = {}, names = ["name", "source", "medium", "term", "content"];
    names.forEach(function (name) {
      var value = query.get("utm_" + (name === "name" ? "campaign" : name));
      if (value) campaign[name] = value;
    });
    if (Object.keys(campaign).length) event.context.campaign = campaign;
    for (var name in fields) if (fields[name] !== undefined) event[name] = fields[name];
    if (!event.userId && user()) event.userId = user();
    if (yes) of(visitor(), event);  // now: the visitor may log out before it is sent
    queue.push(event);
    if (queue.length > MOST) queue.shift();
    if (yes === null) return;  // kept in the page until the visitor answers: no cookie, no storage, no call
    keep();
    later(0);
  }

  function user() { return memory.user || store(USER) || undefined; }
  var mine = QUEUE + uuid();  // a queue per page: open pages do not write over each other
  function keep() { store(mine, queue.length ? queue : null); }
  function kept(take) {
    var found = [];
    try {
      Object.keys(window.localStorage).forEach(function (name) {
        if (name.indexOf(QUEUE) || name === mine) return;
        if (take) found = found.concat(store(name) || []);
        store(name, null);
      });
    } catch (_) { /* no storage */ }
    return found;
  }
  function later(delay) { if (!timer && !sending) timer = setTimeout(function () { timer = 0; send(); }, delay || 50); }

  function take() {
    var batch = [], size = 0;
    for (var i = 0; i < queue.length && batch.length < BATCH; i++) {
      size += JSON.stringify(queue[i]).length;
      if (batch.length && size > LETTERS) break;
      batch.push(queue[i]);
    }
    return batch;
  }

  function body(batch) {
    var id = visitor();
    batch.forEach(function (event) {
      of(id, event);
      if (signals.tcString || signals.gppString) event.context.consent = signals;
    });
    return JSON.stringify({ batch: batch, writeKey: key, sentAt: new Date().toISOString() });
  }

  function gone(batch) {
    queue = queue.filter(function (event) { return batch.indexOf(event) < 0; });
    keep();
  }

  function send() {
    if (sending || !queue.length || allowed() !== true) return;
    var batch = take(), text = body(batch);
    sending = true;
    fetch(host + "/v1/batch", { method: "POST", body: text, headers: { "Content-Type": "text/plain" }, keepalive: text.length < LETTERS })
      .then(function (answer) {
        if (answer.status === 429 || answer.status >= 500) throw answer.headers.get("Retry-After");
        gone(batch);  /* taken, or nobody will ever take it */
        wait = 1000;
        sending = false;
        if (queue.length) later(0);
      })
      .catch(function (after) {
        sending = false;
        wait = Math.min(wait * 2, 60000);
        later(typeof after === "string" && +after > 0 ? after * 1000 : wait / 2 * (1 + Math.random()));
      });
  }

  /* On leaving, what waits goes by beacon. It stays in the queue: the next page sends it again, and it counts once. */
  function leave() {
    if (!queue.length || allowed() !== true || !navigator.sendBeacon) return;
    navigator.sendBeacon(host + "/beacon/v1/batch", body(take()));
    keep();
  }

  var api = {
    loaded: true,
    track: function (event, properties) { add("track", { event: event, properties: properties }); },
    page: function (name, properties) { add("page", { name: name, properties: properties }); },
    group: function (id, traits) { add("group", { groupId: String(id), traits: traits }); },
    alias: function (id, previous) { add("alias", { userId: String(id), previousId: previous }); },
    identify: function (id, traits) {
      if (id !== null && typeof id === "object") { traits = id; id = undefined; }
      if (id !== undefined && id !== null) {
        memory.user = String(id);
        if (allowed()) store(USER, memory.user);
      }
      add("identify", { traits: traits });
    },
    consent: function (yes) {
      memory.consent = !!yes;
      store(CONSENT, !!yes);
      if (yes) { if (memory.user) store(USER, memory.user); keep(); send(); return; }
      queue = [];
      kept(false);
      [mine, USER].forEach(function (name) { store(name, null); });
      memory.id = "";
      memory.user = null;
      cookie("");
    },
    reset: function () {
      var id = cookie() || memory.id || uuid();  // what waits for an answer is of the visitor until now, not of the next one
      queue.forEach(function (event) { of(id, event); });
      memory.user = null;
      memory.id = "";
      store(USER, null);
      cookie("");
    },
    anonymousId: function () { return allowed() ? visitor() : ""; },
    flush: send,
    push: function (call) { api[call[0]].apply(api, call.slice(1)); }
  };

  if (allowed() === true && (queue = kept(true)).length) { keep(); later(0); }
  window.steelthread = api;
  listen();
  window.addEventListener("load", listen);
  (Array.isArray(early) ? early : []).forEach(api.push);
  if (data.page !== "off") api.page();
  window.addEventListener("online", function () { later(0); });
  window.addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", function () { if (document.visibilityState === "hidden") leave(); });
})(window, document);
