"""People in doubt: who hangs together by a bridge, or is of several names and birth dates, and what an answer makes of it."""

import math
import random
import threading
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from tests.thread.test_resolving import groups, ref

from steelthread.app import load_file, verify_space
from steelthread.identity import Judgement, ModelRow, Seen, default_text
from steelthread.kit import Conflict, now
from steelthread.thread import Space, link, quality, quality_picture, review, review_queue, unlink
from steelthread.thread.people import people
from steelthread.thread.resolving import Findings, write

MAPPING = """name: people
key: id
entities:
  - entity: Individual
    attributes: {firstName: first, birthDate: born}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
identifiers:
  - {kind: loyalty_number, column: card}
  - {kind: party_id.club, column: club}
"""
ANNA, BORIS = ("Anna", "1970-01-02"), ("Boris", "1981-05-06")


@pytest.fixture
def space(space):
    """Return a space where a club's number joins whoever has it, whatever they are called."""
    guarded = "{strength: 10, durable: true, weak: true}"
    assert guarded in default_text()
    (space.project.folder / "identity.yaml").write_text(
        default_text().replace(guarded, "{strength: 10, durable: true}")
    )
    return Space(space.project, space.database)


@pytest.fixture
def told(space):
    """Return what loads rows of (id, (first, born), email, card, club), and skips those that it is not told."""
    (space.project.sources / "people.yaml").write_text(MAPPING)

    def load(*found):
        path = space.project.folder / "people.csv"
        lines = [",".join((key, *who, *rest, *[""] * (3 - len(rest)))) for key, who, *rest in found]
        path.write_text("\n".join(("id,first,born,email,card,club", *lines)) + "\n")
        return load_file(space, "people", path)

    return load


def family(prefix, who, *rest, count=3):
    """Return records that have an email, a card and a number of a club in common, as far as these are told."""
    return [(f"{prefix}{number}", who, *rest) for number in range(1, count + 1)]


def queue(space, who="ann"):
    with space.database.connect() as conn:
        return review_queue(space, conn, who, 50)


def keys(one):
    return {record["record"].rpartition("/")[2] for record in one["records"]}


def together(space):
    return set(groups(space))


def judged(space, **said):
    """Have a model say of two records, by their keys joined with _, what it weighs and which wall there is."""
    with space.database.connect() as conn:
        found = {one.view.key: one for one in people(space, conn)}
        judgements = []
        for pair, (weight, wall) in said.items():
            a, b = sorted(found[key].record for key in pair.split("_"))
            judgements.append(Judgement(a, b, weight, [1], [weight - 1.0, 1.0], wall))
        row = ModelRow("made up", 0, b"", [("all", ["else"])], 3.0, 0.0, -3.0, "strict", now())
        seen = {one.record: Seen(one.record, one.digest, [], one.subject, b"") for one in found.values()}
        write(space, conn, row, Findings(judgements, seen, 0), None)
        conn.commit()


def super_cluster():
    """Return two people of three records each, held together by a card that one record of either has."""
    anna, boris = family("a", ANNA, "", "", "club-a"), family("b", BORIS, "", "", "club-b")
    anna[2] = ("a3", ANNA, "", "card-9", "club-a")
    boris[0] = ("b1", BORIS, "", "card-9", "club-b")
    return [*anna, *boris]


A, B = frozenset({"a1", "a2", "a3"}), frozenset({"b1", "b2", "b3"})


def test_a_super_cluster_that_rules_made_is_asked_about_at_its_bridge(space, told):
    told(*super_cluster())
    assert together(space) == {A | B}
    (one,) = queue(space)
    assert (one["kind"], one["joined"], one["mean"], one["evidence"]) == ("cluster", True, None, None)
    assert one["bridge"] == {"rule": "loyalty_number", "parts": [3, 3]}
    assert keys(one) == {"a3", "b1"}
    assert {record["values"]["firstName"] for record in one["records"]} == {"Anna", "Boris"}
    assert (one["size"], one["firstNames"], one["birthDates"]) == (6, 2, 2)
    assert (one["uncertainty"], one["impact"]["records"]) == (1.0, 6)
    assert one["rank"] == pytest.approx(math.log2(7))


