"""The id-change feed tells every creation, merge and split once, in order."""

from steelthread.thread import id_changes, link, unlink


def _all(space, limit):
    after, found = 0, []
    while True:
        told = id_changes(space, after, limit)
        found += told["changes"]
        if told["next"] == after:
            return found
        after = told["next"]


def test_the_feed_tells_what_happened_to_ids(space, load):
    load("crm", "customer_id,first_name,email\n1,Ann,a@x.example\n2,Bob,b@x.example\n")
    refs = ("record:crm/Individual/1", "record:crm/Individual/2")
    link(space, *refs, "r", "t")
    unlink(space, *refs, "r", "t")
    told = _all(space, 1000)
    assert [one["change"] for one in told if one["change"] != "created"] == ["merged", "split"]
    first = told[0]
    assert (first["change"], len(first["individuals"])) == ("created", 2)
    merged = next(one for one in told if one["change"] == "merged")
    assert {merged["into"], *merged["gone"]} == set(first["individuals"])
    split = next(one for one in told if one["change"] == "split")
    assert (split["source"], split["part"]) == (merged["into"], merged["gone"][0])
    assert [one["number"] for one in told] == sorted(one["number"] for one in told)
    assert _all(space, 1) == told
    assert id_changes(space, told[-1]["number"] + 100)["changes"] == []
