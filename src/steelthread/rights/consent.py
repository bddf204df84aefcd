"""Consent of a reference: what a person says is kept of the node that was named; what may be done is asked of all nodes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread import privacy
from steelthread.identity import parse_ref
from steelthread.kit import Conflict, Invalid, NotFound, SteelthreadError, now, uuid7
from steelthread.privacy import (
    COVERED,
    EVERYTHING,
    Decider,
    Decision,
    Ears,
    Line,
    Purposes,
    Said,
    Scope,
    Statement,
    Subject,
    Tombstones,
    Use,
    load_jurisdictions,
    load_purposes,
    write_journal,
)
from steelthread.profiles import Reader
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_DEVICES = ("device_id", "cookie", "anonymous_id")
_PARTIES = ("user_id", "loyalty_number")


class Saying(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What somebody says, with all that proves it later (GDPR Art. 7(1)); `said` has no default: nothing is pre-ticked."""

    ref: str
    purpose: str
    said: Said
    channel: str = ""
    source: str = ""
    method: str = ""
    actor: str = "self"
    brand: str = ""
    jurisdiction: str = ""
    signal: str = ""
    notice: str = ""
    notice_sha256: str = ""
    """Digest of the text as it was shown, 64 hexadecimal digits."""
    notice_version: str = ""
    interface: str = ""
    """What it was shown on, with its version, such as `web checkout 5.2`."""
    language: str = ""
    occurred_at: datetime | None = None
    valid_until: datetime | None = None
    born: date | None = None
    """Day of birth, with `minor`: until when one is a child depends on the place; without it one stays one."""
    event_id: UUID | None = None
    """The client's own; saying the same again changes nothing."""
    returns: bool = False
    """Whether a person who was erased comes back by own will: the identifier is let in again, with nothing of before."""