def test_different_parts_it_there_and_can_be_taken_back(space, told):
    told(*family("a", ANNA, "", "", "club-a"), *family("b", BORIS, "", "", "club-b"))
    alone = groups(space)
    told(*super_cluster())
    whole = groups(space)
    (one,) = queue(space)
    done = review(space, one["id"], "different", "ann", "two members of a club")
    assert (done["verdict"], done["same"]) == ("never", False)
    assert groups(space) == alone  # with the ID that either had before
    assert not queue(space)
    assert not quality(space)["suspects"]
    assert verify_space(space)["same"]
    link(space, ref("a3"), ref("b1"), "one after all", "ben")
    assert groups(space) == whole
    assert verify_space(space)["same"]
    with space.database.connect() as conn:
        left = conn.execute("select count(*) from identity.decision where superseded_at is null and verdict = 'never'")
        assert left.fetchone() == (0,)
    unlink(space, ref("a3"), ref("b1"), "as it was", "ben")  # the link by hand goes, no word is left
    assert groups(space) == whole


def test_who_is_parted_stays_whole_however_weak_the_rest_holds(space, told):
    """What was said comes before all rules: of the first of the other part it must not take the only identifier along."""
    told(("b1", BORIS, "", "card-b", "club-a"))
    told(
        *family("a", ANNA, "", "", "club-a"),
        *family("b", BORIS, "", "card-b", "")[1:],
        ("b1", BORIS, "", "card-b", "club-a"),
    )
    assert together(space) == {A | B}
    (one,) = queue(space)
    assert one["bridge"] == {"rule": "party_id.club", "parts": [3, 3]}
    assert review(space, one["id"], "different", "ann")["same"] is False
    assert together(space) == {A, B}
    assert verify_space(space)["same"]


def test_one_answer_parts_two_people_all_of_whose_records_share_a_card(space, told):
    shared = [*family("a", ANNA, "", "card-a", "club-9"), *family("b", BORIS, "", "card-b", "club-9")]
    told(*shared)
    assert together(space) == {A | B}
    (one,) = queue(space)
    review(space, one["id"], "different", "ann")
    assert together(space) == {A, B}
    told(*shared, ("c", ANNA, "", "", "club-9"))
    assert len(together(space)) == 2  # whoever comes with the card joins whom it was left to
    assert verify_space(space)["same"]


@pytest.mark.parametrize("seed", range(5))
def test_every_answer_equals_the_batch_and_all_of_them_can_be_taken_back(space, told, seed):
    """People woven at random of shared numbers: parted until nobody is in doubt, and joined again in the other order."""
    chance = random.Random(seed)
    names = [ANNA, BORIS, ("Clara", "1990-09-09")]
    cards, clubs = [f"card-{n}" for n in range(5)], [f"club-{n}" for n in range(5)]
    told(*((f"r{n}", chance.choice(names), "", chance.choice(["", *cards]), chance.choice(clubs)) for n in range(16)))
    whole, answers = groups(space), []
    while found := queue(space):
        assert len(answers) < 40
        one = found[0]
        assert review(space, one["id"], "different", "ann")["same"] is False
        assert verify_space(space)["same"], (seed, answers)
        answers.append(sorted(keys(one)))
    assert answers
    assert len(groups(space)) > len(whole)
    chance.shuffle(answers)
    for a, b in answers:
        link(space, ref(a), ref(b), "taken back", "ben")
        unlink(space, ref(a), ref(b), "taken back", "ben")
        assert verify_space(space)["same"], seed
    assert groups(space) == whole


def test_same_is_a_link_by_hand_and_nobody_is_asked_again(space, told):
    told(*super_cluster())
    (one,) = queue(space)
    assert review(space, one["id"], "same", "ann", "she changed her name")["same"]
    assert together(space) == {A | B}
    assert not queue(space)
    assert not queue(space, "bob")
    with space.database.connect() as conn:
        said = conn.execute("select rule, actor, reason from identity.link where strength = 0 and closed_at is null")
        assert said.fetchall() == [("must", "ann", "she changed her name")]
    with pytest.raises(Conflict, match="decided already: same, by ann"):
        review(space, one["id"], "different", "bob")


