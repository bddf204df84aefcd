"""Contracts: what is allowed, dropped and blocked; what was blocked comes back; what is seen is listed; drafts from traffic."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from steelthread import intake
from steelthread.app import add_live_source, infer_contract, replay_rejects, source_number, watch_contract
from steelthread.intake import Message
from steelthread.intake.contracts.plan import Event, Property
from steelthread.kit import Conflict, Invalid, NotFound, now
from steelthread.model import Received
from steelthread.thread import LiveThread

PLAN = """apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
customProperties:
  - {property: onUnknownEvent, value: block}
  - {property: onUnknownProperty, value: drop}
schema:
  - name: Signed Up
    customProperties: [{property: onViolation, value: block}]
    properties:
      - {name: plan, logicalType: string, required: true,
         quality: [{type: library, metric: invalidValues, arguments: {validValues: [gold, silver]}, mustBe: 0}]}
      - {name: age, logicalType: integer, logicalTypeOptions: {minimum: 0, maximum: 130},
         customProperties: [{property: onViolation, value: drop}]}
      - {name: code, logicalType: string, logicalTypeOptions: {pattern: '^[A-Z]+$', maxLength: 4},
         customProperties: [{property: onViolation, value: allow}]}
      - {name: illness, logicalType: string, classification: special}
  - name: identify
    properties: [{name: email, logicalType: string}, {name: birthday, logicalType: date}]
