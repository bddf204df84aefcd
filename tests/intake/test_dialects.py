"""What each dialect says, in the words of one message; how bodies are unpacked; what is cut off at the door."""

import base64
import gzip
import hashlib
import hmac
import json
import sys
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from steelthread import intake
from steelthread.intake import Call, LiveFile, Surroundings, Words
from steelthread.kit import Invalid, TooLarge, Unauthorized, Unavailable
from steelthread.model import load_model

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NOW = 1_790_000_000_000_000
PATHS = {(one.path, method): one.dialect for one in intake.paths() for method in one.methods}
NOTHING = LiveFile()
PLAIN = b'{"a": 1}'


def decode(path, body=b"", query=None, method="POST", file=NOTHING, **headers):
    dialect = PATHS[(path, method)]
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    call = Call(body, named, query or {}, NOW, method=method)
    raw = dialect.read(call)
    dialect.check(call, file)
    return dialect.decode(raw, call, file)


def one(*args, **how):
    (message,) = decode(*args, **how).messages
    return message


# -- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(PLAIN, mtime=0), "gzip"),
        (gzip.compress(PLAIN, mtime=0), ""),
        (gzip.compress(PLAIN[:3], mtime=0) + gzip.compress(PLAIN[3:], mtime=0), "gzip"),
        (zlib.compress(PLAIN), "deflate"),
        (zlib.compress(PLAIN)[2:-4], "deflate"),
        (zstd.compress(PLAIN), "zstd"),
        (zstd.compress(PLAIN), ""),
        (zstd.compress(PLAIN[:3]) + zstd.compress(PLAIN[3:]), "zstd"),
        (gzip.compress(zstd.compress(PLAIN), mtime=0), "zstd, gzip"),
        (PLAIN, "gzip"),
    ],
)
def test_bodies_are_unpacked(body, encoding):
    assert intake.unpacked(body, encoding) == PLAIN


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, zstd.compress])
def test_a_body_that_is_cut_off_broken_or_too_large_is_said_to_be(pack):
    packed = pack(PLAIN * 100)
    for broken in (packed[:-3], packed[:-3] + b"xyz" if pack is not zstd.compress else packed[:8], packed + b"rubbish"):
        with pytest.raises(Invalid):
            intake.unpacked(broken, "zstd" if pack is zstd.compress else "gzip")
    with pytest.raises(TooLarge):
        intake.unpacked(pack(b"x" * 40_000_000), "zstd" if pack is zstd.compress else "gzip")


def test_a_packing_that_is_not_unpacked_is_said_to_be():
    with pytest.raises(Invalid, match="gzip, deflate or zstd"):
        intake.unpacked(b"\x0b\x02\x80{}\x03", "br")
    assert intake.unpacked(PLAIN, "br") == PLAIN
    assert intake.unpacked(b"data=e30", "utf-8") == b"data=e30"


def test_many_tiny_members_are_not_unpacked_for_ever():
    with pytest.raises(Invalid):
        intake.unpacked(gzip.compress(b"") * 5000, "gzip")


# -- Segment and RudderStack -----------------------------------------------------------------------------------------

TRACK = {"type": "track", "event": "Clicked", "userId": "u1", "messageId": "m1"}


def test_only_what_has_a_name_of_its_own_is_called_by_it():
    """`links` of Segment's Profile API are a person's `group` calls: one with a name is one, too."""
    said = {"userId": "u1", "groupId": "g1", "previousId": "a1", "name": "Premium", "properties": {"name": "Gold"}}
    for type_ in ("identify", "group", "alias"):
        assert one(f"/v1/{type_}", said).event == ""
    for type_ in ("page", "screen"):
        assert one(f"/v1/{type_}", said).event == "Premium"