class Consents:
    """The consent desk of one space."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.purposes: Purposes = load_purposes(space.project.folder / "purposes.yaml")
        self.jurisdictions = load_jurisdictions(space.project.folder)
        self._decider = Decider(self.purposes, self.jurisdictions)
        self._ears = Ears(self.purposes)
        settings = space.project.settings.project
        self.place = settings.place or settings.country
        """Whose law counts when a question names no place."""
        self._stones = Tombstones(space.vault)

    def say(self, conn: Connection, saying: Saying, node: bytes | None = None) -> Statement:
        """Keep a statement in the caller's transaction; Invalid for a purpose or channel that there is not.

        With `node` it is of this contact point of the person, in place of what `ref` names.
        """
        (kept,) = self.say_all(conn, [saying], [node] if node else None)
        if isinstance(kept, SteelthreadError):
            raise kept
        return kept

    def say_all(
        self, conn: Connection, sayings: Sequence[Saying], nodes: Sequence[bytes] | None = None
    ) -> list[Statement | SteelthreadError]:
        """Keep what many say in the caller's transaction, as `say` does, with a few questions for all.

        Each answer is the statement, or why this one cannot be kept: nothing is written of it, and its neighbours are kept.
        """
        reader = self._space.reader(conn)
        answers = [self._drafted(reader, one, nodes[at] if nodes else None) for at, one in enumerate(sayings)]
        privacy.lock_nodes(conn, {one.node for one in _kept(answers)})
        # An erasure of this moment has ended before it is asked who was erased.
        gone = self._stones.among(conn, {one.node for one in _kept(answers)})
        for at, (answer, saying) in enumerate(zip(answers, sayings, strict=True)):
            if isinstance(answer, Statement) and answer.node in gone and not saying.returns:
                answers[at] = Conflict(
                    "Whoever this was has been erased: only a person who comes back by own will is kept (returns)."
                )
        back = {one.node for one in _kept(answers)} & gone
        if back:
            self._let_in(conn, back)
        privacy.append(conn, list(_kept(answers)))
        return answers

    def _drafted(self, reader: Reader, saying: Saying, node: bytes | None) -> Statement | SteelthreadError:
        try:
            return self._draft(reader, saying, node)
        except SteelthreadError as error:
            return error

    def _draft(self, reader: Reader, saying: Saying, node: bytes | None) -> Statement:
        """Return the statement that would be kept; an error where it cannot be."""
        purpose = self._purpose(saying)
        moment = now()
        occurred = _aware(saying.occurred_at) or moment
        if occurred > moment:
            raise Invalid("occurredAt lies in the future: say when it was said.")
        scope: Scope = "contact_point" if node else self._scope(saying.ref)
        return Statement(
            event_id=saying.event_id or uuid7(), node=node or _node(reader, saying.ref), scope=scope,
            purpose=purpose, said=saying.said, occurred_at=occurred, recorded_at=moment,
            channel=saying.channel, valid_until=_aware(saying.valid_until), signal=saying.signal, source=saying.source,
            method=saying.method, actor=saying.actor, brand=saying.brand, jurisdiction=saying.jurisdiction or self.place,
            notice=saying.notice, notice_sha256=_digest(saying.notice_sha256), language=saying.language,
            evidence=_evidence(saying),
        )  # fmt: skip

    def _purpose(self, saying: Saying) -> str:
        """Return the name of the purpose that somebody speaks of, if it may be said like this."""
        if saying.purpose in COVERED:
            if saying.channel:
                raise Invalid(f"{saying.purpose} is of all channels: say it without one.")
            return saying.purpose
        if saying.purpose == EVERYTHING:
            if saying.said == "given":
                raise Invalid(
                    "Nobody agrees to everything at once: say given for one purpose at a time (GDPR Art. 7(2))."
                )
            return saying.purpose
        known = self.purposes.get(saying.purpose)
        if saying.channel and known.channels and saying.channel not in known.channels:
            raise Invalid(f"{known.name} has the channels {', '.join(known.channels)} only (purposes.yaml).")
        return known.name

    def _let_in(self, conn: Connection, nodes: Collection[bytes]) -> None:
        tokens = self._stones.lift(conn, nodes)
        line = Line(uuid7(), now(), [token.hex() for token in tokens], lifted=True)
        conn.execute(
            "insert into privacy.erasure (request_id, at, finished_at) values (%s, %s, %s)",
            (line.request_id, line.at, line.at),
        )
        write_journal(self._space.project.data, line)

    def _scope(self, ref: str) -> Scope:
        parsed = parse_ref(ref, self._space.rules)
        kind = parsed.kind
        if parsed.form != "identifier" or kind in _PARTIES or kind.startswith("party_id."):
            return "party"
        return "device" if kind in _DEVICES else "contact_point"

    # -- asking --------------------------------------------------------------------------------------------------

    def subject(self, conn: Connection, ref: str, at: datetime, known: datetime | None = None) -> Subject:
        """Return whoever a reference names, with all that was said of any of its nodes.

        An e-mail address, a phone, a device is the target itself: only its own yes opens it. A record, a login, a
        universal ID stands for the person.
        """
        return self.look(conn, ref, at, known)[0]

    def look(
        self, conn: Connection, ref: str, at: datetime, known: datetime | None = None, reader: Reader | None = None
    ) -> tuple[Subject, UUID | None]:
        """Return the subject of a reference, and the universal ID, if there is one.

        Whoever reads the profile next passes the `reader`: nobody is looked up twice.
        """
        parsed = parse_ref(ref, self._space.rules)
        individual: UUID | None = None
        if parsed.form == "individual" and self._stones.has(conn, UUID(parsed.value).bytes):
            return Subject([], erased=True), None
        if reader and parsed.form != "individual":
            ahead = reader.ahead(ref)
            own, said = ahead.hashes, ahead.statements
            individual = ahead.families[0].individual_id if ahead.families else None
        else:
            own, nodes, individual = self._reach(reader or self._space.reader(conn), ref)
            if not nodes:
                raise NotFound("Nobody answers to this reference.")
            said = privacy.statements_of(conn, nodes)
        states = privacy.fold(said, at, known)
        if individual is None and self._stones.among(conn, own):
            return Subject(states, erased=True), None
        target = None if self._scope(ref) == "party" else frozenset(own)
        return Subject(states, target), individual

    def _reach(self, reader: Reader, ref: str) -> tuple[list[bytes], set[bytes], UUID | None]:
        """Return the nodes that a reference names, all of the person behind them, and the universal ID."""
        parsed = parse_ref(ref, self._space.rules)
        if parsed.form == "individual":
            nodes = {member.hash for member in reader.members(ref)}
            return list(nodes), nodes, UUID(parsed.value)
        own, families = reader.hashes(ref), reader.families(ref)
        nodes = {*own, *(member.hash for family in families for member in family.members)}
        return own, nodes, families[0].individual_id if families else None

    def signals(self, conn: Connection, ref: str, at: datetime | None = None) -> list[dict[str, Any]]:
        """Return the signals of consent managers that stand for whoever a reference names, as they came, and what they say.

        They are to be passed on letter by letter; of whoever was erased there is none.
        """
        _, nodes, _ = self._reach(self._space.reader(conn), ref)
        found = []
        for one in privacy.signals_of(conn, nodes, _aware(at) or now()):
            heard = self._ears.hear(one.signal, one.content)
            content = msgspec.to_builtins(one)
            del content["node"], content["alone"]
            found.append(
                {**content, "sha256": one.sha256.hex(), "says": [msgspec.to_builtins(told) for told in heard.told]}
            )
        return sorted(found, key=lambda one: (one["signal"], one["firstAt"], one["sha256"]))

    def judge(
        self, subject: Subject, purpose: str, use: Use, at: datetime, channel: str = "", place: str = ""
    ) -> Decision:
        """Decide of a subject that was looked up."""
        return self._decider.decide(subject, purpose, channel, use, at, place or self.place)

    def decide(
        self,
        conn: Connection,
        ref: str,
        purpose: str,
        channel: str = "",
        use: Use = "",
        at: datetime | None = None,
        known: datetime | None = None,
        place: str = "",
    ) -> Decision:
        """Decide for a reference, as of a moment and of what was known at another, by the law of a place."""
        return self.decided(conn, ref, purpose, channel, use, at, known, place)[0]

    def decided(
        self,
        conn: Connection,
        ref: str,
        purpose: str,
        channel: str = "",
        use: Use = "",
        at: datetime | None = None,
        known: datetime | None = None,
        place: str = "",
    ) -> tuple[Decision, UUID | None]:
        """Decide, and say of whom: the universal ID, if there is one."""
        moment = _aware(at) or now()
        subject, individual = self.look(conn, ref, moment, _aware(known), self._space.reader(conn))
        return self._decider.decide(subject, purpose, channel, use, moment, place or self.place), individual

    def show(self, conn: Connection, ref: str, at: datetime | None = None) -> dict[str, Any]:
        """Return the state per purpose and channel, with reasons and evidence."""
        moment = _aware(at) or now()
        subject = self.subject(conn, ref, moment)
        told = {cell[1] for state in subject.states for cell in state.consent}
        states = []
        for purpose in self.purposes:
            for channel in _channels(purpose.channels, told):
                decision = self._decider.decide(subject, purpose.name, channel, at=moment, place=self.place)
                content = msgspec.to_builtins(decision)
                del content["policyVersion"]
                states.append(
                    {"purpose": purpose.name, "channel": channel, "legalBasis": purpose.legal_basis, **content}
                )
        version = f"{self.purposes.version}+{self.jurisdictions.law(self.place, moment.date()).version}"
        signals = self.signals(conn, ref, moment)
        return {"ref": ref, "at": moment, "policyVersion": version, "states": states, "signals": signals}


def _kept(answers: Iterable[Statement | SteelthreadError]) -> Iterator[Statement]:
    return (one for one in answers if isinstance(one, Statement))


def _node(reader: Reader, ref: str) -> bytes:
    hashes = reader.hashes(ref)
    if not hashes:
        raise NotFound("Nobody answers to this reference.")
    if len(hashes) == 1:  # nobody is looked up: it would take another time for whoever is known
        return hashes[0]
    known = [one for one in hashes if reader.is_known(one)]
    if len(known) != 1:
        kind = ref.partition(":")[0]
        raise Invalid(f"Say {kind}:NAMESPACE/VALUE: a value of this kind is one of its namespace.")
    return known[0]


def _channels(own: Collection[str], told: Collection[str]) -> list[str]:
    return ["", *(own or sorted(one for one in told if one))]


def _aware(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise Invalid("A time needs its zone: say 2026-05-01T12:00:00Z.")
    return moment


def _evidence(saying: Saying) -> dict[str, str]:
    told = {
        "born": saying.born.isoformat() if saying.born else "", "interface": saying.interface, "noticeVersion": saying.notice_version,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}


def _digest(text: str) -> bytes | None:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b"?"
    if text and len(raw) != 32:
        raise Invalid("noticeSha256 is the SHA-256 of the text that was shown: 64 hexadecimal digits.")
    return raw or None
