"""The rights desk: requests of people, from receipt to answer, each step in a case file, each under the clock of its law.

Taking a request, and what is shown of who asks, looks nobody up: the answer, and the time that it takes, are the same for
known and unknown people. What was said is compared with what is stored when the operator grants it, and not told.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg

from steelthread.identity import parse_ref
from steelthread.kit import Conflict, Forbidden, Invalid, NotFound, Overloaded, iso, now, uuid7
from steelthread.privacy import EVERYTHING, Law, answer_due, load_jurisdictions, local_day, span_end
from steelthread.rights.asking import Asking, kind_of
from steelthread.rights.cases import OPEN, Case, Cases, Requester
from steelthread.rights.consent import Consents, Saying
from steelthread.rights.erasure import erase
from steelthread.rights.holds import OnHold
from steelthread.rights.letters import Facts, render
from steelthread.rights.opendsr.notices import Notices
from steelthread.rights.showing import Showing
from steelthread.rights.subject_access import access
from steelthread.rights.verification import ATTESTED, Proof, missing
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
Ground = Literal["not_verified", "unfounded", "excessive", "exempt", "not_applicable", "household"]
Delay = Literal["complexity", "number"]
Stop = Literal["identity", "clarification"]
_AT_ONCE: Mapping[str, tuple[str, str]] = {
    "opt_out": ("opted_out", "*sharing"), "limit": ("limited", "*sensitive"), "objection": ("objected", "*direct_marketing"),
}  # fmt: skip
"""What takes effect when it comes in, and of what, when the person names no purposes."""
_BY_HAND = ("rectification", "human_review")
_CONTACTS = {"email": "contact_email", "phone": "contact_phone"}
_ATTEMPTS = 5
_WAITS = "waits for destinations"
_CODE_DAYS = 3
_A_DAY = 10
"""Requests that may name one identifier in a day."""
_LEVELS = (("overdue", -1), ("urgent", 2), ("soon", 7))
"""When the desk is told that a request is due: (level, days left at most)."""


class RequestDesk:
    """The rights desk of one space."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._consents = Consents(space)
        self._jurisdictions = load_jurisdictions(space.project.folder)
        self._showing = Showing(space)
        self.cases = Cases(space)

    # -- coming in -----------------------------------------------------------------------------------------------

    def open(
        self, conn: Connection, asking: Asking, manner: str, actor: str, proofs: Sequence[Proof] = ()
    ) -> dict[str, Any]:
        """Take a request in the caller's transaction; the answer is the same for known and unknown people.

        `proofs` are what the door by which it comes has seen: a login, a link that was sent to the contact.
        """
        kind, place = kind_of(asking.kind), asking.place or self._consents.place
        day, law = self._today(), self._jurisdictions.law(place, self._today())
        rule, clock = law.edition.right(kind)
        contact = self._contact(asking)
        node, moment = self._node(conn, asking.ref), now()
        if self.cases.asked_lately(conn, node, moment - timedelta(days=1)) >= _A_DAY:
            raise Overloaded("Too many requests named this identifier today: come again tomorrow.")
        case = Case(
            uuid7(), kind, place, law.version, manner, asking.actor, moment, day,
            span_end(day, clock.acknowledge, place) if clock.acknowledge else None,
            answer_due(clock, day, place), False, "open", sorted(proofs), 0,
        )  # fmt: skip
        purposes = [self._consents.purposes.get(one).name for one in asking.purposes]
        requester = Requester(asking.ref, contact, asking.language, purposes)
        self.cases.add(conn, case, requester, node)
        self.cases.step(
            conn, case, actor, "received", law=rule.law, due=str(case.due_on), manner=manner, proofs=case.proofs
        )
        if rule.points and contact and not proofs:
            self._send_code(conn, case, actor)
        else:
            self._letter(conn, case, "received", actor)
        if kind in _AT_ONCE:
            self._say(conn, case, requester, *_AT_ONCE[kind], actor)
            self._close(conn, case, "done", actor)
        needs = missing(rule.points, asking.actor, proofs, 0, declaration=rule.declaration)
        return {
            "requestId": str(case.request_id), "kind": kind, "law": rule.law, "receivedAt": iso(moment),
            "acknowledgeOn": case.acknowledge_on, "dueOn": case.due_on, "needs": needs,
        }  # fmt: skip

    def _node(self, conn: Connection, ref: str) -> bytes:
        """Return the keyed hash of what a request is about, without a look at who that is."""
        if parse_ref(ref, self._space.rules).form == "individual":
            raise Invalid(
                "A request names an identifier or a record of the person: email:ADDRESS, phone:NUMBER, record:..."
            )
        hashes = self._space.reader(conn).hashes(ref)
        if len(hashes) != 1:
            kind = ref.partition(":")[0]
            raise Invalid(f"Say {kind}:NAMESPACE/VALUE: a value of this kind is one of its namespace.")
        return hashes[0]

    def _today(self) -> date:
        return local_day(now(), self._space.project.settings.project.time_zone)

    def _contact(self, asking: Asking) -> str:
        ref = asking.contact or asking.ref
        kind = parse_ref(ref, self._space.rules).kind
        if kind in _CONTACTS:
            return ref
        if asking.contact:
            raise Invalid("contact is where the answer goes: say email:ADDRESS or phone:NUMBER.")
        return ""

    def _send_code(self, conn: Connection, case: Case, actor: str) -> None:
        code = f"{secrets.randbelow(10**8):08}"
        self.cases.set_code(
            conn, case.request_id, self._showing.code(case.request_id, code), now() + timedelta(days=_CODE_DAYS)
        )
        self._letter(conn, case, "code", actor, code=code)

    # -- who asks ------------------------------------------------------------------------------------------------

    def prove(self, conn: Connection, request: UUID, code: str = "", points: Mapping[str, str] | None = None) -> None:
        """Take what the person shows: the code that was sent, things that are on file. Nothing of it is answered.

        Forbidden after five tries; what is on file is compared when the request is granted, so nobody learns it here.
        """
        case = self.cases.get(conn, request, lock=True)
        requester = self.cases.requester(conn, request)
        if case.state not in OPEN or requester is None:
            return
        if case.attempts >= _ATTEMPTS:
            raise Forbidden("Too many tries: make a new request, or write to the company.")
        case.attempts += 1
        found = self.cases.code(conn, request)
        if (
            code
            and found
            and hmac.compare_digest(found[0], self._showing.code(case.request_id, code))
            and found[1] > now()
        ):
            kind = parse_ref(requester.contact, self._space.rules).kind
            case.proofs = sorted({*case.proofs, _CONTACTS[kind]})
            self.cases.set_code(conn, request, None, None)
            self.cases.step(conn, case, "the person", "proved", proof=_CONTACTS[kind])
        elif code:
            self.cases.step(conn, case, "the person", "a code that does not fit")
        if points:
            hashed = {name: self._showing.point(conn, name, value) for name, value in points.items()}
            requester.points = {**requester.points, **hashed}
            self.cases.keep_requester(conn, request, requester)
            self.cases.step(conn, case, "the person", "said what is on file", points=sorted(hashed))
        self.cases.keep(conn, case)

    def attest(self, conn: Connection, request: UUID, proof: Proof, actor: str) -> None:
        """Note what the operator, or the company's own login, has seen."""
        if proof not in ATTESTED:
            raise Invalid(f"An operator attests {', '.join(ATTESTED)}; control of a contact is shown by the code.")
        case = self._open_case(conn, request)
        case.proofs = sorted({*case.proofs, proof})
        self.cases.keep(conn, case)
        self.cases.step(conn, case, actor, "attested", proof=proof)

    def lacks(self, conn: Connection, case: Case) -> list[str]:
        """Return what is still to be shown before a request is granted."""
        requester = self.cases.requester(conn, case.request_id)
        if requester is None:
            return ["who asks: they were erased, or the request is closed"]
        rule, _ = self._law(case).edition.right(case.kind)
        proofs, known = list(case.proofs), 0
        if rule.points:
            known, on_file = self._showing.known(conn, requester)
            proofs = [one for one in proofs if on_file or not one.startswith("contact_")]
        return missing(rule.points, case.actor, proofs, known, declaration=rule.declaration)

    def asks_declaration(self, kind: str, place: str) -> bool:
        """Whether the law of a place wants a declaration with what is shown."""
        law = self._jurisdictions.law(place or self._consents.place, self._today())
        return law.edition.right(kind_of(kind))[0].declaration

    def carry_over(self, conn: Connection, former: UUID, request: UUID) -> None:
        """Let what a person showed for one request count for another of theirs, while the former is open."""
        one, other = (self.cases.requester(conn, number) for number in (former, request))
        if one is not None and other is not None and one.ref == other.ref and one.points:
            other.points = one.points
            self.cases.keep_requester(conn, request, other)
            self.cases.step(
                conn, self.cases.get(conn, request), "the person", "said what is on file", points=sorted(one.points)
            )

    # -- the clock -----------------------------------------------------------------------------------------------

    def extend(self, conn: Connection, request: UUID, reason: Delay, actor: str) -> Case:
        """Put the answer off, once, within the first time, with the reason told to the person."""
        case = self._open_case(conn, request)
        clock = self._law(case).edition.right(case.kind)[1]
        if clock.extension is None:
            raise Conflict(f"{case.law} does not let this answer be put off.")
        if case.extended:
            raise Conflict("It was put off once already.")
        if self._today() > case.due_on:
            raise Conflict(f"It was due on {case.due_on}: the law lets it be put off within the first time only.")
        case.extended = True
        self._reckon(conn, case)
        self.cases.step(conn, case, actor, "extended", reason=reason, due=str(case.due_on))
        self._letter(conn, case, "extended", actor, reason=reason)
        return case

    def pause(self, conn: Connection, request: UUID, why: Stop, actor: str) -> Case:
        """Stop the clock, for a reason that the law knows."""
        case = self._open_case(conn, request)
        allowed = self._law(case).edition.right(case.kind)[1].pauses
        if case.state == "paused" or why not in allowed:
            raise Conflict(f"{case.law} stops this clock for: {', '.join(allowed) or 'nothing'}; once at a time.")
        case.state = "paused"
        self.cases.step(conn, case, actor, "paused", why=why, on=str(self._today()))
        self.cases.keep(conn, case)
        return case

    def resume(self, conn: Connection, request: UUID, actor: str) -> Case:
        """Let the clock go on: the answer is due later by the days that it stood."""
        case = self._open_case(conn, request)
        if case.state != "paused":
            raise Conflict("The clock goes already.")
        case.state = "open"
        self.cases.step(conn, case, actor, "resumed", on=str(self._today()))
        self._reckon(conn, case)
        return case

    def _reckon(self, conn: Connection, case: Case) -> None:
        clock = self._law(case).edition.right(case.kind)[1]
        pauses = self.cases.pauses(conn, case.request_id)
        case.due_on = answer_due(
            clock, case.received_on, case.place, extended=case.extended, pauses=pauses, today=self._today()
        )
        self.cases.keep(conn, case)

    def escalate(self, conn: Connection, today: date | None = None) -> list[dict[str, Any]]:
        """Note, once per level, which requests are due soon, at once, or overdue; return all that are.

        What is left of who asked for requests that are closed and answered goes too.
        """
        self._space.vault.shred(self.cases.let_go_of_closed(conn))
        day, told = today or self._today(), []
        for case in self.cases.all(conn, OPEN, 10_000):
            if case.state == "paused":
                self._reckon(conn, case)
            left = (case.due_on - day).days
            level = next((name for name, most in _LEVELS if left <= most), "")
            if not level:
                continue
            noted = {one.details.get("level") for one in self.cases.steps(conn, case.request_id)}
            if level not in noted:
                self.cases.step(conn, case, "clock", "escalated", level=level, due=str(case.due_on))
            told.append({"requestId": str(case.request_id), "kind": case.kind, "dueOn": case.due_on, "level": level})
        return told

    # -- answers -------------------------------------------------------------------------------------------------

    def refuse(self, conn: Connection, request: UUID, ground: Ground, actor: str) -> Case:
        """Refuse, with the reason and where to complain (GDPR Art. 12(4))."""
        case = self._open_case(conn, request)
        self._letter(conn, case, "refused", actor, reason=ground)
        self._close(conn, case, "refused", actor, ground=ground)
        return case

    def done(self, conn: Connection, request: UUID, actor: str) -> Case:
        """Say that people did what was asked: a correction in the sources, the review of a decision."""
        case = self._open_case(conn, request)
        if case.kind not in _BY_HAND:
            raise Conflict(f"{case.kind} is granted by the desk itself: steelthread request run {request}")
        self._granted(conn, case)
        self._letter(conn, case, "done", actor)
        self._close(conn, case, "done", actor)
        return case

    def run(self, request: UUID, actor: str, folder: Path | None = None) -> dict[str, Any]:
        """Grant a request: erase, write the access package, restrict. Forbidden while something is still to be shown."""
        with self._space.database.connect() as conn:
            case = self._open_case(conn, request)
            if case.kind in _BY_HAND:
                raise Conflict(f"People do this one; then: steelthread request done {request}")
            if self.waits(conn, request):
                raise Conflict("It is erased here, and waits for destinations: steelthread opendsr status")
            requester = self.grant(conn, case, actor)
            conn.commit()
        try:
            result = self._do(case, requester, actor, folder)
        except OnHold:
            self.hold(case, requester, actor)
            raise
        with self._space.database.connect() as conn:
            waits = self.conclude(conn, request, result, actor)
            conn.commit()
        told = {"requestId": str(request), "kind": case.kind, **({"waitsFor": waits} if waits else {}), **result}
        told.pop("held", None)
        return told

    def waits(self, conn: Connection, request: UUID) -> bool:
        """Whether a person was erased here, and destinations have not settled it."""
        return any(one.what == _WAITS for one in self.cases.steps(conn, request))

    def grant(self, conn: Connection, case: Case, actor: str) -> Requester:
        """Note that a request is granted, in the caller's transaction. Forbidden while something is still to be shown."""
        self._granted(conn, case)
        requester = self.cases.requester(conn, case.request_id)
        assert requester is not None
        if case.kind == "erasure":
            self.cases.spare(conn, case.request_id)
        self.cases.step(conn, case, actor, "granted", proofs=case.proofs)
        return requester

    def conclude(self, conn: Connection, request: UUID, result: Mapping[str, Any], actor: str) -> list[str]:
        """Close a request that was carried out, in the caller's transaction; return the destinations for which it waits."""
        case = self._open_case(conn, request)
        waits = Notices(self._space).tie(conn, UUID(result["erasure"]), request) if "erasure" in result else []
        if waits:
            self.cases.step(conn, case, actor, _WAITS, destinations=waits, rows=result["rows"])
            return waits
        self._letter(conn, case, "done" if result.get("held", True) else "nothing", actor)
        told = {name: result[name] for name in ("rows", "erasure") if name in result}
        self._close(conn, case, "done", actor, **told)
        return []

    def settled(self, conn: Connection, request: UUID) -> None:
        """Close an erasure for which the last destination has settled it, in the caller's transaction."""
        case = self.cases.get(conn, request, lock=True)
        if case.state in OPEN:
            self._letter(conn, case, "done", "opendsr")
            self._close(conn, case, "done", "opendsr")

    def _do(self, case: Case, requester: Requester, actor: str, folder: Path | None) -> dict[str, Any]:
        try:
            if case.kind == "erasure":
                done = erase(self._space, requester.ref, actor)
                content = msgspec.to_builtins(done)
                return {"erasure": content.pop("requestId"), **content}
            if case.kind in ("access", "portability"):
                if folder is None:
                    raise Invalid("Name a new folder for the package: --out DIR.")
                return msgspec.to_builtins(access(self._space, requester.ref, folder, actor))  # type: ignore[no-any-return]  # a struct's built-ins
            with self._space.database.connect() as conn:
                self._say(conn, case, requester, "restricted", EVERYTHING, actor)
                conn.commit()
        except NotFound:
            return {"held": False}
        return {}

    def hold(self, case: Case, requester: Requester, actor: str) -> None:
        """What may not be erased yet is restricted until then (GDPR Art. 18(1)(c)); the request stays open."""
        with self._space.database.connect() as conn:
            self._say(conn, case, requester, "restricted", EVERYTHING, actor)
            self.cases.step(conn, case, actor, "waits for a legal hold")
            conn.commit()

    def lift(self, conn: Connection, request: UUID, actor: str) -> str:
        """Lift a restriction: first the person is told (GDPR Art. 18(3)), and when that letter is sent, it is lifted."""
        case = self.cases.get(conn, request, lock=True)
        requester = self.cases.requester(conn, request)
        if case.kind != "restriction" or case.state != "done" or requester is None:
            raise Conflict("Only a restriction that was granted, and is not lifted, can be lifted.")
        told = [one.details.get("letter") for one in self.cases.steps(conn, request) if one.what == "letter sent"]
        if "lifting" not in told:
            if "lifting" not in self.cases.waiting(conn, request):
                self._letter(conn, case, "lifting", actor)
            return "the person is told first: send the letter, then lift it again"
        self._say(conn, case, requester, "unrestricted", EVERYTHING, actor)
        self.cases.step(conn, case, actor, "lifted")
        self._space.vault.shred(self.cases.let_go(conn, request))
        return "lifted"

    def sent(self, conn: Connection, letter: UUID, actor: str) -> None:
        """Note that a letter was sent. After the last one of a closed request nothing of who asked is kept."""
        request, name, language = self.cases.sent(conn, letter)
        case = self.cases.get(conn, request, lock=True)
        self.cases.step(conn, case, actor, "letter sent", letter=name, language=language)
        if case.state not in OPEN and case.kind != "restriction" and not self.cases.waiting(conn, request):
            self._space.vault.shred(self.cases.let_go(conn, request))

    def show(self, conn: Connection, request: UUID) -> dict[str, Any]:
        """Return the case file: nothing of who asks."""
        case = self.cases.get(conn, request)
        steps = self.cases.steps(conn, request)
        lacks = self.lacks(conn, case) if case.state in OPEN else []
        content: dict[str, Any] = msgspec.to_builtins(case)
        return {**content, "lacks": lacks, "letters": self.cases.waiting(conn, request), "steps": steps}

    # -- parts ---------------------------------------------------------------------------------------------------

    def _law(self, case: Case) -> Law:
        return self._jurisdictions.law(case.place, case.received_on)

    def _open_case(self, conn: Connection, request: UUID) -> Case:
        case = self.cases.get(conn, request, lock=True)
        if case.state not in OPEN:
            raise Conflict(f"This request is closed: {case.state}.")
        return case

    def _granted(self, conn: Connection, case: Case) -> None:
        lacks = self.lacks(conn, case)
        if lacks:
            raise Forbidden(f"Still to be shown: {'; '.join(lacks)}.")

    def _say(self, conn: Connection, case: Case, requester: Requester, said: str, of: str, actor: str) -> None:
        """Keep what the request says in the consent ledger: `decide` heeds it from the next question on."""
        method = f"request {case.request_id}"
        for purpose in requester.purposes or [of]:
            words = {
                "ref": requester.ref,
                "purpose": purpose,
                "said": said,
                "method": method,
                "jurisdiction": case.place,
            }
            try:
                self._consents.say(conn, msgspec.convert({**words, "actor": case.actor}, Saying))
            except Conflict:
                continue  # erased before: there is nothing that could be used
        self.cases.step(conn, case, actor, "takes effect", said=said, purposes=requester.purposes or [of])

    def _letter(self, conn: Connection, case: Case, name: str, actor: str, reason: str = "", code: str = "") -> None:
        requester = self.cases.requester(conn, case.request_id)
        if requester is None or not requester.contact:
            return
        law = self._law(case)
        facts = Facts(
            case.kind, law.edition.right(case.kind)[0].law, case.received_on, case.due_on, law.edition.complain_to, reason, code
        )  # fmt: skip
        text, language = render(name, requester.language, facts, self._space.project.folder)
        self.cases.write(conn, case, name, language, requester.contact, text)
        self.cases.step(conn, case, actor, "letter written", letter=name, language=language)

    def _close(
        self, conn: Connection, case: Case, state: Literal["done", "refused"], actor: str, **details: Any
    ) -> None:
        case.state, case.closed_at = state, now()
        self.cases.keep(conn, case)
        self.cases.step(conn, case, actor, state, inTime=self._today() <= case.due_on, **details)
        requester = self.cases.requester(conn, case.request_id)
        if requester is not None and requester.points:
            requester.points = {}
            self.cases.keep_requester(conn, case.request_id, requester)
