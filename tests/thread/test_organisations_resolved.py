"""`resolve` for organisations on real PostgreSQL: model links in the ledger of people, explained, reviewed, kept apart by numbers."""

import csv
import json

import pytest
from tests.identity.match.test_organisations import firms
from tests.thread.test_organisations import MAPPING
from tests.thread.test_resolving import rows, told

from steelthread.app import cluster_rows, load_file, verify_space
from steelthread.identity import model_in_force
from steelthread.thread import resolve_all, resolve_new, review, review_queue, unlink
from steelthread.thread.models import opened_model

__all__ = ["told"]
COLUMNS = "id company vat register email phone site street city postcode".split()  # noqa: SIM905
FIRM = (
    MAPPING.replace(
        "  - entity: Account\n    attributes: {{name: company}}",
        "  - entity: Organization\n    attributes: {{businessName: company}}",
    )
    + "  - entity: PartyIdentification\n    attributes: {{identificationNumber: register, partyIdentificationTypeId: {{constant: registration_number}}}}\n"
)


def as_rows(records):
    """Return records of the library as rows of a file."""
    words = {"organisationName": "company", "telephoneNumber": "phone", "webSiteURL": "site", "partyIdentification": "register",
             "addressLine1": "street", "cityName": "city", "postalCodeText": "postcode"}  # fmt: skip
    found = []
    for number, record in enumerate(records):
        values = {column: record[word] for word, column in words.items() if word in record}
        plain = {
            column: value if isinstance(value, str) else value[0].rpartition("number:")[2]
            for column, value in values.items()
        }
        found.append({"id": f"f{number}", **plain})
    return found


def without_keys(found, truth):
    """Return the rows so that who has a slip in the name shares no key with the others: neither phone nor site, and a slip in the street."""
    whole = {number: row for row, number in zip(found, truth, strict=True) if "street" in row and "site" in row}
    return [
        row if "street" in row else {**row, "phone": "", "site": "", **{one: whole[number][one].replace("Mill", "Mil") for one in ("street", "city", "postcode")}}
        for row, number in zip(found, truth, strict=True)
    ]  # fmt: skip


@pytest.fixture
def companies(space):
    (space.project.sources / "firms.yaml").write_text(FIRM.format(name="firms"))

    def load(found):
        path = space.project.folder / "firms.csv"
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(found)
        return load_file(space, "firms", path)

    return load


def groups(space, entity="Organization"):
    found = {}
    with space.database.connect() as conn:
        for _, name, key, individual in cluster_rows(space, conn):
            if name == entity:
                found.setdefault(individual, set()).add(key)
    return {frozenset(keys): individual for individual, keys in found.items()}


def together(truth, known):
    found = {}
    for number in known:
        found.setdefault(truth[number], set()).add(f"f{number}")
    return {frozenset(keys) for keys in found.values()}


def links(space):
    with space.database.connect() as conn:
        return conn.execute(
            "select a, b, weight, rule, steps, levels, refused from identity.link where closed_at is null and actor = 'model' order by a, b"
        ).fetchall()


def test_rules_leave_apart_what_evidence_in_sum_joins_and_every_link_says_why(space, companies):
    records, truth = firms()
    companies(without_keys(as_rows(records), truth))
    before, right = groups(space), together(truth, range(len(records)))
    done = resolve_all(space)
    after = groups(space)
    assert done.records == len(records)
    assert len(set(after) & right) > 0.9 * len(right)
    assert len(set(before) & right) < 0.5 * len(right)
    assert all(any(keys <= one for one in right) for keys in after)
    for _, _, weight, rule, steps, _, _ in links(space):
        assert rule == f"model {done.model}"
        assert abs(sum(steps) - weight) < 1e-6
    merged = next(keys for keys in after if keys not in before and len(keys) == 2)
    one, other = (f"record:firms/Organization/{key}" for key in merged)
    with space.database.connect() as conn:
        explained = space.reader(conn).explain(one, other)
        profile = space.reader(conn).profile(one)
    (step,) = explained["path"]
    steps = step["evidence"]["waterfall"]
    assert abs(sum(part["weight"] for part in steps) - step["evidence"]["weight"]) < 1e-6
    assert step["evidence"]["model"] == done.model
    assert {part["question"] for part in steps} <= {
        "prior",
        "firm",
        "firm_contact",
        "firm_place",
        "firm_form",
        "firm_number",
    }
    assert profile["counts"]["records"] == 2
    assert verify_space(space)["same"]
    unlink(space, one, other, "two firms", "clerk")
    assert merged not in groups(space)
    resolve_all(space)
    assert merged not in groups(space)


