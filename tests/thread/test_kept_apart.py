"""Twins, and father and son of one name, stay two people: whole runs, incremental ones, and the matcher's.

Senzing's records of such families, and clear ones of our own, through a whole project by its commands. Each of our people
has two records, which have to come together: who joins nobody keeps everybody apart.
"""

import csv
import json
import sys
from itertools import combinations
from pathlib import Path

import pytest
from tests import commands
from tests.thread.test_evidence import SILENT
from tests.thread.test_resolving import rows

from steelthread.app import cluster_rows, load_file, verify_space
from steelthread.kit import open_project
from steelthread.thread import Matcher, Space, resolve_all, resolve_new

DATA = Path(__file__).parents[3] / "shared" / "data" / "identity"
LABELS = Path(__file__).parents[2] / "benchmarks" / "identity" / "senzing_labels.csv"
GENERATIONS = [("1028", "1029"), ("1089", "1090"), ("1001", "1006"), ("1039", "1040")]
"""Dobbins Jr and Senior, Klein I and II; Robert Smith and Robert Smith Sr; two John Smith of one address, born 20 years apart."""
TWINS = [("1019", "1020"), ("1043", "1044"), ("2191", "2192")]
"""Mark and Marsha Kusha, of one birthday, surname, address and mailbox; Patrick and Patricia Smith; Jim and Jane Muir."""
SENZING = ("customers", "reference", "watchlist")

COLUMNS = ("id", "first_name", "last_name", "suffix", "date_of_birth", "email", "phone", "street", "city", "postcode")
FAMILIES = {
    "twins": [("Oscar", "Norwood", "", "1988-03-14"), ("Hannah", "Norwood", "", "1988-03-14")],
    "twins alike by name": [("Daniel", "Fenwick", "", "1991-06-02"), ("Danielle", "Fenwick", "", "1991-06-02")],
    "both told": [("Walter", "Thorne", "Sr", "1948-05-09"), ("Walter", "Thorne", "Jr", "1977-11-21")],
    "the younger told": [("Edgar", "Ashdown", "", "1951-02-17"), ("Edgar", "Ashdown", "Jr", "1979-08-30")],
    "the elder told": [("Rupert", "Lindqvist", "Sr", "1950-12-04"), ("Rupert", "Lindqvist", "", "1983-04-26")],
    "born on one day": [("Hector", "Vance", "II", "1969-07-07"), ("Hector", "Vance", "III", "1969-07-07")],
}


def household(name, place):
    """Return the records of a family: what is shared in a home stands with all, and each has a record in another system too."""
    last = FAMILIES[name][0][1]
    shared = (
        f"{last.lower()}.home@mail.example",
        f"020 7946 0{100 + place}",
        f"{place} Canal Walk",
        "Leeds",
        "LS2 7AA",
    )
    found = []
    for number, (first, surname, suffix, born) in enumerate(FAMILIES[name]):
        for copy in range(2):
            own = (f"f{place}-{number}-{copy}", first, surname, suffix, born)
            found.append((*own, *shared) if copy == 0 else (*own, shared[0], "", *shared[2:]))
    return found


def background():
    return [(key, first, last, "", *others[:2], "", *others[2:]) for key, first, last, *others in rows()]


def write(path, records):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *records])


def told_together(groups, keys):
    """Return which of these keys stand in one group with another of them."""
    return {frozenset(group & keys) for group in groups if len(group & keys) > 1}


def clusters_of(space):
    found = {}
    with space.database.connect() as conn:
        for _, _, key, individual in cluster_rows(space, conn):
            found.setdefault(individual, set()).add(key)
    return [frozenset(keys) for keys in found.values()]


def check(groups, families):
    for place, name in families:
        keys = {record[0] for record in household(name, place)}
        right = {frozenset(f"f{place}-{number}-{copy}" for copy in range(2)) for number in range(2)}
        assert told_together(groups, keys) == right, name
        assert not any(key.startswith("p") for group in groups if group & keys for key in group), name


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_families_through_a_project_in_each_way(tmp_path, server):  # init brings its own server: once is enough
    folder, file = tmp_path / "people", tmp_path / "members.csv"
    ways = {
        way: [(10 * step + place, name) for place, name in enumerate(FAMILIES)]
        for step, way in enumerate(("full", "incremental", "streamed"), 1)
    }
    records = {way: [one for place, name in told for one in household(name, place)] for way, told in ways.items()}

    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(folder)]
        done = commands.run(command, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def clusters():
        found = {}
        for one in csv.DictReader(run("clusters").splitlines()):
            found.setdefault(one["individual_id"], set()).add(one["key"])
        return [frozenset(keys) for keys in found.values()]

    made = [sys.executable, "-m", "steelthread", "init", str(folder), "--template", "people", "--country", "GB"]
    commands.run(made, check=True)
    write(file, [*background(), *records["full"]])
    run("source", "new", "members", str(file))
    run("load", "members")
    run("resolve")
    check(clusters(), ways["full"])
    write(file, [*background(), *records["full"], *records["incremental"]])
    run("load", "members")
    assert json.loads(run("resolve", "--incremental", "--json"))["records"] >= len(records["incremental"])
    check(clusters(), [*ways["full"], *ways["incremental"]])
    with Space(open_project(folder)) as space:
        loaded = [*background(), *records["full"], *records["incremental"]]
        matcher = Matcher(space)
        for start in range(0, len(records["streamed"]), 5):  # families come in parts
            loaded += records["streamed"][start : start + 5]
            write(file, loaded)
            load_file(space, "members", file)
            while matcher.turn():
                pass
        check(clusters_of(space), [one for told in ways.values() for one in told])
        assert verify_space(space)["same"]
    run("resolve")
    check(clusters(), [one for told in ways.values() for one in told])


def senzing(space, load, parts):
    """Load Senzing's records, of each file the first so many parts of ten."""
    for name in SENZING:
        lines = (DATA / f"senzing_{name}.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        load(name, "".join(lines[: 1 + (len(lines) - 1) * parts // 10 + (parts == 10)]))


def mixed_up(space):
    """Return which of Senzing's records of such families stand in one cluster and are of several people."""
    with LABELS.open() as stream:
        person = {row["record_id"]: row["person"] for row in csv.DictReader(stream)}
    groups = clusters_of(space)
    whole = {frozenset(pair) for group in groups for pair in combinations(sorted(group & person.keys()), 2)}
    families = {key for pair in (*GENERATIONS, *TWINS) for key in pair}
    assert families <= {key for group in groups for key in group}
    assert all(person[one] != person[other] for one, other in (*GENERATIONS, *TWINS))
    return {pair for pair in whole if pair & families and len({person[key] for key in pair}) > 1}


@pytest.mark.skipif(not DATA.exists(), reason="shared/data is not here")
@pytest.mark.parametrize("way", ["full", "incremental", "streamed"])
def test_senzings_families_stay_apart(space, load, way):
    if way == "full":
        senzing(space, load, 10)
        resolve_all(space)
    else:
        senzing(space, load, 4)
        resolve_all(space)
        matcher = Matcher(space)
        for parts in (10,) if way == "incremental" else range(5, 11):
            senzing(space, load, parts)
            if way == "incremental":
                resolve_new(space)
            while way == "streamed" and matcher.turn():
                pass
    assert mixed_up(space) == set()
    assert verify_space(space)["same"]
    with space.database.connect() as conn:
        assert conn.execute(SILENT).fetchone() == (0,), "every open link carries a waterfall or a reason"
        links = dict(
            conn.execute("select strength = 1000, count(*) from identity.link where closed_at is null group by 1")
        )
    assert links[True] > 50
    assert links[False] > 100
