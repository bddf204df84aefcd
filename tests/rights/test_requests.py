"""The rights desk end to end on real PostgreSQL: every kind of request, its clock, its letters, what it does, what is kept."""

import io
import json
import sys
import zipfile
from datetime import date, timedelta
from types import SimpleNamespace

import psycopg
import pytest
from fastapi.testclient import TestClient
from tests import commands

from steelthread.api import create_api, create_key
from steelthread.kit import Conflict, Forbidden, Invalid, NotFound
from steelthread.privacy import Audit, Needles, load_jurisdictions, scan_database
from steelthread.rights import Asking, Consents, RequestDesk, access
from steelthread.rights.letters import Facts, render

CRM = """customer_id,first_name,last_name,email,phone,loyalty_number,birth_date
1,Ann,Needle,ann.needle@example.com,+442079460958,LN-77-1001,1980-02-03
2,Bob,Moss,bob.moss@example.com,+442079460999,LN-77-1002,1981-02-03
"""
ANN, NOBODY = "email:ann.needle@example.com", "email:no.body@example.com"
PURPOSES = """purposes:
  operations: {legalBasis: contract}
  storage: {legalBasis: contract, despiteRestriction: true}
  analytics: {legalBasis: legitimate_interests, effect: profiling}
  partners: {legalBasis: legitimate_interests, covers: [sharing]}
  letters: {legalBasis: legitimate_interests, covers: [direct_marketing], channels: [post]}
"""


class Bench:
    """A desk with its operator."""

    def __init__(self, space):
        self.space = space
        self.desk = RequestDesk(space)

    def __call__(self, verb, *words, **how):
        with self.space.database.connect() as conn:
            told = getattr(self.desk, verb)(conn, *words, **how)
            conn.commit()
        return told

    def open(self, kind, ref=ANN, **more):
        return self("open", Asking(kind=kind, ref=ref, **more), "test", "me")["requestId"]

    def letters(self):
        with self.space.database.connect() as conn:
            return self.desk.cases.letters(conn, 100)

    def code(self, request):
        (text,) = [one["text"] for one in self.letters() if one["requestId"] == request and one["letter"] == "code"]
        return next(word.strip(".") for word in text.split() if word.strip(".").isdigit() and len(word.strip(".")) == 8)

    def verified(self, kind, ref=ANN, **more):
        request = self.open(kind, ref, **more)
        self("prove", request, self.code(request))
        self("prove", request, points={"loyalty_number": "LN-77-1001"})
        return request

    def send_all(self):
        for one in self.letters():
            self("sent", one["letterId"], "me")

    def allowed(self, purpose, ref=ANN, **more):
        with self.space.database.connect() as conn:
            return Consents(self.space).decide(conn, ref, purpose, **more).allow

    def count(self, sql):
        with self.space.database.connect() as conn:
            return conn.execute(sql).fetchone()[0]


@pytest.fixture
def bench(space, load):
    load("crm", CRM)
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    return Bench(space)


def test_an_access_request_from_receipt_to_the_last_letter(space, bench, tmp_path):
    request = bench.open("know", place="DE", language="de-AT")
    assert bench("show", request)["kind"] == "access"
    with pytest.raises(Forbidden, match="the code that was sent"):
        bench.desk.run(request, "me", tmp_path / "ann")
    bench("prove", request, bench.code(request))
    with pytest.raises(Forbidden, match="1 more of what is on file"):
        bench.desk.run(request, "me", tmp_path / "ann")
    assert not (tmp_path / "ann").exists()
    bench("prove", request, points={"birthDate": "1980-02-03"})
    told = bench.desk.run(request, "me", tmp_path / "ann")
    assert told["values"] > 4
    assert "Needle" in (tmp_path / "ann" / "data.json").read_text()
    letters = bench.letters()
    assert [one["letter"] for one in letters] == ["code", "done"]
    assert {one["to"] for one in letters} == {ANN}
    assert letters[1]["text"].startswith("Wir haben Ihren Antrag erfüllt: Auskunft über Ihre Daten (GDPR Art. 15).")
    assert bench.count("select count(*) from privacy.requester") == 1
    subject = bench.count("select subject from privacy.requester")
    bench.send_all()
    assert bench.count("select count(*) from privacy.requester") == 0
    assert space.vault.keys([subject]) == {}, "the key of who asked went with the last letter"
    case = bench("show", request)
    whats = [one.what for one in case["steps"]]
    assert whats[0] == "received"
    assert {"proved", "said what is on file", "granted", "done", "letter sent"} <= set(whats)
    for needle in ("needle", "1980-02-03", "LN-77"):
        assert needle not in str(case)
    with space.database.connect() as conn:
        assert Audit(space.vault).verify(conn).good
    with pytest.raises(Conflict, match="closed"):
        bench.desk.run(request, "me", tmp_path / "again")