def test_skip_hides_a_person_from_one_reviewer_only(space, told):
    told(*super_cluster())
    (one,) = queue(space)
    review(space, one["id"], "skip", "ann")
    assert not queue(space)
    assert [other["id"] for other in queue(space, "bob")] == [one["id"]]


def test_of_two_reviewers_of_a_bridge_the_faster_one_decides(space, told):
    told(*super_cluster())
    (one,), heard = queue(space), []

    def decide(who, answer):
        try:
            heard.append(review(space, one["id"], answer, who)["answer"])
        except Conflict as error:
            heard.append(str(error))

    both = [threading.Thread(target=decide, args=each) for each in (("ann", "different"), ("bob", "same"))]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sum("decided already" in each for each in heard) == 1
    assert together(space) == ({A, B} if "different" in heard else {A | B})
    assert verify_space(space)["same"]


def test_who_is_called_alike_on_either_side_is_in_no_doubt(space, told):
    anna = family("a", ANNA, "anna@one.example")
    other = family("b", ("Ann", ANNA[1]), "ann@two.example")
    anna[2], other[0] = (*anna[2], "card-9"), (*other[0], "card-9")
    told(*anna, *other)
    assert together(space) == {A | B}
    assert not queue(space)
    report = quality(space)
    assert (report["suspects"], report["clustersInDoubt"]) == ([], 0)


def test_a_birth_date_alone_that_differs_is_less_of_a_doubt_and_of_one_record_none(space, told):
    other = family("b", ("", "1990-09-09"), "b@two.example")
    anna = family("a", ("", ANNA[1]), "anna@one.example")
    anna[2], other[0] = (*anna[2], "card-9"), (*other[0], "card-9")
    told(
        *anna,
        *other,
        ("x1", ("Xenia", "1971-01-02"), "x@one.example"),
        ("x2", ("Xenia", "1971-02-01"), "x@one.example"),
    )
    (one,) = queue(space)
    assert (one["uncertainty"], one["bridge"]["parts"]) == (0.75, [3, 3])


def test_who_is_of_two_names_and_birth_dates_is_a_suspect_and_asked_about(space, told):
    told(
        ("a1", ANNA, "anna@one.example", "card-1"), ("b1", BORIS, "", "card-1"),
        ("c1", ("Clara", ANNA[1]), "", "card-2", "club-2"), ("d1", ("Dora", "1999-01-01"), "", "card-2", "club-2"),
    )  # fmt: skip
    assert together(space) == {frozenset({"a1", "b1"}), frozenset({"c1", "d1"})}
    found = {frozenset(keys(one)): one for one in queue(space)}
    assert found.keys() == together(space)
    assert found[frozenset({"a1", "b1"})]["bridge"] == {"rule": "loyalty_number", "parts": [1, 1]}
    assert found[frozenset({"c1", "d1"})]["bridge"] is None  # two numbers hold them together
    report = quality(space)
    assert [one["id"] for one in report["suspects"]] == [one["id"] for one in queue(space)]
    assert report["clustersInDoubt"] == 2
    assert {(one["records"], one["birthDates"], one["firstNames"]) for one in report["suspects"]} == {(2, 2, 2)}
    for one in found.values():
        assert review(space, one["id"], "different", "ann")["same"] is False
    assert len(together(space)) == 4
    assert quality(space)["clustersInDoubt"] == 0


def test_said_of_two_records_it_holds_for_all_that_tell_the_same(space, told):
    told(*family("a", ANNA, "", "card-2", "club-2"), *family("b", BORIS, "", "card-2", "club-2"))
    (one,) = queue(space)
    assert one["bridge"] is None
    review(space, one["id"], "same", "ann")
    assert not queue(space)


def test_very_many_records_are_looked_at_for_their_number_until_somebody_has(space, told):
    told(*family("a", ANNA, "anna@one.example", "card-1", count=24))
    assert not queue(space)
    told(*family("a", ANNA, "anna@one.example", "card-1", count=25))
    (one,) = queue(space)
    assert (one["size"], one["uncertainty"], one["bridge"]) == (25, 0.25, None)
    review(space, one["id"], "same", "ann")
    assert not queue(space)


