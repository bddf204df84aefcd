"""`decide`: may this be done with this person's data, for this purpose, through this channel, at this moment? Pure.

Precedence, the first that applies: erased, restricted, minor without authorisation, objection or opt-out or limit,
withdrawn or refused, confirmation pending, given, a legal basis other than consent, no. Statements are folded per node
first (a later yes takes back an earlier no of the same node, purpose and channel; of equal times the no counts), then
looked at together: a no of any node counts for all, a yes for its own node only (docs/decisions/0005-consent-merges.md).
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Literal, get_args

import msgspec

from steelthread.privacy.jurisdictions import Jurisdictions, Law, day_of
from steelthread.privacy.purposes import EVERYTHING, Purpose, Purposes
from steelthread.privacy.types import CONSENT, NEGATIVES, OBJECTIONS, Decision, Evidence, Said, Statement

Use = Literal["", "collect", "stitch", "read", "segment", "activate", "score", "train", "export", "view"]
"""The gates that ask."""
Cell = tuple[str, str]
"""(purpose, channel)."""
_WORDS = frozenset(get_args(Said))
_PENDING, _EXPIRED = "confirmation pending: ", "expired: "
_BUTS = ("", _PENDING, _EXPIRED)
"""Why a yes does not count, the first that there is counts most; nothing for one that does."""
_AUTOMATIC = ("score", "train", "segment", "activate")


class Register(msgspec.Struct, frozen=True, gc=False):
    """What holds of one node, purpose and channel; a decision cites it as it is."""

    said: Statement
    negative: bool
    confirmed: bool = False
    """Whether a yes was confirmed after it was given."""
    precedence: int = 4

    @property
    def told(self) -> str:
        """What was said, in words: made when a decision cites it, of which there are fewer than of what is folded."""
        said = self.said
        return _told(said.said, said.purpose, said.channel, said.signal, said.occurred_at.date())

    @property
    def evidence(self) -> Evidence:
        """The statement as a decision cites it."""
        said = self.said
        return Evidence(
            said.event_id,
            said.said,
            said.purpose,
            said.occurred_at,
            said.scope,
            said.channel,
            said.source,
            said.valid_until,
            said.signal,
            str(said.evidence.get("sha256", "")) if said.evidence else "",
        )


@lru_cache(4096)
def _told(said: str, purpose: str, channel: str, signal: str, day: date) -> str:
    what = "everything" if purpose == EVERYTHING else purpose.removeprefix("*").replace("_", " ")
    where = f", {channel}" if channel else ""
    by = f" by signal {signal}" if signal else ""
    return f"{said}{by}: {what}{where}, {day.isoformat()}"


class NodeState(msgspec.Struct, frozen=True, gc=False):
    """What was said of one node, folded."""

    node: bytes
    consent: dict[Cell, Register]
    restricted: dict[str, Register]
    minor: Register | None
    authorised: frozenset[str]
    clear: bool = False
    """Whether nothing of it speaks against any purpose."""


class Subject(msgspec.Struct, frozen=True):
    """A person, or several nodes of one, as `decide` needs it."""

    states: list[NodeState]
    target: frozenset[bytes] | None = None
    """The contact points or devices to be used, when the question is of these: only their own yes counts."""
    erased: bool = False


def gist(state: NodeState) -> Hashable | None:
    """Return all of a node that `Decider.allows` goes by: subjects of nodes with the same are answered the same, on the same day.

    None of children, of restrictions and where a yes ends by itself: they have to be decided one by one.
    """
    if state.restricted or state.minor is not None or state.authorised:
        return None
    cells = [(cell, one.negative, one.confirmed, one.said.said) for cell, one in state.consent.items()]
    return None if any(one.said.valid_until is not None for one in state.consent.values()) else tuple(cells)


def fold(statements: Iterable[Statement], at: datetime, known: datetime | None = None) -> list[NodeState]:
    """Fold statements into what held at a moment, as far as was known at another: any order, any repetition.

    A word that is none of `Said` says nothing: whoever was not asked gave no consent and took none back. What was
    retracted was never said, from the retraction's time on.
    """
    nodes: dict[bytes, dict[object, Statement]] = {}
    retracted: set[str] = set()
    for one in statements:
        if one.occurred_at <= at and (known is None or one.recorded_at <= known) and one.said in _WORDS:
            nodes.setdefault(one.node, {})[one.event_id] = one
        elif one.said == "retracted" and one.occurred_at <= at and (known is None or one.recorded_at <= known):
            retracted.add(str(one.evidence.get("corrects", "")))
    for found in nodes.values() if retracted else ():
        for event in [event for event in found if str(event) in retracted]:
            del found[event]
    return [_node(node, sorted(found.values(), key=_order)) for node, found in sorted(nodes.items())]


def _order(one: Statement) -> tuple[datetime, int, bytes]:
    """Of equal times the no comes last, so it counts; then the event's id, so that order never matters."""
    rank = 2 if one.said in NEGATIVES or one.said in ("restricted", "minor") else 1 if one.said == "expired" else 0
    return one.occurred_at, rank, one.event_id.bytes