"""
AT = int(now().timestamp() * 1_000_000)


def event(number, name="Signed Up", **properties):
    return Message(
        id=f"m{number}",
        type="track",
        timestamp=AT + number,
        received=AT + number,
        event=name,
        user_id="u1",
        properties=properties,
    )


@pytest.fixture
def shop(space):
    add_live_source(space, "shop")
    (space.project.folder / "contracts").mkdir()

    def tell(*events):
        with space.writer() as conn:
            number = source_number(conn, "shop")
            space.log.append(
                conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in events], hours=1
            )
            conn.commit()
            thread = LiveThread(space)
            while thread.step(conn).read:
                pass

    return tell


def write(space, text):
    intake.plan_path(space.project.folder, "shop").write_text(text)


def engagements(space):
    with space.database.connect() as conn:
        entries = space.reader(conn).timeline("user_id:u1")
    return {one.view.key: yaml.safe_load(one.view.values.get("properties", "{}")) for one in entries}


def test_allowed_dropped_and_blocked_and_then_let_in(space, shop):
    write(space, PLAN)
    shop(
        event(1, plan="gold", age=20),
        event(2, plan="bronze"),
        event(3, age=20),
        event(4, plan="gold", age=200, code="abcdef", more=1, illness="flu"),
        event(5, "Never Told"),
        Message(
            id="m6", type="identify", timestamp=AT, received=AT, user_id="u1", traits={"email": "a@b.example", "x": 1}
        ),
    )
    assert engagements(space) == {"m1": {"plan": "gold", "age": 20}, "m4": {"plan": "gold", "code": "abcdef"}}
    listed = {
        (one["event"], one["property"], one["reason"], one["action"])
        for one in watch_contract(space, "shop", "violations")
    }
    assert listed == {
        ("Signed Up", "plan", "not among the allowed values", "block"),
        ("Signed Up", "plan", "required, and missing", "block"),
        ("Signed Up", "age", "out of bounds", "drop"),
        ("Signed Up", "code", "does not fit the pattern", "allow"),
        ("Signed Up", "more", "unknown property", "drop"),
        ("Signed Up", "illness", "of a special category, which this project does not keep", "drop"),
        ("Never Told", "", "unknown event", "block"),
        ("identify", "x", "unknown property", "drop"),
    }
    write(
        space,
        PLAN.replace("[gold, silver]", "[gold, silver, bronze]").replace(
            "onUnknownEvent, value: block", "onUnknownEvent, value: allow"
        ),
    )
    assert replay_rejects(space, "shop") == {"replayed": 2, "left": 1}
    assert set(engagements(space)) == {"m1", "m2", "m4", "m5"}
    assert replay_rejects(space, "shop") == {"replayed": 0, "left": 1}
    shop(event(2, plan="bronze"))
    assert set(engagements(space)) == {"m1", "m2", "m4", "m5"}


def test_an_event_that_is_still_blocked_counts_once_however_often_it_is_tried(space, shop):
    write(space, PLAN)
    shop(event(1, plan="tin"))
    before = watch_contract(space, "shop", "violations")
    assert [(one["property"], one["total"]) for one in before] == [("plan", 1)]
    for _ in range(2):
        assert replay_rejects(space, "shop") == {"replayed": 0, "left": 1}
    assert watch_contract(space, "shop", "violations") == before


def test_violations_are_counted_with_one_sample(space, shop):
    write(space, PLAN)
    shop(*(event(number, plan="bronze", n=number) for number in range(1, 4)))
    shop(event(4, plan="bronze", n=4))
    found = {one["property"]: one for one in watch_contract(space, "shop", "violations")}
    assert (found["plan"]["total"], found["n"]["total"]) == (4, 4)
    assert found["plan"]["sample"] == {"plan": "bronze", "n": 1}


def test_what_was_never_seen_before_is_listed(space, shop):
    shop(event(1, plan="gold"), event(2, plan=7), event(3, "Other"))
    write(space, PLAN)
    seen = {(one["event"], one["property"]): one for one in watch_contract(space, "shop", "seen")}
    assert seen["Signed Up", ""]["total"] == 2
    assert seen["Signed Up", "plan"]["types"] == ["integer", "string"]
    assert seen["Signed Up", "plan"]["first"] < seen["Signed Up", "plan"]["last"]
    assert (seen["Signed Up", "plan"]["known"], seen["Other", ""]["known"]) == (True, False)


def test_a_contract_is_drafted_from_traffic_and_holds_for_it(space, shop):
    with pytest.raises(NotFound):
        infer_contract(space, "shop")
    events = [
        event(number, plan="gold", n=1.5, at="2026-01-01T00:00:00Z", **({"more": [1]} if number == 1 else {}))
        for number in range(1, 4)
    ]
    traits = {"email": "a@b.example", "firstName": "Ann"}
    shop(*events, Message(id="i", type="identify", timestamp=AT, received=AT, user_id="u1", traits=traits))
    path, text = infer_contract(space, "shop")
    assert path.read_text() == text
    standard = OpenDataContractStandard.from_string(text)
    assert (standard.apiVersion, standard.kind) == ("v3.1.0", "DataContract")
    drafted = {one.name: {each.name: each for each in one.properties} for one in standard.schema_}
    assert drafted["Signed Up"]["at"].logicalType == "timestamp"
    assert (drafted["Signed Up"]["plan"].required, drafted["Signed Up"]["more"].required) == (True, None)
    assert drafted["identify"]["email"].classification == "direct"
    plan = intake.load_plan(space.project.folder, "shop")
    assert all(intake.judge_event(plan, one, special=False).violations == [] for one in events)
    with pytest.raises(Conflict):
        infer_contract(space, "shop")
    infer_contract(space, "shop", force=True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("kind: DataContract", "kind"),
        ("v3.1.0", "apiVersion"),
        ("logicalType: integer", "logicalType"),
        ("'^[A-Z]+$'", "regular expression"),
        ("value: drop}]}", "onViolation"),
        ("schema:", "YAML"),
    ],
)
def test_mistakes_in_a_contract_are_told_with_their_place(space, shop, wrong, said):
    mended = {"kind: DataContract": "kind: Cake", "v3.1.0": "v2.0.0", "logicalType: integer": "logicalType: cake",
              "'^[A-Z]+$'": "'('", "value: drop}]}": "value: cake}]}", "schema:": "schema: ["}  # fmt: skip
    write(space, PLAN.replace(wrong, mended[wrong], 1))
    with pytest.raises(Invalid, match=said) as told:
        intake.load_plan(space.project.folder, "shop")
    assert "shop.odcs.yaml" in str(told.value)


def test_a_jump_and_a_drop_in_volume(space, shop):
    hour = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    volumes = {"steady": [50] * 12, "jumped": [50] * 11 + [500], "dropped": [50] * 11 + [2], "gone": [50] * 11 + [0],
               "rare": [2] * 11 + [9], "new": [0] * 11 + [900]}  # fmt: skip
    with space.database.connect() as conn:
        number = source_number(conn, "shop")
        for name, totals in volumes.items():
            for back, total in enumerate(reversed(totals), 1):
                if total:
                    conn.execute(
                        "insert into intake.volume values (%s, %s, %s, %s)",
                        (number, name, hour - timedelta(hours=back), total),
                    )
        found = {one["event"]: one["alert"] for one in intake.volume_alerts(conn, number, hour + timedelta(minutes=7))}
        assert found == {"jumped": "jump", "dropped": "drop", "gone": "drop"}
        intake.forget_volume(conn, hour)
        assert intake.volume_alerts(conn, number, hour) == []
    assert intake.list_sources(space.project.folder) == ["shop"]


HOOK = """name: shop
kind: live
webhook: {event: topic}
key: customer.id
entities:
  - entity: Individual
    attributes: {firstName: customer.first_name}
  - entity: ContactPointEmail
    attributes: {emailAddress: customer.email}
"""
HOOK_PLAN = """apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
customProperties:
  - {property: onUnknownEvent, value: block}
  - {property: onUnknownProperty, value: drop}
  - {property: onViolation, value: block}
schema:
  - name: customer/changed
    properties:
      - {name: topic, logicalType: string}
      - name: customer
        logicalType: object
        required: true
        properties:
          - {name: id, logicalType: string, required: true}
          - {name: first_name, logicalType: string}
          - {name: email, logicalType: string, logicalTypeOptions: {pattern: '@'}}
      - {name: shop.till, logicalType: integer}
