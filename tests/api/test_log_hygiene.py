"""Errors injected all over the code: no value of a person in any log, answer, metric, traceback or the server's own log."""

import inspect
import json
import sys
import threading
from types import SimpleNamespace

import psycopg
import pytest
from fastapi.testclient import TestClient

from steelthread import cli
from steelthread.api import create_api, create_key
from steelthread.api.keys import SCOPES
from steelthread.kit import SteelthreadError, keep_values_out

NEEDLE = "ann.needle@example.com"
CRM = f"customer_id,first_name,last_name,email\n1,Ann,Needle,{NEEDLE}\n"
REF = f"email:{NEEDLE}"
PACKAGES = (
    "identity",
    "intake",
    "profiles",
    "privacy",
    "rights",
    "thread",
    "vault",
    "api",
    "store",
    "log",
    "activation",
)
pytestmark = [  # what an injected error leaves open is no defect of its own
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SKIPPED = {"__init__", "__enter__", "__exit__", "__call__", "put", "flush", "_run", "close", "__hash__", "__eq__"}


class Client(TestClient):
    """A client to whom a connection that closes without a word is an answer, too: what failed was the sending."""

    def request(self, *arguments, **options):
        try:
            return super().request(*arguments, **options)
        except AssertionError as error:
            if str(error) != "TestClient did not receive any response.":
                raise
            return SimpleNamespace(status_code=599, text="")


def raised(number):
    """An error as libraries make them: with the value that they stumbled over."""
    return (
        ValueError(f"could not convert string to float: {NEEDLE!r}"),
        psycopg.errors.UniqueViolation(f"duplicate key value\nDETAIL:  Key (email)=({NEEDLE}) already exists."),
        json.JSONDecodeError(f"Expecting value near {NEEDLE}", NEEDLE, 0),
        KeyError(NEEDLE),
        UnicodeDecodeError("utf-8", NEEDLE.encode(), 0, 1, NEEDLE),
        psycopg.errors.DataException(f"invalid input: {NEEDLE}"),
    )[number % 6]


def places(reached):
    """Every function and method of the packages that was reached, and who holds a reference to it."""
    found = []
    modules = [one for name, one in sorted(sys.modules.items()) if name.startswith("steelthread.") and one is not None]
    for module in modules:
        if module.__name__.split(".")[1] not in PACKAGES:
            continue
        for _, one in sorted(vars(module).items()):
            if (
                inspect.isfunction(one)
                and one.__module__ == module.__name__
                and inspect.unwrap(one).__code__ in reached
            ):
                found.append(
                    [(other, held) for other in modules for held, thing in vars(other).items() if thing is one]
                )
            elif inspect.isclass(one) and one.__module__ == module.__name__:
                found += [
                    [(one, method)] for method, thing in sorted(vars(one).items())
                    if inspect.isfunction(thing) and method not in SKIPPED and inspect.unwrap(thing).__code__ in reached
                ]  # fmt: skip
    return found


def calls(client):
    yield client.get(f"/api/profiles/{REF}")
    yield client.get(f"/api/profiles/{REF}/timeline")
    yield client.get(f"/api/profiles/{REF}/records")
    yield client.get("/api/explain", params={"a": REF, "b": "record:crm/Individual/1"})
    yield client.get("/api/search", params={"name": "Needle"})
    yield client.post("/api/consents", json={"ref": REF, "purpose": "marketing", "said": "given", "channel": "email"})
    yield client.get("/api/decisions", params={"ref": REF, "purpose": "marketing"})
    yield client.post("/api/requests", json={"kind": "access", "ref": REF})
    yield client.get(f"/api/households/{REF}")
    yield client.post("/api/match", json={"emailAddress": NEEDLE, "lastName": "Needle"})
    yield client.get("/api/review")
    for path in (
        "requests",
        "requests/due",
        "requests/letters/waiting",
        "rejects",
        "alerts",
        "traits",
        "sources",
        "status",
    ):
        yield client.get(f"/api/{path}")
    yield client.get(f"/api/profiles/{REF}/household")
    yield client.get("/api/changes/head")


def commands(space, monkeypatch):
    for words in (
        ("profile", REF, "--json"),
        ("search", "Needle", "--json"),
        ("consent", "show", REF),
        ("erase", REF, "--dry-run"),
    ):
        monkeypatch.setattr(sys, "argv", ["steelthread", *words, "--project", str(space.project.folder)])
        try:
            cli.main()
        except SystemExit:
            continue
        except Exception as error:  # noqa: BLE001  # what the interpreter would do
            sys.excepthook(type(error), error, error.__traceback__)


def inject(monkeypatch, where, number, hits):
    def fails(*_, **__):
        hits.append(number)
        raise raised(number)

    for owner, name in where:
        monkeypatch.setattr(owner, name, fails)


def survey(space, server, step, capfd, caplog, hooks):
    keep_values_out()
    reached = set()

    def note(frame, event, _):
        if event == "call":
            reached.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    key = create_key(space, list(SCOPES))
    api = create_api(space)
    client = Client(api, headers={"Authorization": f"Bearer {key}"})
    client.params = {"purpose": "operations"}
    assert all(one.status_code < 500 for one in calls(client)), "without an error all goes well"
    sys.setprofile(None)
    threading.setprofile(None)
    hits, statuses = [], set()
    capfd.readouterr()
    for number, where in enumerate(places(reached)[::step]):
        with pytest.MonkeyPatch.context() as patched:
            inject(patched, where, number, hits)
            api.state.key_cache._known.clear()
            for answer in calls(client):
                statuses.add(answer.status_code)
                if answer.status_code >= 400:
                    assert NEEDLE not in answer.text, where
            if number % 5 == 0:
                capfd.readouterr()
                commands(space, patched)
                told = capfd.readouterr()
                assert NEEDLE not in told.err, where
        told = capfd.readouterr()
        assert NEEDLE not in told.out + told.err + caplog.text, where
    assert 500 in statuses
    assert NEEDLE not in client.get("/metrics").text
    for path in [*server.logs.rglob("*"), *space.project.logs.rglob("*")]:
        assert not path.is_file() or NEEDLE.encode() not in path.read_bytes(), path
    return len(set(hits))


@pytest.fixture
def hooks():
    before = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = before


@pytest.fixture
def shop(space, load):
    load("crm", CRM)
    load("orders", f"order_id,customer_email,order_date,total\no1,{NEEDLE},2026-01-02,10.00\n")
    return space


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_errors_in_a_tenth_of_the_places_tell_nothing(shop, server, capfd, caplog, hooks):
    assert survey(shop, server, 12, capfd, caplog, hooks) >= 10


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_errors_in_two_hundred_places_tell_nothing(shop, server, capfd, caplog, hooks):
    assert survey(shop, server, 1, capfd, caplog, hooks) >= 200


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_the_servers_log_tells_no_value(shop, server):
    """A unique violation, a text that is no JSON, a slow question: the server that is ours writes their kinds only."""
    with shop.database.connect() as conn:
        conn.execute("create temp table t (email text unique)")
        conn.execute("insert into t values (%s)", (NEEDLE,))
        conn.commit()
        for question in ("insert into t values (%s)", "select %s::jsonb", "select %s::int"):
            with pytest.raises(psycopg.Error):
                conn.execute(question, (NEEDLE,))
            conn.rollback()
        conn.execute("select pg_sleep(0.1), %s::text", (NEEDLE,))
    for path in server.logs.rglob("*"):
        if path.is_file():
            assert NEEDLE.encode() not in path.read_bytes()
    assert issubclass(psycopg.errors.UniqueViolation, psycopg.Error)
    assert not issubclass(psycopg.Error, SteelthreadError)