def test_an_erasure_request_erases_and_still_answers(space, bench):
    other = bench.open("rectification")
    request = bench.verified("erasure")
    told = bench.desk.run(request, "me")
    assert (told["rows"] > 0, told["hits"]) == (True, [])
    with space.database.connect() as conn, pytest.raises(NotFound):
        space.reader(conn).profile(ANN)
    assert {one["to"] for one in bench.letters()} == {ANN}, "the answer still reaches them"
    bench.send_all()
    with space.database.connect() as conn:
        assert scan_database(conn, Needles(["ann.needle@example.com", "LN-77-1001"], derived=True))[1] == []
    assert bench.count("select count(*) from privacy.requester") == 0, "of the other request too"
    assert bench("show", other)["lacks"] == ["who asks: they were erased, or the request is closed"]
    steps = [one.what for one in bench("show", request)["steps"]]
    assert steps[-2:] == ["letter sent", "letter sent"]
    assert bench.open("opt_out"), "who was erased may say no; there is nothing that could be used"


def test_17_a_restriction_holds_until_the_person_was_told(space, bench, tmp_path):
    request = bench.open("restriction")
    with pytest.raises(Forbidden):
        bench.desk.run(request, "me")
    bench("prove", request, bench.code(request))
    assert bench.allowed("operations")
    bench.desk.run(request, "me")
    for use in ("segment", "score", "export", "activate", "read"):
        assert not bench.allowed("operations", use=use)
    assert bench.allowed("storage"), "storage and legal claims go on (GDPR Art. 18(2))"
    access(space, ANN, tmp_path / "ann", "me")
    bench.send_all()
    assert "told first" in bench("lift", request, "me")
    assert not bench.allowed("operations")
    assert "told first" in bench("lift", request, "me"), "the letter is not sent yet"
    assert [one["letter"] for one in bench.letters()] == ["lifting"]
    bench.send_all()
    assert bench("lift", request, "me") == "lifted"
    assert bench.allowed("operations")
    with pytest.raises(Conflict):
        bench("lift", request, "me")


def test_what_needs_no_proof_takes_effect_at_once(bench):
    assert bench.allowed("partners", place="US-CA")
    request = bench.open("opt_out", place="US-CA")
    assert not bench.allowed("partners", place="US-CA")
    assert bench("show", request)["state"] == "done"
    assert bench.allowed("letters", channel="post")
    bench.open("objection")
    assert not bench.allowed("letters", channel="post")
    assert bench.allowed("analytics")
    bench.open("objection", purposes=["analytics"])
    assert not bench.allowed("analytics")
    assert bench.allowed("operations")
    assert bench.allowed("analytics", ref="email:bob.moss@example.com")


def test_what_people_do_is_said_to_be_done(bench):
    request = bench.open("correct")
    with pytest.raises(Forbidden):
        bench("done", request, "me")
    bench("attest", request, "document", "me")
    with pytest.raises(Conflict, match="request done"):
        bench.desk.run(request, "me")
    assert bench("done", request, "me").state == "done"
    refused = bench.open("human_review")
    assert bench("refuse", refused, "unfounded", "me").state == "refused"
    text = bench.letters()[-1]["text"]
    assert "manifestly unfounded" in text
    assert "Information Commissioner" in text, "where to complain (GDPR Art. 12(4))"


