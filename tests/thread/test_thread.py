"""End to end on real PostgreSQL: load, resolve, fold, take back, erase nothing, leak nothing."""

import contextlib
from uuid import UUID

import psycopg
import pytest

from steelthread.app import cluster_rows, status_of, verify_space
from steelthread.kit import NotFound, SteelthreadError
from steelthread.thread import link, unlink
from steelthread.vault import Shredded, unseal

CRM = "customer_id,first_name,last_name,email,phone\n1,Ann,Lee,ann@example.com,020 7946 0018\n2,Bob,Ray,bob@example.com,\n3,Mary,Lee,mary@example.com,\n"
SHOP = "shop_id,first_name,last_name,email\na,Annie,Lee,ANN@example.com\nb,Robert,Ray,bob@example.com\n"


def _clusters(space):
    with space.database.connect() as conn:
        return {f"{source}/{key}": individual for source, _, key, individual in cluster_rows(space, conn)}


def _profile(space, ref):
    with space.database.connect() as conn:
        return space.reader(conn).profile(ref)


def test_records_of_one_person_become_one_profile(space, load):
    result = load("crm", CRM)
    assert (result.read, result.accepted, result.rejected) == (3, 3, 0)
    load("shop", SHOP)
    load("till", "till_id,first_name,email\n9,Mary,ann@example.com\n")
    clusters = _clusters(space)
    assert clusters["crm/1"] == clusters["shop/a"]
    assert clusters["crm/2"] == clusters["shop/b"]
    assert clusters["till/9"] != clusters["crm/1"], "a shared family e-mail does not join different first names"
    profile = _profile(space, "record:crm/Individual/1")
    assert profile["attributes"]["lastName"]["value"] == "Lee"
    assert {one["kind"] for one in profile["identifiers"]} >= {"email", "phone"}
    assert status_of(space)["individuals"] == 4
    assert verify_space(space)["same"]


def test_loading_again_changes_nothing_and_a_corrected_file_corrects(space, load):
    load("crm", CRM)
    before = _profile(space, "record:crm/Individual/2")
    again = load("crm", CRM)
    assert (again.unchanged, again.accepted, again.updated) == (3, 0, 0)
    assert _profile(space, "record:crm/Individual/2") == before
    corrected = load("crm", CRM.replace("Ray", "Raye"))
    assert (corrected.unchanged, corrected.updated) == (2, 1)
    assert _profile(space, "record:crm/Individual/2")["attributes"]["lastName"]["value"] == "Raye"
    load("crm", CRM.replace("bob@example.com", "rob@example.com"))
    with pytest.raises(NotFound):
        _profile(space, "email:bob@example.com")
    assert verify_space(space)["same"]


def test_a_link_is_taken_back_without_a_trace(space, load):
    load("crm", CRM)
    clusters, profile = _clusters(space), _profile(space, "record:crm/Individual/2")
    refs = ("record:crm/Individual/1", "record:crm/Individual/2")
    assert link(space, *refs, "they said so", "tester")["same"]
    merged = _clusters(space)
    assert merged["crm/1"] == merged["crm/2"]
    with space.database.connect() as conn:
        resolved = space.reader(conn).resolve(clusters_id := UUID(clusters["crm/2"]))
    assert resolved["individualId"] == merged["crm/2"]
    assert str(clusters_id) == clusters["crm/2"]
    assert not unlink(space, *refs, "a mistake", "tester")["same"]
    assert _clusters(space) == clusters
    assert _profile(space, "record:crm/Individual/2") == profile
    assert verify_space(space)["same"]


def test_never_holds_against_rules_and_reloads(space, load):
    load("crm", CRM)
    load("shop", SHOP)
    assert not unlink(space, "record:crm/Individual/2", "record:shop/Individual/b", "two people", "tester")["same"]
    load("shop", SHOP.replace("Ray", "Raye"))
    clusters = _clusters(space)
    assert clusters["crm/2"] != clusters["shop/b"]
    assert verify_space(space)["same"]
    assert link(space, "record:crm/Individual/2", "record:shop/Individual/b", "one after all", "tester")["same"]


