"""What if: a plan changes nothing and is exactly what applying does."""

from uuid import UUID

import pytest
from tests.thread.test_resolving import groups, ref, rows, told  # noqa: F401  # told is a fixture

from steelthread.app import load_file, verify_space
from steelthread.identity import default_text, model_in_force
from steelthread.thread import Space, apply, plan, resolve_all, resolve_new, unlink

KEY = "rules:\n  - {name: name_birth, all: [lastName, firstName, birthDate]}\n"
MORE = "rules:\n  - {name: name_post, all: [lastName, postalCodeText]}\n"
LEE = [
    ("a", "Ann", "Lee", "1980-01-02", "one@mail.example", "1 Mill Lane", "Leeds", "LS1 4DY"),
    ("b", "Ann", "Lee", "1980-01-02", "two@mail.example", "9 King Street", "York", "YO1 7HH"),
    ("c", "Ann", "Lee", "1980-01-02", "six@mail.example", "", "", ""),
    ("d", "Bob", "Ray", "1970-03-04", "ray@mail.example", "", "", ""),
    ("e", "Bernard", "Ray", "1971-05-06", "ray@mail.example", "", "", ""),
    ("f", "Flo", "Fox", "", "fox@mail.example", "", "", ""),
    ("g", "Flo", "Fox", "", "fox@mail.example", "", "", ""),
]


def again(space, change):
    (space.project.folder / "identity.yaml").write_text(change(default_text()))
    return Space(space.project, space.database)


def keyed(text):
    return text.replace("rules: []", KEY)


def everything(space):
    with space.database.connect() as conn:
        return [
            conn.execute(f"select * from {table} order by 1, 2, 3").fetchall()
            for table in (
                "identity.node", "identity.cluster", "identity.link", "identity.judged", "identity.membership", "identity.run",
                "profiles.profile", "profiles.event", "intake.record", "intake.load", "log.chunk",
            )
        ]  # fmt: skip


def people_of(said):
    """Return the parts of each case, as the keys of the records that are shown."""
    return [
        (one.change, sorted("".join(sorted(key["record"][-1] for key in part["shown"])) for part in one.parts))
        for one in said.cases
    ]


def test_a_composite_key_is_planned_and_applied(space, told):  # noqa: F811
    told(LEE)
    before = groups(space)
    state = everything(space)
    keyed_space = again(space, keyed)
    said = plan(keyed_space)
    assert everything(keyed_space) == state
    assert people_of(said) == [("merge", ["a", "b", "c"])]
    (case,) = said.cases
    assert case.records == 3
    assert {part["individualId"] for part in case.parts} == {str(before[frozenset(key)]) for key in "abc"}
    assert case.parts[0]["shown"][0]["values"]["lastName"] == "Lee"
    assert (said.individuals_before, said.individuals_after, said.merged, said.split) == (6, 4, 2, 0)
    assert (said.records_changed, said.links_added, said.links_closed) == (5, 5, 0)
    assert (said.consolidation_before, said.consolidation_after) == (round(1 - 6 / 7, 4), round(1 - 4 / 7, 4))
    assert said.model == ""
    done = apply(keyed_space)
    assert (done.individuals_before, done.individuals_after, done.merged, done.split) == (6, 4, 2, 0)
    assert frozenset("abc") in groups(keyed_space)
    assert groups(keyed_space)[frozenset("abc")] == min(before[frozenset(key)] for key in "abc")
    assert verify_space(keyed_space)["same"]
    assert plan(keyed_space).cases == []


def test_a_key_that_goes_splits_and_everybody_has_the_former_id(space, told):  # noqa: F811
    alone = again(space, lambda text: text)
    told(LEE)
    births = groups(alone)
    apply(again(space, keyed))
    gone = again(space, lambda text: text)
    said = plan(gone)
    assert people_of(said) == [("split", ["a", "b", "c"])]
    assert (said.merged, said.split, said.links_closed) == (0, 2, 5)
    apply(gone)
    assert groups(gone) == births
    assert verify_space(gone)["same"]
    with (space.project.folder / "people.csv").open("a") as stream:
        stream.write("h,Hal,Orr,,orr@mail.example,,,\n")
    load_file(gone, "people", space.project.folder / "people.csv")  # the key that is no more is in nobody's way
    assert groups(gone).keys() == births.keys() | {frozenset("h")}


def test_one_key_for_another_merges_some_and_splits_others(space, told):  # noqa: F811
    found = [*LEE, ("x", "Eva", "Lee", "1999-09-09", "eva@mail.example", "1 Mill Lane", "Leeds", "LS1 4DY")]
    told(found)
    apply(again(space, keyed))
    other = again(space, lambda text: text.replace("rules: []", MORE))
    said = plan(other)
    assert people_of(said) == [("merge", ["a", "x"]), ("split", ["a", "b", "c"])]
    done = apply(other)
    assert (done.merged, done.split) == (said.merged, said.split) == (1, 2)
    assert {frozenset("ax"), frozenset("b"), frozenset("c")} <= groups(other).keys()


