"""Snowplow and CloudEvents with their unmodified SDKs, signed webhooks by a mapping file, settings of a source's file."""

import base64
import hashlib
import hmac
import json
import time
import urllib.request

from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from snowplow_tracker import Emitter, PageView, SelfDescribing, SelfDescribingJson, StructuredEvent, Subject, Tracker

from steelthread.app import add_live_source

MAPPING = """name: shop
kind: live
webhook:
  signature: {secret_env: SHOP_SECRET, header: X-Shop-Hmac, encoding: base64}
key: customer.id
observed_at: updated_at
entities:
  - entity: Individual
    attributes: {firstName: customer.first_name, lastName: customer.last_name}
  - entity: ContactPointEmail
    attributes: {emailAddress: customer.email}
  - entity: SalesOrder
    key: order.number
    when: {column: order.number, not_empty: true}
    attributes:
      grandTotalAmount: order.total
      currencyCode: {constant: GBP}
      purchaseOrderDate: order.at
ignore: [customer.note]
"""


def test_snowplow(served):
    emitter = Emitter(served.host.removeprefix("http://"), protocol="http", method="post", batch_size=1)
    subject = Subject().set_user_id("u1").set_domain_user_id("v1")
    tracker = Tracker("t", emitter, app_id=served.write_key, subject=subject, encode_base64=True)
    tracker.track(PageView("https://shop.example/tea", "Tea"))
    tracker.track(StructuredEvent("shop", "add to basket", value=2.5))
    store = SelfDescribingJson("iglu:com.acme/store/jsonschema/1-0-0", {"town": "Bath"})
    data = SelfDescribingJson("iglu:com.acme/basket_shared/jsonschema/1-0-0", {"items": 3})
    tracker.track(SelfDescribing(data, context=[store]))
    tracker.flush()
    get = Emitter(served.host.removeprefix("http://"), protocol="http", method="get", batch_size=1)
    Tracker("t", get, app_id=served.write_key, subject=subject, encode_base64=False).track(
        PageView("https://shop.example/")
    )
    profile = served.profile("user_id:u1")
    assert profile["counts"] == {"WebsiteEngagement": 2, "CustomEngagement": 2, "records": 0}
    assert served.profile("anonymous_id:v1")["individualId"] == profile["individualId"]
    assert served.status()["rejected"] == 0


def test_cloudevents_are_one_per_source_and_id(served):
    attributes = {"id": "1", "source": "/tills/7", "type": "com.acme.sold", "subject": "u1"}
    events = [CloudEvent({**attributes, "id": str(number)}, {"total": number}) for number in range(3)]
    events += [CloudEvent({**attributes, "source": "/tills/8"}, {"total": 9})]
    path = f"/cloudevents/{served.write_key}"
    for event in [*events, *events]:
        for message in (to_structured(event, JSONFormat()), to_binary(event, JSONFormat())):
            assert served.post(path, message.body, **message.headers)[0] == 200
    assert served.profile("user_id:u1")["counts"]["CustomEngagement"] == 4
    assert served.status()["duplicates"] == 12
    asked = urllib.request.Request(
        served.host + path, method="OPTIONS", headers={"WebHook-Request-Origin": "acme.example"}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert answer.headers["WebHook-Allowed-Origin"] == "acme.example"


def test_a_signed_webhook_by_its_mapping(served):
    key = add_live_source(served.space, "shop")
    (served.space.project.folder / "sources" / "shop.yaml").write_text(MAPPING)

    def send(body, secret=b"s3cret"):
        data = json.dumps(body).encode()
        mac = base64.b64encode(hmac.new(secret, data, hashlib.sha256).digest()).decode()
        return served.post(f"/webhooks/{key}", data, **{"Content-Type": "application/json", "X-Shop-Hmac": mac})[0]

    customer = {"id": 7, "first_name": "Ann", "last_name": "Lee", "email": "ann@example.com", "note": "x"}
    order = {"number": "o1", "total": 12.5, "at": "2026-03-01T10:00:00Z"}
    assert send({"customer": customer, "order": order, "updated_at": "2026-03-01T10:00:00Z"}) == 200
    assert send({"customer": customer, "order": order, "updated_at": "2026-03-01T10:00:00Z"}) == 200
    late = {**customer, "first_name": "Anna"}
    assert send({"customer": late, "updated_at": "2026-02-01T10:00:00Z"}) == 200
    assert send({"customer": customer}, b"wrong") == 401
    assert send({"customer": {"first_name": "nobody"}}) == 200
    profile = served.profile("email:ann@example.com")
    assert profile["attributes"]["firstName"]["value"] == "Ann"
    assert profile["counts"]["SalesOrder"] == 1
    status = served.status()
    assert (status["duplicates"], status["rejected"]) == (1, 1)


def test_origins_and_a_file_that_cannot_be_read(served):
    path = served.space.project.folder / "sources" / "web.yaml"
    path.write_text("name: web\nkind: live\norigins: ['https://shop.example', 'https://*.acme.example']\n")
    said = {"event": "Clicked", "userId": "u1", "writeKey": served.write_key}
    statuses = {
        origin: served.post("/v1/track", said, Origin=origin)[0]
        for origin in (
            "https://shop.example",
            "https://www.acme.example",
            "https://evil.example",
            "https://evilacme.example",
        )
    }
    assert list(statuses.values()) == [200, 200, 403, 403]
    path.write_text("name: web\nkind: live\nnonsense: 1\n")
    deadline = time.monotonic() + 20
    while (answer := served.post("/v1/track", said))[0] != 503:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert answer[1]["Retry-After"]
    path.write_text("name: web\nkind: live\nuser_namespace: web\n")  # mended: what was accepted meanwhile is there
    assert served.profile("user_id:u1")["counts"]["CustomEngagement"] >= 2