def _node(node: bytes, ordered: list[Statement]) -> NodeState:
    consent: dict[Cell, Register] = {}
    restricted: dict[str, Register] = {}
    authorised: set[str] = set()
    minor: Register | None = None
    confirmations: dict[Cell, datetime] = {}
    against: dict[Cell, dict[str, Register]] = {}
    for one in ordered:
        if one.said in CONSENT:
            cell = (one.purpose, one.channel)
            if one.said == "double_confirmed":
                confirmations[cell] = one.occurred_at
            else:
                consent[cell] = _settled(against.setdefault(cell, {}), _register(one))
        elif one.said == "restricted":
            restricted[one.purpose] = _register(one)
        elif one.said == "unrestricted":
            restricted.pop(one.purpose, None)
        elif one.said == "minor":
            minor = _register(one)
        else:
            authorised.add(one.purpose)
    for cell, register in consent.items():
        if register.said.said == "given" and cell in confirmations:
            confirmed = confirmations[cell] >= register.said.occurred_at
            consent[cell] = msgspec.structs.replace(register, confirmed=confirmed)
    clear = not restricted and minor is None and not any(register.negative for register in consent.values())
    return NodeState(node, consent, restricted, minor, frozenset(authorised), clear)


def _settled(noes: dict[str, Register], one: Register) -> Register:
    """Return what holds after one more word; `noes` are those that stand, each by the signal that told it, or none.

    A no that a signal told (Global Privacy Control, a TC string) ends only with an answer to that signal, one that a person
    told otherwise only with an answer told otherwise: no signal opens what somebody closed by hand.
    """
    if one.negative:
        noes[one.said.signal] = one
        return one
    noes.pop(one.said.signal, None)
    return max(noes.values(), key=lambda no: _order(no.said)) if noes else one


class _Verdict(msgspec.Struct, frozen=True, gc=False):
    """An answer, and what it rests on."""

    allow: bool
    front: str
    """What stands before each word that it cites; the whole reason where it cites none."""
    registers: Sequence[Register] = ()