def test_limits_of_segment_and_of_rudderstack():
    large = {**TRACK, "properties": {"text": "x" * 30_000}}
    assert len(decode("/v1/batch", {"batch": [large] * 10}).messages) == 10
    with pytest.raises(Invalid):
        decode("/v1/batch", {"batch": [large] * 20})
    rudder = {**large, "context": {"library": {"name": "RudderLabs JavaScript SDK"}}}
    assert len(decode("/v1/batch", {"batch": [rudder] * 20}).messages) == 20
    with pytest.raises(Invalid):
        decode("/v1/batch", gzip.compress(json.dumps({"batch": [large] * 20}).encode()))
    assert len(decode("/v1/batch", {"batch": [TRACK] * 2501}).refusals) == 2501
    assert len(decode("/v1/batch", {"batch": [TRACK] * 2500}).messages) == 2500
    (refusal,) = decode("/v1/track", {**TRACK, "properties": {"text": "x" * 33_000}}).refusals
    assert refusal.reason == "larger than 32 kB"


@pytest.mark.parametrize(
    "said",
    [
        {"type": "identify", "userId": "u1", "traits": {f"t{number}": 1 for number in range(301)}},
        {"type": "group", "userId": "u1", "groupId": "g" * 501},
        {"type": "group", "userId": "u1", "groupId": ""},
        {"type": "track", "userId": "u1"},
        {"type": "page"},
    ],
)
def test_what_segment_drops_without_a_word_is_refused_with_one(said):
    assert len(decode("/v1/batch", {"batch": [said, TRACK]}).refusals) == 1
    assert len(decode("/v1/batch", {"batch": [said, TRACK]}).messages) == 1


def test_merge_of_rudderstack_joins_its_identifiers():
    listed = [{"type": "email", "value": "ann@example.com"}, {"type": "mobile", "value": "+442071838750"}]
    message = one("/v1/merge", {"mergeProperties": listed})
    assert message.external_ids == [("email", "ann@example.com"), ("phone", "+442071838750")]
    assert decode("/v1/batch", {"batch": [{"type": "merge", "mergeProperties": listed[:1]}]}).refusals


def test_pixels_of_both_kinds():
    message = one(
        "/pixel/v1/track", query={"writeKey": "k", "event": "Opened", "userId": "u1", "mail": "7"}, method="GET"
    )
    assert (message.event, message.user_id, message.properties) == ("Opened", "u1", {"mail": "7"})
    data = base64.b64encode(json.dumps(TRACK).encode()).decode().rstrip("=")
    assert one("/v1/pixel/track", query={"data": data}, method="GET").event == "Clicked"


def test_history_keeps_its_old_times_and_clocks_are_corrected():
    old = one("/v1/import", {"batch": [{**TRACK, "timestamp": "2019-02-03T04:05:06Z"}]})
    assert old.timestamp == 1_549_166_706_000_000
    fast = {**TRACK, "timestamp": "2030-01-01T00:00:00Z"}
    assert one("/v1/batch", {"batch": [fast], "sentAt": "2030-01-01T00:00:10Z"}).timestamp == NOW - 10_000_000


# -- PostHog ---------------------------------------------------------------------------------------------------------


def test_the_browser_sdk_of_posthog():
    event = {
        "event": "$pageview", "uuid": "e1", "offset": 2500,
        "properties": {"token": "wk", "distinct_id": "d1", "$device_id": "d1", "$current_url": "https://shop.example/"},
    }  # fmt: skip
    message = one("/e/", gzip.compress(json.dumps([event]).encode()))
    assert (message.type, message.anonymous_id, message.user_id) == ("page", "d1", "")
    assert message.timestamp == NOW - 2_500_000
    form = b"data=" + base64.b64encode(json.dumps(event).encode()).replace(b"+", b"%2B").replace(b"=", b"%3D")
    assert one("/e/", form).id == "e1"
    dialect = PATHS[("/e/", "POST")]
    assert dialect.key(Call(b"", {}, {}, NOW), {"batch": [event]}) == "wk"


# -- Snowplow --------------------------------------------------------------------------------------------------------