def test_18_extension_pause_and_escalation(space, bench):
    request = bench.open("access", place="GB")
    first = bench("show", request)["dueOn"]
    assert bench("extend", request, "complexity", "me").due_on > date.fromisoformat(first)
    with pytest.raises(Conflict, match="once"):
        bench("extend", request, "number", "me")
    assert "complex" in next(one["text"] for one in bench.letters() if one["letter"] == "extended")
    assert bench("pause", request, "identity", "me").state == "paused"
    assert bench("resume", request, "me").state == "open"
    california = bench.open("access", place="US-CA")
    with pytest.raises(Conflict, match="nothing"):
        bench("pause", california, "identity", "me")
    with pytest.raises(Conflict, match="put off"):
        bench("extend", bench.open("restriction", place="BR"), "complexity", "me")
    with space.database.connect() as conn:
        conn.execute("update privacy.request set due_on = current_date - 1 where request_id = %s", (california,))
        conn.commit()
    with pytest.raises(Conflict, match="within the first time"):
        bench("extend", california, "complexity", "me")
    assert [one["level"] for one in bench("escalate")] == ["overdue"]
    assert [one["level"] for one in bench("escalate")] == ["overdue"], "it stays on the list"
    due = bench("show", request)["dueOn"]
    for left, level in ((8, None), (7, "soon"), (3, "soon"), (2, "urgent"), (-1, "overdue")):
        day = date.fromisoformat(due) - timedelta(days=left)
        told = {one["requestId"]: one["level"] for one in bench("escalate", day)}
        assert told.get(request) == level
    steps = [one.details["level"] for one in bench("show", request)["steps"] if one.what == "escalated"]
    assert steps == ["soon", "urgent", "overdue"], "each level once"