class Decider:
    """Decides under one policy, and the laws of places."""

    def __init__(self, purposes: Purposes, jurisdictions: Jurisdictions | None = None) -> None:
        self._purposes = purposes
        self._jurisdictions = jurisdictions
        self._above: dict[str, tuple[Purpose, frozenset[str]] | None] = {}
        self._version = purposes.version

    def decide(
        self,
        subject: Subject,
        purpose: str,
        channel: str = "",
        use: Use = "",
        at: datetime | None = None,
        place: str | None = None,
    ) -> Decision:
        """Decide at a moment, that at which the subject's statements were folded; without one, no yes has ended yet.

        A question without a channel is one for all channels. An unknown purpose or channel is a no. With a place
        (`DE`, `US-CA`; of any other GDPR) its law counts beside purposes.yaml, as it holds at that moment.
        """
        law = None if place is None else self._law(place, at)
        verdict = self._under(law, subject, purpose, channel, use, at)
        registers, front = verdict.registers, verdict.front
        version = self._version if law is None else f"{self._version}+{law.version}"
        if not registers:
            return Decision(verdict.allow, [front], [], version)
        reasons = [front + one.told for one in registers] if front else [one.told for one in registers]
        return Decision(verdict.allow, reasons, [one.evidence for one in registers], version)

    def allows(
        self, subject: Subject, purpose: str, *, use: Use = "", at: datetime | None = None, place: str | None = None
    ) -> bool:
        """Say what `decide` says, without the reasons: the gate of collection asks for each event."""
        return self._under(self._law(place, at), subject, purpose, "", use, at).allow

    def _law(self, place: str | None, at: datetime | None) -> Law | None:
        return None if place is None or self._jurisdictions is None else self._jurisdictions.law(place, day_of(at))

    def _under(
        self, law: Law | None, subject: Subject, purpose: str, channel: str, use: Use, at: datetime | None
    ) -> _Verdict:
        """Decide under a law: it may bind a purpose to consent, or forbid it, and says until when one is a child."""
        if law is None:
            return self._decide(subject, purpose, channel, use, at)
        known = self._known(purpose)
        born = [str(one.minor.said.evidence.get("born", "")) for one in subject.states if one.minor is not None]
        day = day_of(at)
        if known is not None and day is not None:
            grown = [one for one in subject.states if one.minor and not law.child(_born(one), day)]
            if grown:
                states = [msgspec.structs.replace(one, minor=None) if one in grown else one for one in subject.states]
                subject = msgspec.structs.replace(subject, states=states)
        one = (
            law.effective(known[0], channel, min(born, key=_youngest, default=None), day) if known is not None else None
        )
        if one is not None and one.forbidden and not subject.erased:
            return _Verdict(False, f"forbidden here: {one.forbidden}")
        return self._decide(subject, purpose, channel, use, at, one.purpose if one else None)

    def _decide(
        self,
        subject: Subject,
        purpose: str,
        channel: str,
        use: Use,
        at: datetime | None,
        instead: Purpose | None = None,
    ) -> _Verdict:
        known = self._known(purpose)
        if known is None:
            return _Verdict(False, "the purpose is not one of purposes.yaml")
        one, above = known
        if instead is not None:
            one = instead
        if subject.erased:
            return _Verdict(False, "erased: this person's data was erased")
        if channel and one.channels and channel not in one.channels:
            return _Verdict(False, f"{one.name} has no channel of this name")
        if (
            one.effect == "significant"
            and use in _AUTOMATIC
            and one.legal_basis in ("legitimate_interests", "public_task")
        ):
            return _Verdict(False, "a significant effect needs consent, contract or law (GDPR Art. 22)")
        against = self._against(subject.states, one, above, channel)
        if against:
            if len(against) > 1:
                against.sort(key=_precedence)
            return _Verdict(False, "", against)
        return self._open(subject, one, channel, at)

    def _known(self, name: str) -> tuple[Purpose, frozenset[str]] | None:
        known = self._above.get(name)
        if known is None and name not in self._above:
            found = self._purposes.find(name)
            known = None if found is None else (found, frozenset(self._purposes.above(found.name)))
            self._above[name] = known
        return known

    def _against(
        self, states: Collection[NodeState], one: Purpose, above: frozenset[str], channel: str
    ) -> list[Register]:
        """Return what speaks against it: of all nodes, of this purpose and all above."""
        found: list[Register] = []
        for state in states:
            if state.clear:
                continue
            if state.restricted and not one.despite_restriction:
                found += [register for purpose, register in state.restricted.items() if purpose in above]
            if state.minor is not None and one.name not in state.authorised and _needs_an_adult(one):
                found.append(state.minor)
            if one.heeds:
                for cell, register in state.consent.items():
                    if register.negative and cell[0] in above and (not channel or cell[1] in ("", channel)):
                        found.append(register)
        return found

    def _open(self, subject: Subject, one: Purpose, channel: str, at: datetime | None) -> _Verdict:
        """Nothing speaks against it: say what speaks for it."""
        if one.legal_basis != "consent":
            return _Verdict(True, f"{one.legal_basis}: {one.name} needs no consent, and nobody objected")
        found: dict[str, list[Register]] = {}
        cells = ((one.name, channel), (one.name, "")) if channel else ((one.name, ""),)
        for state in subject.states:
            if subject.target is None or state.node in subject.target:
                for cell in cells:
                    register = state.consent.get(cell)
                    if register is not None:
                        found.setdefault(_open_but(register, one, at), []).append(register)
        for but in _BUTS if found else ():
            if but in found:
                return _Verdict(not but, but, found[but])
        where = f" for {channel}" if channel else ""
        return _Verdict(False, f"no consent: {one.name} needs one, and none was given{where} here")


def _open_but(register: Register, one: Purpose, at: datetime | None) -> str:
    """Return why a yes does not count; empty when it does."""
    said = register.said
    if said.said == "expired" or (at is not None and said.valid_until is not None and said.valid_until <= at):
        return _EXPIRED
    return _PENDING if one.double_opt_in and not register.confirmed else ""


def _youngest(born: str) -> tuple[bool, int]:
    """Order days of birth: one that is not known first, then the latest."""
    return born != "", -int(born.replace("-", "")) if born.replace("-", "").isdigit() else 0


def _born(state: NodeState) -> str:
    return str(state.minor.said.evidence.get("born", "")) if state.minor is not None else ""


def _needs_an_adult(one: Purpose) -> bool:
    """Whether a child's data is used for it only with a parent's word: what needs consent, what profiles, what is sold."""
    return one.legal_basis == "consent" or one.effect != "ordinary" or "sharing" in one.covers


def _register(said: Statement) -> Register:
    precedence = {"restricted": 1, "minor": 2}.get(said.said, 3 if said.said in OBJECTIONS else 4)
    return Register(said, said.said in NEGATIVES, precedence=precedence)


def _precedence(one: Register) -> tuple[int, datetime, bytes]:
    return one.precedence, one.said.occurred_at, one.said.event_id.bytes