def test_people_and_pairs_stand_in_one_queue_by_rank(space, told):
    told(*super_cluster(), *((f"p{n}", ("Paula", f"19{n}0-01-01"), f"p{n}@one.example") for n in range(6, 10)))
    judged(space, a1_b1=(-3.0, ""), a2_b3=(-5.0, ""), p6_p7=(-1.0, ""), p8_p9=(2.0, ""))
    found = queue(space)
    assert [one["kind"] for one in found].count("cluster") == 1
    assert [one["kind"] for one in found].count("pair") == 2
    assert all(one["rank"] >= other["rank"] for one, other in pairwise(found))
    person = next(one for one in found if one["kind"] == "cluster")
    assert (person["mean"], person["pairs"], person["threshold"]) == (-4.0, 2, 0.0)
    assert person["uncertainty"] == 1.0  # the model says no, and a rule holds them together
    judged(space, a1_b1=(3.0, ""), a2_b3=(1.0, ""))
    (one,) = queue(space)
    assert one["uncertainty"] == pytest.approx(2 / (1 + 2**2.0))
    judged(space, **{f"a{n}_b{m}": (11.0, "") for n in range(1, 4) for m in range(1, 4)})
    (one,) = queue(space)
    assert one["uncertainty"] == 0.25  # of two names and two birth dates: somebody should look in any case


def test_a_pair_that_a_wall_keeps_apart_is_asked_about_where_the_mean_would_join_it(space, told):
    told(*((f"p{n}", ("Paula", ANNA[1]), f"p{n}@one.example") for n in range(1, 7)))
    judged(space, p1_p2=(5.0, "twins"), p3_p4=(-2.0, "twins"), p5_p6=(0.0, "twins"))
    assert len(together(space)) == 6
    found = {frozenset(keys(one)): one for one in queue(space)}
    assert found.keys() == {frozenset({"p1", "p2"}), frozenset({"p5", "p6"})}
    strong, weak = found[frozenset({"p1", "p2"})], found[frozenset({"p5", "p6"})]
    assert (strong["wall"], strong["joined"], strong["mean"]) == ("twins", False, 5.0)
    assert strong["uncertainty"] == pytest.approx(0.5 / (1 + 2**-5.0))
    assert weak["uncertainty"] == 0.25
    assert quality(space)["inDoubt"] == 2
    assert review(space, strong["id"], "same", "ann")["same"]
    assert review(space, weak["id"], "different", "ann")["same"] is False
    assert frozenset({"p1", "p2"}) in together(space)
    assert not queue(space)
    assert verify_space(space)["same"]


def test_what_evidence_in_sum_alone_holds_together_is_asked_about_once(space, told):
    told(*family("a", ANNA, "", "", "club-a"), *family("b", BORIS, "", "", "club-b"))
    judged(space, a1_b1=(2.0, ""), a2_b2=(1.0, ""), a3_b3=(1.0, ""))
    assert together(space) == {A | B}
    (one,) = queue(space)
    assert (one["kind"], one["joined"]) == ("pair", True)
    review(space, one["id"], "different", "ann")
    assert together(space) == {A, B}
    assert verify_space(space)["same"]


def test_the_report_counts_and_draws_them(space, told):
    told(*super_cluster(), *((f"p{n}", ("Paula", ANNA[1]), f"p{n}@one.example") for n in range(1, 7)))
    judged(space, p1_p2=(1.0, ""), p3_p4=(-1.0, ""), p5_p6=(-2.0, ""))
    report = quality(space)
    assert report["inDoubt"] == 2
    assert [(one["mean"], one["records"]) for one in report["weakestBridges"]] == [(1.0, 2)]
    assert report["weakestBridges"][0]["id"] in {one["id"] for one in queue(space)}
    (suspect,) = report["suspects"]
    assert suspect["bridge"] == {"rule": "loyalty_number", "parts": [3, 3]}
    assert (suspect["records"], suspect["birthDates"], suspect["firstNames"]) == (6, 2, 2)
    assert suspect["individualId"] == str(groups(space)[A | B])
    picture = ET.fromstring(quality_picture(report))
    words = " ".join(one.text or "" for one in picture.iter("{http://www.w3.org/2000/svg}text"))
    assert "2 pairs in doubt, 1 people" in words
    assert "held together by loyalty_number alone" in words
    assert suspect["id"] in words
    assert "Anna" not in words