ATTACKS = {
    "the address alone": ("self", "code", [], {}),
    "address and phone, known but not held": ("self", "", [], {"loyalty_number": "LN-77-1002"}),
    "another's number beside the mailbox": ("self", "code", [], {"loyalty_number": "LN-77-1002"}),
    "a wrong code": ("self", "wrong", [], {"loyalty_number": "LN-77-1001", "birthDate": "1980-02-03"}),
    "an agent without permission": ("agent", "code", [], {"loyalty_number": "LN-77-1001"}),
    "an agent with a paper, whom the person never confirmed": ("agent", "code", ["permission"], {"birthDate": "1980-02-03"}),
    "a household": ("household", "code", ["document", "authenticated"], {"loyalty_number": "LN-77-1001"}),
    "somebody who says to be a parent": ("parent", "code", [], {"loyalty_number": "LN-77-1001"}),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("kind", ["access", "erasure"])
def test_19_nothing_is_disclosed_to_an_attacker(bench, tmp_path, attack, kind):
    actor, code, attested, points = ATTACKS[attack]
    request = bench.open(kind, actor=actor)
    if code:
        bench("prove", request, bench.code(request) if code == "code" else "00000000")
    if points:
        bench("prove", request, points=points)
    for one in attested:
        bench("attest", request, one, "me")
    with pytest.raises(Forbidden):
        bench.desk.run(request, "me", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert bench.count("select count(*) from intake.record where closed_at is null") == 2


def test_19_a_swapped_sim_or_a_foreign_mailbox_shows_nothing(bench, tmp_path):
    request = bench.open("access", "phone:+442079460958")
    bench("prove", request, bench.code(request), {"loyalty_number": "LN-77-1001"})
    assert bench("show", request)["lacks"] == []
    bench("attest", request, "sim_swap", "me")
    assert "control of a contact" in bench("show", request)["lacks"][0]
    foreign = bench.open("access", contact="email:attacker@example.com")
    bench("prove", foreign, bench.code(foreign), {"loyalty_number": "LN-77-1001", "birthDate": "1980-02-03"})
    assert "control of a contact on file" in bench("show", foreign)["lacks"][0], "their own mailbox is not on file"
    with pytest.raises(Invalid, match="no contact"):
        bench("prove", foreign, points={"phone": "+442079460958"})


def test_19_tries_and_requests_are_limited(bench):
    request = bench.open("access")
    code = bench.code(request)
    for _ in range(5):
        bench("prove", request, "12345678")
    with pytest.raises(Forbidden, match="Too many tries"):
        bench("prove", request, code)
    for _ in range(9):
        bench.open("access")
    with pytest.raises(Exception, match="Too many requests"):
        bench.open("access")
    assert bench.open("access", NOBODY), "of another identifier"


def test_19_known_and_unknown_people_get_the_same_answer(space, bench):
    key = create_key(space, ["requests:write"])
    client = TestClient(create_api(space), headers={"Authorization": f"Bearer {key}"})

    def ask(ref):
        answer = client.post("/api/requests", json={"kind": "erasure", "ref": ref})
        proof = client.post(
            f"/api/requests/{answer.json()['requestId']}/proof", json={"points": {"loyalty_number": "LN-77-1001"}}
        )
        told = {name: value for name, value in answer.json().items() if name not in ("requestId", "receivedAt")}
        headers = {name: value for name, value in answer.headers.items() if name != "date"}
        return answer.status_code, told, headers, proof.status_code, proof.json()["noted"]

    assert ask(ANN) == ask(NOBODY)
    assert client.get("/api/requests").status_code == 403, "who takes requests decides none"
    bodies = {one["letter"] for one in bench.letters()}
    assert bodies == {"code"}, "both get the same letter"


class Steps:
    """What is done: every question to the database with the rows that it found, every function of ours that is entered."""

    def __init__(self, monkeypatch):
        self.questions, self.functions = [], []
        for how in ("execute", "executemany"):
            monkeypatch.setattr(psycopg.Cursor, how, self._noting(getattr(psycopg.Cursor, how)))

    def _noting(self, whole):
        def noted(cursor, query, *rest, **more):
            told = whole(cursor, query, *rest, **more)
            self.questions.append((str(query), cursor.rowcount))
            return told

        return noted

    def _enter(self, frame, event, _):
        file = frame.f_code.co_filename
        if (
            event == "call" and "/steelthread/" in file and not file.endswith("checker.py")
        ):  # the log's tree, by its size alone
            self.functions.append(frame.f_code.co_qualname)

    def of(self, work):
        """Return (questions, functions, what came of it)."""
        self.questions, self.functions = [], []
        sys.setprofile(self._enter)
        try:
            told = work()
        finally:
            sys.setprofile(None)
        return self.questions, self.functions, told


BEGUN = ["fresh", "_shard_context", "write_synced", "sync_folder"]
"""What is done when a new key falls into a shard of the keyring that was not there: it falls by chance, whoever it is for."""


def without_new_shards(functions):
    left = list(functions)
    while starts := [place for place in range(len(left)) if left[place : place + len(BEGUN)] == BEGUN]:
        del left[starts[0] : starts[0] + len(BEGUN)]
    return left


@pytest.mark.parametrize("kind", ["access", "erasure", "objection", "opt_out"])
@pytest.mark.parametrize(
    "how", [{}, {"contact": "email:else@example.com"}, {"actor": "agent"}], ids=["self", "elsewhere", "agent"]
)
def test_19_the_same_work_is_done_for_known_and_unknown_people(bench, monkeypatch, kind, how):
    """Nothing to be told apart by time: the same questions with as many rows, the same functions in the same order, as many bytes."""
    if kind in ("objection", "opt_out"):
        how = {**how, "place": "DE" if kind == "objection" else "US-CA"}

    def asked(ref):
        def work():
            request = bench.open(kind, ref, **how)
            bench("prove", request, "12345678")
            bench("prove", request, points={"loyalty_number": "LN-77-1001", "birthDate": "1980-02-03"})
            return request

        return work

    def lengths(request):
        sealed = f"select octet_length(sealed) from privacy.requester where request_id = '{request}'"
        return bench.count(sealed), [len(one["text"]) for one in bench.letters() if one["requestId"] == request]

    begun = {path.stem for path in bench.space.project.folder.rglob("*.ring")}
    assert begun
    numbers = (number for number in range(4096) if f"{number:03x}" not in begun)
    one_each = SimpleNamespace(randbelow=lambda _: next(numbers))  # each new key begins a shard: none is read again
    monkeypatch.setattr("steelthread.vault.keyring.secrets", one_each)
    steps = Steps(monkeypatch)
    asked("email:warm@example.com")()  # what is remembered from then on
    known, unknown = steps.of(asked(ANN)), steps.of(asked("email:xyz.needle@example.com"))
    assert len(known[0]) > 10
    assert known[0] == unknown[0]
    assert without_new_shards(known[1]) == without_new_shards(unknown[1])
    assert lengths(known[2]) == lengths(unknown[2]), "what is written is as long, sealed too"


def test_nobody_is_told_that_nothing_is_held(bench, tmp_path):
    request = bench.open("access", NOBODY)
    with pytest.raises(Forbidden):
        bench.desk.run(request, "me", tmp_path / "out")
    bench("prove", request, bench.code(request))
    bench.desk.run(request, "me", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "hold no data" in bench.letters()[-1]["text"]


def test_wrong_requests_are_told(bench):
    for wrong in (
        {"kind": "nonsense"}, {"ref": "individual:018f0000-0000-7000-8000-000000000000"}, {"ref": "user_id:ann"},
        {"contact": "user_id:x/ann"}, {"purposes": ["nonsense"]}, {"kind": "restriction", "place": "US-CA"},
    ):  # fmt: skip
        with pytest.raises(Invalid):
            bench.open(**{"kind": "access", "ref": ANN, **wrong})


def test_letters_speak_five_languages_and_a_project_s_own(space):
    rights = load_jurisdictions().law("DE").edition.rights
    day = date(2026, 1, 1)
    for language in ("en", "de", "fr", "es", "pt"):
        for letter in ("received", "code", "extended", "refused", "done", "nothing", "lifting"):
            for kind in rights:
                reason = {"extended": "number", "refused": "exempt"}.get(letter, "")
                text, spoken = render(
                    letter, language, Facts(kind, "L", day, day, "C", reason, "1"), space.project.folder
                )
                assert spoken == language
                assert "{" not in text
    assert render("done", "xx", Facts("access", "L", day, day), space.project.folder)[1] == "en"
    (space.project.folder / "letters").mkdir()
    (space.project.folder / "letters" / "it.yaml").write_text(
        "kinds: {access: a}\nreasons: {}\nletters: {done: 'Fatto'}\n"
    )
    assert render("done", "it", Facts("access", "L", day, day), space.project.folder) == ("Fatto", "it")
    with pytest.raises(Invalid, match="lacks the letter"):
        render("code", "it", Facts("access", "L", day, day), space.project.folder)


def test_the_command_line(space, bench, tmp_path):
    def run(*words, code=0):
        command = [
            sys.executable,
            "-m",
            "steelthread",
            "request",
            *words,
            "--project",
            str(space.project.folder),
            "--json",
        ]
        done = commands.run(command, text=True)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if code == 0 else done.stderr

    told = run("open", "access", ANN, "--language", "fr")
    number = told["requestId"]
    assert told["law"] == "UK GDPR Art. 15"
    assert [one["requestId"] for one in run("list")] == [number]
    (letter,) = run("letters")
    assert letter["text"].startswith("Nous avons reçu votre demande (accès à vos données)")
    assert "Still to be shown" in run("run", number, "--out", str(tmp_path / "p"), code=1)
    assert run("prove", number, "--code", bench.code(number), "--point", "birthDate=1980-02-03")["noted"]
    assert run("attest", number, "document")["lacks"] == []
    assert run("run", number, "--out", str(tmp_path / "p"))["values"] > 4
    assert run("sent", letter["letterId"])["sent"]
    assert run("show", number)["state"] == "done"
    assert run("due") == []
    assert "docs/rights.md" in run("open", "nonsense", ANN, code=1)
    plain = commands.run(
        [sys.executable, "-m", "steelthread", "request", "show", number, "--project", str(space.project.folder)], text=True, check=True,
    ).stdout  # fmt: skip
    assert "received" in plain
    assert "needle" not in plain


def test_http(space, bench):
    scopes = ["requests:write", "requests:decide"]
    client = TestClient(
        create_api(space), headers={"Authorization": f"Bearer {create_key(space, scopes, ['operations'])}"}
    )
    number = client.post("/api/requests", json={"kind": "portability", "ref": ANN}).json()["requestId"]
    client.post(f"/api/requests/{number}/proof", json={"code": bench.code(number)})
    assert client.post(f"/api/requests/{number}/run?purpose=operations").status_code == 403
    step = f"/api/requests/{number}/steps"
    assert client.post(step, json={"attest": "authenticated"}).json()["lacks"] == []
    assert client.post(step, json={"extend": "number"}).json()["extended"]
    assert client.post(step, json={"pause": "identity"}).json()["state"] == "paused"
    assert client.post(step, json={"go": "resume"}).json()["state"] == "open"
    for wrong in ({}, {"attest": "contact_email"}, {"go": "away"}, {"nonsense": 1}):
        assert client.post(step, json=wrong).status_code == 400
    assert client.get("/api/requests/due").json() == {"due": []}
    package = client.post(f"/api/requests/{number}/run?purpose=operations")
    assert package.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(package.content)) as archive:
        assert "portable.json" in archive.namelist()
    for one in client.get("/api/requests/letters/waiting?purpose=operations").json()["letters"]:
        assert client.post(f"/api/requests/letters/{one['letterId']}/sent").json()["sent"]
    assert client.get(f"/api/requests/{number}").json()["state"] == "done"
    assert [one["requestId"] for one in client.get("/api/requests?state=closed").json()["requests"]] == [number]
    nobody = {"Authorization": f"Bearer {create_key(space, ['requests:decide'], ['letters'])}"}
    assert client.get("/api/requests/letters/waiting?purpose=letters", headers=nobody).status_code == 200
    assert list(space.project.temp.iterdir()) == [], "the package is not kept"