def test_a_limit_that_comes_splits_and_one_that_goes_merges(space, told):  # noqa: F811
    def later(text):  # the key comes after addresses: it would join whom a limit keeps apart
        return keyed(text).replace("birthDate]}", "birthDate], strength: 75}")

    keyed_space = again(space, later)
    told(LEE)
    apply(keyed_space)
    before = groups(keyed_space)
    limited = again(space, lambda text: later(text).replace("25, limit: [{count: 10}]", "25, limit: [{count: 2}]"))
    said = plan(limited)
    ((change, parts),) = people_of(said)
    assert change == "split"
    assert sorted(map(len, parts)) == [1, 2]
    apply(limited)
    assert frozenset("abc") not in groups(limited)
    assert verify_space(limited)["same"]
    back = again(space, later)
    assert [one.change for one in plan(back).cases] == ["merge"]
    apply(back)
    assert groups(back) == before
    assert verify_space(back)["same"]


def test_the_name_guard_is_that_of_the_file(space, told):  # noqa: F811
    told(LEE)
    assert frozenset("d") in groups(space)
    lenient = again(space, lambda text: text.replace("threshold: 0.8", "threshold: 0.1"))
    assert people_of(plan(lenient)) == [("merge", ["d", "e"])]
    apply(lenient)
    assert frozenset("de") in groups(lenient)
    strict = again(space, lambda text: text)
    assert people_of(plan(strict)) == [("split", ["d", "e"])]


@pytest.mark.parametrize(("confidence", "change"), [("exact", "split"), ("loose", "merge")])
def test_another_confidence_is_planned_and_applied(space, told, confidence, change):  # noqa: F811
    found = rows()
    named = {row[0].partition("-")[0]: row[1:3] for row in found}
    told(found + [(f"{key}-x", *name, "", "", "", "", "") for key, name in list(named.items())[::4]])
    resolve_all(space)
    before = groups(space)
    other = again(space, lambda text: text.replace("confidence: strict", f"confidence: {confidence}"))
    state = everything(other)
    said = plan(other)
    assert everything(other) == state
    assert said.records_changed == 0
    assert said.cases
    for case in said.cases:
        assert case.change == change
        assert len(case.parts) == 2
        assert case.parts[-1]["records"] == 1
        assert case.parts[-1]["shown"][0]["record"].endswith("-x")
    done = apply(other)
    assert (done.individuals_before, done.individuals_after) == (said.individuals_before, said.individuals_after)
    assert (done.merged, done.split) == (said.merged, said.split)
    assert max(done.merged, done.split) == len(said.cases)
    assert len(groups(other)) == said.individuals_after
    assert verify_space(other)["same"]
    back = again(space, lambda text: text)
    apply(back)
    assert groups(back) == before


def test_rules_and_a_model_are_planned_together(space, told):  # noqa: F811
    """A rule joins whom the model did not, a person's word still wins, and a run afterwards finds nothing to do."""
    twins = [
        ("x-1", "Xenia", "Quast", "1990-05-05", "x1@mail.example", "", "", ""),
        ("x-2", "Xenia", "Quast", "1990-05-05", "x2@mail.example", "", "", ""),
    ]
    told(rows() + twins)
    resolve_all(space)
    unlink(space, ref("p0-0"), ref("p0-1"), "cousins", "tester")
    before = groups(space)
    keyed_space = again(space, lambda text: text.replace("rules: []", MORE))
    said = plan(keyed_space)
    assert said.model
    assert said.merged or said.split
    done = apply(keyed_space)
    assert (done.merged, done.split) == (said.merged, said.split)
    assert (done.individuals_before, done.individuals_after) == (len(before), len(groups(keyed_space)))
    assert verify_space(keyed_space)["same"]
    assert not any({"p0-0", "p0-1"} <= group for group in groups(keyed_space))
    assert resolve_new(keyed_space).merged == 0
    whole = resolve_all(keyed_space, keep_model=True)
    assert (whole.merged, whole.split) == (0, 0)


def test_a_plan_names_those_who_would_change(space, told):  # noqa: F811
    told(rows())
    careful = again(space, lambda text: text.replace("confidence: strict", "confidence: exact"))
    said = plan(careful, new_model=True)
    assert said.merged
    assert len(said.cases) == 20
    case = said.cases[0]
    assert case.change == "merge"
    assert sum(part["records"] for part in case.parts) == case.records == 3
    assert [one.records for one in said.cases] == sorted((one.records for one in said.cases), reverse=True)
    assert case.parts[0]["shown"][0]["values"]["lastName"]
    assert said.consolidation_after > said.consolidation_before
    unnamed = plan(careful, new_model=True, names=False)
    assert unnamed.merged == said.merged
    assert all(part.keys() == {"individualId", "records"} for one in unnamed.cases for part in one.parts)
    assert UUID(unnamed.cases[0].parts[0]["individualId"])


def test_no_model_is_learned_that_nobody_asked_for(space, told):  # noqa: F811
    told(rows())
    before = groups(space)
    assert plan(space).cases == []
    done = apply(space)
    assert (done.model, done.merged, done.split) == ("", 0, 0)
    assert groups(space) == before
    with space.database.connect() as conn:
        assert model_in_force(conn) is None
