"""What if: a plan changes nothing and is exactly what applying does."""

from tests.thread.test_resolving import groups, rows, told  # noqa: F401  # told is a fixture

from steelthread.app import verify_space
from steelthread.identity import default_text
from steelthread.thread import Space, apply, plan, resolve_all


def again(space, change):
    (space.project.folder / "identity.yaml").write_text(change(default_text()))
    return Space(space.project, space.database)


def everything(space):
    with space.database.connect() as conn:
        return [
            conn.execute(f"select * from {table} order by 1, 2, 3").fetchall()
            for table in ("identity.node", "identity.cluster", "identity.link", "identity.judged", "profiles.profile")
        ]


def test_a_plan_changes_nothing_and_applying_does_what_it_said(space, told):  # noqa: F811
    told(rows())
    resolve_all(space)
    before = groups(space)
    careful = again(space, lambda text: text.replace("confidence: strict", "confidence: exact"))
    state = everything(careful)
    said = plan(careful)
    assert everything(careful) == state
    done = apply(careful)
    assert (done.individuals_before, done.individuals_after) == (said.individuals_before, said.individuals_after)
    assert (done.merged, done.split) == (said.merged, said.split)
    assert verify_space(careful)["same"]
    back = again(space, lambda text: text)
    apply(back)
    assert groups(back) == before


def test_a_limit_that_comes_splits_and_one_that_goes_merges(space, told):  # noqa: F811
    people = [
        ("a", "Ann", "Lee", "", "one@mail.example", "", "", ""),
        ("b", "Ann", "Lee", "", "one@mail.example", "", "", ""),
        ("c", "Bob", "Ray", "", "two@mail.example", "", "", ""),
        ("d", "Bert", "Ray", "", "two@mail.example", "", "", ""),
    ]
    told(people + rows(people=5))
    resolve_all(space)
    assert frozenset("ab") in groups(space)
    strict = again(space, lambda text: text.replace("name_guard: {threshold: 0.8}", "name_guard: {threshold: 0.99}"))
    said = plan(strict)
    assert said.cases or not said.split
    apply(strict)
    assert verify_space(strict)["same"]
    apply(again(space, lambda text: text))
    assert verify_space(again(space, lambda text: text))["same"]


def test_a_plan_names_those_who_would_change(space, told):  # noqa: F811
    told(rows())
    careful = again(space, lambda text: text.replace("confidence: strict", "confidence: exact"))
    said = plan(careful, new_model=True)
    assert said.merged
    assert 0 < len(said.cases) <= 20
    case = said.cases[0]
    assert case.change == "merge"
    assert sum(part["records"] for part in case.parts) == case.records
    assert case.parts[0]["shown"][0]["values"]["lastName"]
    assert said.consolidation_after > said.consolidation_before