def test_people_are_weighed_as_if_no_organisation_were_there(space, told, companies):
    told(rows())
    resolve_all(space)
    alone, persons = links(space), groups(space, "Individual")
    records, _ = firms(count=15)
    companies(as_rows(records))
    resolve_all(space)
    with space.database.connect() as conn:
        firm = {
            record
            for (record,) in conn.execute(
                "select record_id from intake.record join intake.entity using (entity_id) where name = 'Organization'"
            )
        }
        model = opened_model(space, model_in_force(conn))
    beside = [row for row in links(space) if row[0] not in firm]
    assert {frozenset(firm) & {a, b} == {a, b} for a, b, *_ in links(space) if a in firm or b in firm} == {True}
    assert [(*row[:3], *row[4:]) for row in beside] == [(*row[:3], *row[4:]) for row in alone]
    assert groups(space, "Individual") == persons
    assert model.organisations is not None
    assert model.organisations.thresholds == model.thresholds


def test_new_and_changed_records_come_to_what_a_full_run_says(space, told, companies):
    told(rows(people=30))
    records, truth = firms(count=30)
    every = as_rows(records)
    companies(every[:60])
    resolve_all(space)
    companies(every)
    done = resolve_new(space)
    assert done.records == len(every) - 60
    stepwise, said = groups(space), links(space)
    resolve_all(space, keep_model=True)
    assert groups(space) == stepwise
    assert {row[:2] for row in links(space) if row[2] >= 1} == {row[:2] for row in said if row[2] >= 1}
    assert len(set(stepwise) & together(truth, range(len(every)))) > 0.9 * len(together(truth, range(len(every))))
    assert resolve_new(space).records == 0
    assert verify_space(space)["same"]


def test_two_numbers_of_one_register_are_a_wall_for_rules_and_models(space, companies):
    records, _ = firms(count=20)
    twin = {
        "company": "Twin Optics Ltd",
        "site": "twin.example",
        "phone": "+442079460958",
        "street": "7 Canal Walk",
        "city": "Leeds",
        "postcode": "LS2 7AA",
    }
    companies([*as_rows(records), twin | {"id": "t1", "register": "111234"}, twin | {"id": "t2", "register": "111235"}])
    assert {frozenset(["t1"]), frozenset(["t2"])} <= set(groups(space))
    resolve_all(space)
    assert {frozenset(["t1"]), frozenset(["t2"])} <= set(groups(space))
    assert "two different numbers of one register" in {row[-1] for row in links(space)}
    assert verify_space(space)["same"]


def test_pairs_in_doubt_are_in_the_queue_and_a_word_on_them_holds(space, companies):
    records, _ = firms()
    companies([*as_rows(records), {"id": "d1", "company": "Quorum Textiles"}, {"id": "d2", "company": "Quorum Textiles Ltd"},
               {"id": "d3", "company": "Umbra Dairy"}, {"id": "d4", "company": "Umbra Dairy"}])  # fmt: skip
    resolve_all(space)
    with space.database.connect() as conn:
        queue = review_queue(space, conn, "ann", 100)
    shown = {frozenset(one["record"].rpartition("/")[2] for one in pair["records"]): pair for pair in queue}
    assert shown
    pair = next(pair for keys, pair in shown.items() if keys in ({"d1", "d2"}, {"d3", "d4"}))
    assert pair["records"][0]["values"]["organisationName"]
    assert json.dumps(pair["evidence"]["waterfall"])
    keys = next(keys for keys, one in shown.items() if one is pair)
    review(space, pair["id"], "same", "ann", "one letterhead")
    assert keys in groups(space)
    resolve_all(space)
    assert keys in groups(space)


def test_organisations_that_come_to_a_model_of_people_wait_for_the_next_whole_run(space, told, companies):
    told(rows(people=20))
    resolve_all(space)
    records, _ = firms(count=10)
    companies(as_rows(records))
    before = groups(space)
    assert resolve_new(space).records == 0
    assert groups(space) == before
    assert resolve_new(space).records == 0
    resolve_all(space)
    assert len(groups(space)) < len(before)