def test_orders_belong_to_their_customer(space, load):
    load("shop_customers", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    load(
        "shop_orders",
        "order_id,customer_id,order_date,total\n10,1,2026-01-02,9.50\n11,1,2026-02-03,20\n12,,2026-02-03,5\n",
    )
    profile = _profile(space, "email:ann@example.com")
    assert profile["counts"]["SalesOrder"] == 2
    assert profile["totals"][0]["amount"] == "29.50"
    with space.database.connect() as conn:
        timeline = space.reader(conn).timeline("email:ann@example.com")
    assert [entry.view.key for entry in timeline] == ["11", "10"]


def test_a_snapshot_closes_what_has_gone(space, load):
    load("crm", CRM)
    path = space.project.sources / "crm.yaml"
    path.write_text(path.read_text() + "snapshot: true\n")
    load("crm", CRM)
    shorter = load("crm", "\n".join(CRM.splitlines()[:2]) + "\n")
    assert shorter.closed == 2
    assert shorter.individuals == {"created": 0, "merged": 0}  # who has gone is merged into nobody
    assert status_of(space)["records"] == 1
    assert load("crm", CRM).updated == 2
    assert verify_space(space)["same"]


def _files(space, server):
    for folder in (space.project.data, space.project.logs, space.project.temp, server.data, server.logs):
        for path in folder.rglob("*") if folder.exists() else ():
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    yield path.name, path.read_bytes()


def test_no_needle_in_any_file_and_none_opens_after_a_shred(space, load, server, capfd):
    """Unique needles, errors on purpose, then one subject shredded: nothing in clear, and nothing that opens."""
    rows = "".join(
        f"{n},Qzxneedle{n}first,Qzxneedle{n}last,qzxneedle{n}mail@example.com,+44207946{n:04d},qzxneedle{n}memo,1980-01-{n + 1:02d}\n"
        for n in range(20)
    )
    text = "customer_id,first_name,last_name,email,phone,memo,birth_date\n" + rows
    bad = "20,Qzxneedlebad,Qzxneedlebad,qzxneedlebadmail,qzxneedlebadphone,qzxneedlebadmemo,qzxneedlebaddate\nqzxneedleshort,Qzxneedleshort\n,Qzxneedlenokey,x,qzxneedlenokey@example.com,,,\n"
    load("crm", text)
    result = load("crm", text + bad)
    assert result.rejected == 2
    assert result.set_aside >= 2
    load("orders", "order_id,customer_id,order_date,total,email\n1,3,2026-01-02,9.50,qzxneedle3mail@example.com\n")
    for work in (
        lambda: link(space, "record:crm/Individual/1", "email:qzxneedlenobody@example.com", "r", "t"),
        lambda: load("crm", "customer_id,email\n1,qzxneedle1mail@example.com\n"),
        lambda: _profile(space, "email:qzxneedlenobody@example.com"),
    ):
        with pytest.raises(SteelthreadError) as caught:
            work()
        assert "qzxneedle" not in str(caught.value).lower()
    with space.database.connect() as conn, pytest.raises(psycopg.Error) as broken:
        conn.execute(
            "insert into identity.node (node_id, hash) select node_id, %s from identity.node", (b"qzxneedle-error",)
        )
    assert "qzxneedle" not in str(broken.value).lower()
    with space.database.connect() as conn:
        sealed, subject, name = conn.execute(
            "select sealed, subject, key_hash from intake.record where key_hash = %s",
            (space.vault.blind("record", "crm\0Individual\x003"),),
        ).fetchone()
        key = space.vault.key(subject)
        assert b"Qzxneedle3first" in unseal(key, sealed, name)
        space.vault.shred([subject])
        conn.execute("checkpoint")
    held = list(_files(space, server))
    assert len(held) > 100
    for file, content in held:
        assert b"qzxneedle" not in content.lower(), file
        assert key not in content, file
    with pytest.raises(Shredded):
        space.vault.key(subject)
    with space.database.connect() as conn:
        assert "3" not in {key for source, _, key, _ in cluster_rows(space, conn) if source == "crm"}
        seen = [space.reader(conn).profile(f"record:crm/Individual/{n}") for n in (2, 4)]
    assert [one["attributes"]["firstName"]["value"] for one in seen] == ["Qzxneedle2first", "Qzxneedle4first"]
    assert "qzxneedle" not in "".join(capfd.readouterr()).lower()
