"""What loads have shown is kept once: by the newest that showed it."""

from datetime import UTC, datetime

from steelthread.app import load_file, verify_space

AT = datetime(2026, 1, 1, tzinfo=UTC)


def load(space, keys, day, *, snapshot=True, batch=3):
    text = f"name: crm\nkey: id\nsnapshot: {str(snapshot).lower()}\nentities:\n  - entity: Individual\n    attributes: {{lastName: last}}\n"
    (space.project.sources / "crm.yaml").write_text(text)
    space.project.settings.load.batch_rows = batch
    path = space.project.folder / "crm.csv"
    path.write_text("id,last\n" + "".join(f"{key},L{key}\n" for key in keys))
    return load_file(space, "crm", path, as_of=AT.replace(day=day))


def seen(space):
    with space.database.connect() as conn:
        return conn.execute(
            "select count(distinct load_id), coalesce(sum(length(records)), 0)::int from intake.load_seen"
        ).fetchone()


def open_keys(space):
    with space.database.connect() as conn:
        return conn.execute("select count(*) from intake.record where closed_at is null").fetchone()[0]


def test_the_same_file_every_day_is_kept_once(space):
    load(space, range(30), 1)
    loads, size = seen(space)
    for day in range(2, 12):
        assert load(space, range(30), day).unchanged == 30
    assert loads == 1
    assert seen(space)[0] == 1
    assert seen(space)[1] <= size + 40


def test_what_has_gone_is_still_known_when_an_older_file_comes_late(space, other_space):
    days = {1: range(12), 3: range(4, 12), 5: range(6, 14), 7: range(6, 14), 9: [*range(2), *range(8, 14)]}
    for day, keys in days.items():
        load(space, keys, day)
    for day in (9, 7, 1, 5, 3):
        load(other_space, days[day], day)
    assert seen(space)[0] < len(days)

    def closed(one):
        with one.database.connect() as conn:
            return sorted(map(str, conn.execute("select closed_at from intake.record").fetchall()))

    assert closed(space) == closed(other_space)
    assert open_keys(space) == open_keys(other_space) == 8
    assert verify_space(other_space)["same"]