"""


def hooked(number, topic="customer/changed", **content):
    said = {
        "topic": topic,
        "customer": {"id": f"c{number}", "first_name": "Ann", **content.pop("customer", {})},
        **content,
    }
    return Message(id=f"h{number}", type="track", event=topic, timestamp=AT + number, received=AT + number,
                   properties=said, per_source=True, mapped=True)  # fmt: skip


def test_documents_of_webhooks_are_judged_before_their_mapping_reads_them(space, shop):
    (space.project.folder / "sources/shop.yaml").write_text(HOOK)
    write(space, HOOK_PLAN)
    shop(
        hooked(
            1,
            customer={"email": "ann@example.com", "note": "likes tea"},
            shop={"till": 3, "keeper": "Bob"},
            more={"a": 1},
        ),
        hooked(2, customer={"email": "nobody"}),
        hooked(3, customer={"id": None}),
        hooked(4, "order/made"),
        hooked(5, shop={"till": "third"}),
    )
    listed = {
        (one["event"], one["property"], one["reason"], one["action"])
        for one in watch_contract(space, "shop", "violations")
    }
    assert listed == {
        ("customer/changed", "customer.note", "unknown property", "drop"),
        ("customer/changed", "shop.keeper", "unknown property", "drop"),
        ("customer/changed", "more", "unknown property", "drop"),
        ("customer/changed", "customer.email", "does not fit the pattern", "block"),
        ("customer/changed", "customer.id", "required, and missing", "block"),
        ("customer/changed", "shop.till", "not of type integer", "block"),
        ("order/made", "", "unknown event", "block"),
    }
    with space.database.connect() as conn:
        (record,) = space.reader(conn).records("email:ann@example.com")
        assert (record["values"], record["unmapped"]) == (
            {"firstName": "Ann"},
            {"shop.till": "3", "topic": "customer/changed"},
        )
        assert conn.execute("select count(*) from intake.record").fetchone() == (1,)
    write(space, HOOK_PLAN.replace(", logicalTypeOptions: {pattern: '@'}", ""))
    assert replay_rejects(space, "shop") == {"replayed": 1, "left": 3}


def test_the_envelope_of_a_cloudevent_needs_no_word_in_its_contract():
    said = {"specversion": "1.0", "id": "1", "source": "/till", "type": "sold", "data": {"total": 3}, "extra": 1}
    message = Message(id="1", type="track", event="sold", timestamp=1, received=1, properties=said, mapped=True)
    plan = intake.Plan({"sold": _event(("data.total", "integer"))}, "block")
    verdict = intake.judge_event(plan, message, special=False)
    assert [(one.property, one.reason) for one in verdict.violations] == [("extra", "unknown property")]
    assert verdict.message.properties == {name: value for name, value in said.items() if name != "extra"}


def _event(*properties):
    made = {
        name: Property(kind, False, "block", "", None, None, (None, None), (None, None)) for name, kind in properties
    }
    return Event(made, frozenset(name.partition(".")[0] for name in made), "block", "drop")


def test_a_draft_for_documents_names_paths_and_holds_for_them(space, shop):
    (space.project.folder / "sources/shop.yaml").write_text(HOOK)
    events = [hooked(number, customer={"tags": ["a"]}, empty={}) for number in range(1, 4)]
    shop(*events)
    _, text = infer_contract(space, "shop")
    (drafted,) = yaml.safe_load(text)["schema"]
    names = {one["name"]: one.get("logicalType") for one in drafted["properties"]}
    assert names == {"customer.first_name": "string", "customer.id": "string", "customer.tags": "array", "empty": "object",
                     "topic": "string"}  # fmt: skip
    plan = intake.load_plan(space.project.folder, "shop")
    assert all(intake.judge_event(plan, one, special=False).violations == [] for one in events)


def test_a_draft_allows_the_values_of_small_closed_sets_and_no_personal_one(space, shop):
    def told(number):
        return Message(
            id=f"m{number}", type="track", timestamp=AT, received=AT, event="Chosen", user_id=f"u{number}",
            properties={
                "plan": ("gold", "silver", "bronze")[number % 3],
                "firstName": ("Ann", "Bea")[number % 2], "keeper": ("Mary", "Robert")[number % 2],
                "gender": "f", "at": "desk@shop.example", "card": "4111 1111", "n": number % 2,
                "seldom": "common" if number else "one person only", "own": f"value {number}",
                "who": ("tea", "coffee")[number % 2],
            },
        )  # fmt: skip

    shop(*(told(number) for number in range(30)))
    shop(*(msgspec.structs.replace(told(1), id=f"w{number}", properties={"who": "water"}) for number in range(30)))
    _, text = infer_contract(space, "shop")
    allowed = {
        one["name"]: one["quality"][0]["arguments"]["validValues"]
        for one in yaml.safe_load(text)["schema"][0]["properties"]
        if "quality" in one
    }
    assert allowed == {"plan": ["bronze", "gold", "silver"]}, "one person said `water` thirty times"
    for personal in ("Ann", "Mary", "desk@", "4111", "one person"):
        assert personal not in text
    plan = intake.load_plan(space.project.folder, "shop")
    found = intake.judge_event(plan, event(1, "Chosen", plan="tin"), special=False).violations
    assert ("plan", "not among the allowed values") in {(one.property, one.reason) for one in found}