def packed(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def self_describing(name, data, vendor="com.acme"):
    return {"schema": f"iglu:{vendor}/{name}/jsonschema/1-0-0", "data": data}


WHO = {"eid": "e1", "duid": "v1", "uid": "u1", "aid": "wk", "dtm": "1789999990000", "stm": "1789999995000"}


def test_snowplow_page_views_structured_and_self_describing_events():
    page = {**WHO, "e": "pv", "url": "https://shop.example/tea", "page": "Tea", "refr": "https://search.example/"}
    message = one("/com.snowplowanalytics.snowplow/tp2", {"schema": "iglu:x", "data": [page]})
    assert (message.type, message.event, message.user_id, message.anonymous_id) == ("page", "Tea", "u1", "v1")
    assert message.context["page"]["url"] == "https://shop.example/tea"
    assert message.timestamp == NOW - 5_000_000
    structured = {**WHO, "e": "se", "se_ca": "shop", "se_ac": "add", "se_va": "2.5"}
    message = one("/i", query=structured, method="GET")
    assert (message.event, message.properties) == ("add", {"category": "shop", "action": "add", "value": "2.5"})
    unstruct = {"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0",
                "data": self_describing("basket_shared", {"items": 3})}  # fmt: skip
    contexts = {"schema": "iglu:c/contexts/jsonschema/1-0-0", "data": [self_describing("store", {"town": "Bath"})]}
    for fields in ({"ue_px": packed(unstruct), "cx": packed(contexts)},
                   {"ue_pr": json.dumps(unstruct), "co": json.dumps(contexts)}):  # fmt: skip
        message = one("/com.snowplowanalytics.snowplow/tp2", {"data": [{**WHO, "e": "ue", **fields}]})
        assert message.event == "basket_shared"
        assert message.properties == {"items": 3, "contexts": {"store": [{"town": "Bath"}]}}


def test_snowplow_commerce_is_an_order():
    shop = "com.snowplowanalytics.snowplow.ecommerce"
    unstruct = {"schema": "iglu:s/unstruct_event/jsonschema/1-0-0",
                "data": self_describing("snowplow_ecommerce_action", {"type": "transaction"}, shop)}  # fmt: skip
    contexts = {"data": [
        self_describing("transaction", {"transaction_id": "o1", "revenue": 20, "currency": "GBP"}, shop),
        self_describing("product", {"id": "p1", "name": "Tea", "price": 10, "quantity": 2}, shop),
        self_describing("user", {"id": "u7", "email": "ann@example.com"}, shop),
    ]}  # fmt: skip
    event = {"eid": "e1", "duid": "v1", "e": "ue", "ue_px": packed(unstruct), "cx": packed(contexts)}
    message = one("/com.snowplowanalytics.snowplow/tp2", {"data": [event]})
    assert (message.event, message.properties["order_id"], message.properties["total"]) == ("Order Completed", "o1", 20)
    assert message.properties["products"][0]["product_id"] == "p1"
    assert (message.user_id, message.traits) == ("u7", {"email": "ann@example.com"})


def test_a_broken_snowplow_event_does_not_take_its_neighbours():
    good = {**WHO, "e": "pv"}
    bad = [{**WHO, "e": "ue", "ue_px": "%%%"}, {**WHO, "e": "ue"}, {**WHO, "e": "zz"}, {"e": "pv"}, 7]
    decoded = decode("/com.snowplowanalytics.snowplow/tp2", {"data": [*bad, good]})
    assert (len(decoded.refusals), len(decoded.messages)) == (5, 1)


# -- CloudEvents -----------------------------------------------------------------------------------------------------

CLOUD = {"specversion": "1.0", "id": "1", "source": "/tills/7", "type": "com.acme.sold", "subject": "u1"}


def test_cloudevents_binary_structured_and_batch():
    structured = one("/cloudevents", {**CLOUD, "data": {"total": 3}}, content_type="application/cloudevents+json")
    binary = one(
        "/cloudevents", {"total": 3}, content_type="application/json", ce_specversion="1.0", ce_id="1",
        ce_source="/tills/7", ce_type="com.acme.sold", ce_subject="u1",
    )  # fmt: skip
    assert structured == binary
    assert (binary.event, binary.user_id, binary.properties, binary.per_source) == (
        "com.acme.sold",
        "u1",
        {"total": 3},
        True,
    )
    other = {**CLOUD, "source": "/tills/8"}
    batch = decode(
        "/cloudevents", [CLOUD, other, {"id": "2"}], content_type="application/cloudevents-batch+json; charset=utf-8"
    )
    assert len({message.id for message in batch.messages}) == 2
    assert batch.refusals[0].reason == "no source, type, specversion"
    text = one("/cloudevents", b"plain", content_type="text/plain", ce_specversion="1.0", ce_id="a%20b", ce_source="s",
               ce_type="t", ce_userid="u9")  # fmt: skip
    assert (text.id, text.user_id, text.properties) == ("s a b", "u9", {"data": "plain"})
    with pytest.raises(Invalid):
        decode("/cloudevents", {"a": 1}, content_type="application/json")


# -- webhooks --------------------------------------------------------------------------------------------------------


def signed(body, how, monkeypatch, secret="s3cret", **headers):
    monkeypatch.setenv("NEW_SECRET", secret)
    return decode("/webhooks/{key}", body, file=_file(how), content_type="application/json", **headers)


def _file(how):
    return msgspec.convert({"webhook": {"signature": {"secret_env": "OLD_SECRET NEW_SECRET", **how}}}, LiveFile)


def test_signatures_of_three_schemes(monkeypatch):
    body = json.dumps({"userId": "u1", "event": "paid"}).encode()

    def mac(data, key=b"s3cret", algorithm="sha256"):
        return hmac.new(key, data, algorithm)

    at = str(NOW // 1_000_000)
    github = {"header": "X-Hub-Signature-256", "prefix": "sha256="}
    assert signed(body, github, monkeypatch, x_hub_signature_256="sha256=" + mac(body).hexdigest()).messages
    shopify = {"header": "X-Shopify-Hmac-Sha256", "encoding": "base64"}
    digest = base64.b64encode(mac(body).digest()).decode()
    assert signed(body, shopify, monkeypatch, x_shopify_hmac_sha256=digest).messages
    stripe = f"t={at},v1={mac(at.encode() + b'.' + body).hexdigest()},v0=old"
    assert signed(body, {"scheme": "stripe"}, monkeypatch, stripe_signature=stripe).messages
    whole = b"msg_1." + at.encode() + b"." + body
    standard = {"webhook_id": "msg_1", "webhook_timestamp": at}
    given_ = "v1,abc v1," + base64.b64encode(mac(whole).digest()).decode()
    secret = "whsec_" + base64.b64encode(b"s3cret").decode()
    found = signed(body, {"scheme": "standard"}, monkeypatch, secret, webhook_signature=given_, **standard)
    assert found.messages[0].id == "msg_1"


@pytest.mark.parametrize("header", ["", "sha256=", "sha256=00", "sha256=\u00e9", "nothing"])
def test_a_signature_that_does_not_fit_is_401(monkeypatch, header):
    with pytest.raises(Unauthorized):
        signed({"userId": "u1"}, {"prefix": "sha256="}, monkeypatch, x_hub_signature_256=header)


@pytest.mark.parametrize("at", [0, 301, -301, "", "x"])
def test_a_signed_time_holds_for_five_minutes(monkeypatch, at):
    body = b'{"userId": "u1"}'
    at = str(NOW // 1_000_000 + at) if at and at != "x" else str(at)
    digest = hmac.new(b"s3cret", at.encode() + b"." + body, hashlib.sha256).hexdigest()
    with pytest.raises(Unauthorized):
        signed(body, {"scheme": "stripe"}, monkeypatch, stripe_signature=f"t={at},v1={digest}")


def test_events_and_ids_within_a_webhook():
    file = msgspec.convert({"webhook": {"events": "data.items", "id": "key"}}, LiveFile)
    body = {"data": {"items": [{"key": 5, "userId": "u1"}, {"userId": "u1"}, 3]}}
    decoded = decode("/v1/webhook", body, file=file)
    assert [message.id for message in decoded.messages] == ["5"]
    assert len(decoded.refusals) == 2
    same = [one("/v1/webhook", {"userId": "u1", "n": 1}).id, one("/v1/webhook", {"n": 1, "userId": "u1"}).id]
    assert same[0] == same[1] != one("/v1/webhook", {"userId": "u1", "n": 2}).id
    form = one("/v1/webhook", b"userId=u1&event=paid", content_type="application/x-www-form-urlencoded")
    assert (form.user_id, form.event) == ("u1", "paid")


def test_a_webhook_that_comes_again_by_a_proxy_that_numbers_each_call_is_the_same():
    body = {"userId": "u1", "event": "sold"}
    first, again = (decode("/v1/webhook", body, x_request_id=number).messages[0].id for number in ("r1", "r2"))
    assert first == again
    named = [decode("/v1/webhook", body, idempotency_key=number).messages[0].id for number in ("k1", "k2")]
    assert named == ["k1", "k2"]


@pytest.mark.parametrize(("how", "secret"), [({}, ""), ({"scheme": "standard"}, "whsec_***")])
def test_a_secret_that_we_lack_is_our_fault_and_no_sender_drops_its_event(monkeypatch, how, secret):
    monkeypatch.setenv("NEW_SECRET", secret)
    file = msgspec.convert({"webhook": {"signature": {"secret_env": "OLD_SECRET NEW_SECRET", **how}}}, LiveFile)
    at = str(NOW // 1_000_000)
    with pytest.raises(Unavailable) as found:
        decode("/v1/webhook", {}, file=file, webhook_id="m1", webhook_timestamp=at, webhook_signature="v1,x")
    assert found.value.status == 503
    assert "***" not in str(found.value)


@pytest.mark.parametrize(
    "whole", [{"context": {"app": {"name": "x"}, "locale": "de"}, "integrations": {"All": True, "Personas": True}}]
)
def test_context_and_integrations_of_a_batch_hold_for_each_event_which_goes_before(whole):
    own = {"context": {"locale": "en"}, "integrations": {"Personas": False, "Mixpanel": {"ip": 0}}}
    item = {"type": "track", "event": "Seen", "userId": "u1"}
    plain, other = decode("/v1/batch", {**whole, "batch": [item, {**item, **own}]}).messages
    assert (plain.context, plain.integrations) == (whole["context"], whole["integrations"])
    assert other.context == {"app": {"name": "x"}, "locale": "en"}
    assert other.integrations == {"All": True, "Personas": False, "Mixpanel": {"ip": 0}}


def test_a_document_as_columns():
    found = intake.cells({"a": {"b": 1.0, "c": None}, "list": [1, True], "items": [{"sku": "x"}, {"sku": "y"}]})
    assert found == {"a.b": "1", "a.c": "", "list": "1|true", "items.0.sku": "x", "items.1.sku": "y"}


# -- the door --------------------------------------------------------------------------------------------------------


def test_an_ip_address_never_passes_the_door():
    message = one("/v1/track", {**TRACK, "context": {"ip": "203.0.113.7"}})
    Surroundings(None, "CF-IPCountry").add(
        message, {"user-agent": "Mozilla/5.0 x", "cf-ipcountry": "gb"}, "203.0.113.8"
    )
    assert "203.0.113" not in repr(message)
    assert (message.context["country"], message.context["userAgent"]) == ("GB", "Mozilla/5.0 x")
    refused = {
        "type": "track",
        "userId": "u1",
        "ip": "203.0.113.7",
        "context": {"ip": "203.0.113.7"},
        "properties": {"$ip": "203.0.113.7"},
    }
    (refusal,) = decode("/v1/track", refused).refusals
    Surroundings().cut(refusal)
    assert "203.0.113" not in repr(refusal)
    kept = one("/v1/track", TRACK)
    Surroundings().add(kept, {"user-agent": "Mozilla/5.0 x"}, "203.0.113.8", keeps_ip=True)
    assert kept.context["ip"] == "203.0.113.8"
    server = one("/v1/track", TRACK)
    Surroundings(None, "CF-IPCountry").add(
        server, {"user-agent": "python", "cf-ipcountry": "gb"}, "203.0.113.8", keeps_ip=True
    )
    assert server.context == {}


def test_the_country_of_an_address_and_then_no_address(tmp_path):
    made = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Country")
    made.insert_network(IPSet(["203.0.113.0/24"]), {"country": {"iso_code": "GB"}})
    made.to_db_file(str(tmp_path / "country.mmdb"))
    surroundings = Surroundings(tmp_path / "country.mmdb")
    for said, address, country in (
        ({"ip": "203.0.113.7"}, "", "GB"),
        ({"direct": True}, "203.0.113.7", "GB"),
        ({}, "203.0.113.7", None),
        ({"ip": "198.51.100.1"}, "", None),
        ({"ip": "no address"}, "", None),
    ):
        message = one("/v1/track", {**TRACK, "context": said})
        surroundings.add(message, {"user-agent": "curl"}, address)
        assert message.context.get("country") == country
        assert "ip" not in message.context
    with pytest.raises(Invalid, match="country_database"):
        Surroundings(tmp_path / "nothing.mmdb")


IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        ({"userAgent": IPHONE}, {"deviceType": "mobile", "osName": "iOS", "browserName": "Mobile Safari"}),
        ({"userAgent": FIREFOX}, {"deviceType": "desktop", "osName": "Linux", "browserName": "Firefox"}),
        ({"userAgent": ROBOT}, {"deviceType": "other", "browserName": "Googlebot", "isBot": True}),
        ({"device": {"type": "android"}, "os": {"name": "Android"}}, {"deviceType": "mobile", "osName": "Android"}),
        ({"userAgent": {"a": 1}, "device": 7}, {}),
    ],
)
def test_devices_systems_browsers_and_robots(context, wanted):
    message = one("/v1/track", {**TRACK, "context": {**context, "country": "GB"}})
    (record,) = Words(load_model(), "GB").event(message, []).records
    found = {name: record.values.get(name) for name in ("deviceType", "osName", "browserName", "isBot")}
    assert {name: value for name, value in found.items() if value is not None} == wanted
    assert record.values["countryName"] in ("GB", "United Kingdom")


# -- whatever comes --------------------------------------------------------------------------------------------------

TEXT = st.text(max_size=20) | st.sampled_from(["e", "ue", "pv", "1.0", "u1", "e30", "eyJkYXRhIjoxfQ", "2", "t=1,v1=2"])
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)
NAMES = st.sampled_from([
    "e", "ue_px", "ue_pr", "cx", "co", "uid", "duid", "eid", "dtm", "stm", "ttm", "data", "schema", "batch", "id", "source",
    "type", "specversion", "subject", "time", "userId", "email", "traits", "mergeProperties", "properties", "token", "api_key",
    "event", "distinct_id", "offset", "timestamp", "context", "library", "name",
])  # fmt: skip


@pytest.mark.parametrize("path", sorted(PATHS))
@settings(max_examples=25, deadline=None)
@given(body=st.dictionaries(NAMES, JSON, max_size=6) | JSON, query=st.dictionaries(NAMES, TEXT, max_size=4),
       kind=st.sampled_from(["", "application/json", "application/cloudevents+json", "application/x-www-form-urlencoded",
                             "application/cloudevents-batch+json", "text/plain"]))  # fmt: skip
def test_no_dialect_falls_over_anything(path, body, query, kind):
    headers = {"content_type": kind, "ce_id": "1", "ce_source": "%ff", "ce_type": "t", "ce_specversion": "1.0"}
    try:
        decoded = decode(path[0], body, query, path[1], **headers)
    except (Invalid, Unauthorized):
        return
    for message in decoded.messages:
        assert 0 < len(message.id) <= 400
        assert 0 <= message.timestamp <= NOW + 60_000_000
