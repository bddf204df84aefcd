"""What a person may choose in the preference centre, and what a choice says in the consent ledger.

A choice is of one purpose and channel. A no is said of the contact that the link is for, and counts for the whole person;
a yes opens that contact only, or with a login each contact point of the channel.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import psycopg

from steelthread import __version__
from steelthread.identity import parse_ref
from steelthread.kit import Conflict, now
from steelthread.privacy import Decision, NodeState, Purpose, Said, Statement, Subject
from steelthread.rights.brands import Brand
from steelthread.rights.consent import Consents, Saying
from steelthread.rights.links import Link
from steelthread.thread import Space

Connection = psycopg.Connection[object]
MARKETING = "*direct_marketing"
_SOURCE = "preference centre"
_REACHED = {
    "email": "email", "sms": "phone", "phone": "phone", "call": "phone", "voice": "phone", "whatsapp": "phone",
    "telephone": "phone", "text": "phone",
}  # fmt: skip
"""Channel -> kind of contact point that it reaches; others reach a person as a whole."""


class Choice(msgspec.Struct):
    """A purpose and channel, as it stands."""

    purpose: str
    channel: str
    decision: Decision
    own: bool
    """Whether it is of the contact that the link is for."""
    nodes: list[bytes]
    """Other contact points of the person that a yes would open."""

    @property
    def allowed(self) -> bool:
        """Whether it may be done now."""
        return self.decision.allow

    @property
    def asked(self) -> bool:
        """Whether anything was ever said of it, or nothing needs to be."""
        return self.allowed or bool(self.decision.evidence)

    @property
    def opens(self) -> bool:
        """Whether a yes can be said by this link."""
        return self.own or bool(self.nodes)


class Offer(msgspec.Struct):
    """A purpose with its choices."""

    purpose: Purpose
    choices: list[Choice]


class Standing(msgspec.Struct):
    """What holds of a person, for one page."""

    offers: list[Offer]
    needed: list[Purpose]
    """What goes on without a choice: by contract or law."""
    erased: bool
    stopped: datetime | None
    """When all direct marketing was stopped, by the contact that the link is for."""


class Choices:
    """The choices of one space."""

    def __init__(self, space: Space, consents: Consents) -> None:
        self._space = space
        self.consents = consents

    def standing(self, conn: Connection, link: Link, brand: Brand) -> Standing:
        """Return what a person may choose, and how it stands."""
        at = now()
        subject, _ = self.consents.look(conn, link.ref, at)
        points = self._points(conn, link)
        offers, needed = [], []
        for purpose in self.consents.purposes:
            if not brand.shows(purpose.name):
                continue
            if purpose.heeds and purpose.legal_basis in ("consent", "legitimate_interests"):
                choices = [
                    self._choice(subject, purpose, channel, link, points, brand, at)
                    for channel in purpose.channels or [""]
                ]
                offers.append(Offer(purpose, choices))
            else:
                needed.append(purpose)
        return Standing(offers, needed, subject.erased, self._stopped(conn, subject.states, link))

    def _points(self, conn: Connection, link: Link) -> dict[str, list[bytes]]:
        """Return kind -> contact points of whoever a link is for."""
        found: dict[str, list[bytes]] = {}
        names = {self._space.rules.kind(self._space.rules.node_kind(name)).index: name for name in _REACHED.values()}
        for member in self._space.reader(conn).members(link.ref):
            if member.kind in names:
                found.setdefault(names[member.kind], []).append(member.hash)
        kind = parse_ref(link.ref, self._space.rules).kind
        own = self._space.reader(conn).hashes(link.ref)
        found[kind] = sorted({*found.get(kind, []), *own})
        return found

    def _choice(
        self, subject: Subject, purpose: Purpose, channel: str, link: Link, points: Mapping[str, list[bytes]], brand: Brand,
        at: datetime,
    ) -> Choice:  # fmt: skip
        kind = _REACHED.get(channel, "")
        own = not kind or kind == parse_ref(link.ref, self._space.rules).kind
        there = points.get(kind, []) if kind and not own else []
        if kind and not own:
            subject = msgspec.structs.replace(subject, target=frozenset(there))
        decision = self.consents.judge(subject, purpose.name, "", at, channel, brand.place)
        opened = there if link.shows == "authenticated" else []
        return Choice(purpose.name, channel, decision, own, opened)

    def _stopped(self, conn: Connection, states: list[NodeState], link: Link) -> datetime | None:
        own = set(self._space.reader(conn).hashes(link.ref))
        for state in states:
            register = state.consent.get((MARKETING, ""))
            if state.node in own and register is not None and register.negative:
                return register.said.occurred_at
        return None

    def of_message(self, conn: Connection, link: Link, brand: Brand) -> Choice | None:
        """Return how what the message of a link was for stands."""
        if link.about is None:
            return None
        purpose = self.consents.purposes.get(link.about.purpose)
        channel = link.about.channel if link.about.channel in purpose.channels else ""
        subject, _ = self.consents.look(conn, link.ref, now())
        return Choice(
            purpose.name, channel, self.consents.judge(subject, purpose.name, "", now(), channel, brand.place), True, []
        )

    # -- saying --------------------------------------------------------------------------------------------------

    def choose(
        self, conn: Connection, link: Link, brand: Brand, wanted: Mapping[tuple[str, str], bool], shown: "Shown"
    ) -> "Chosen":
        """Keep what was chosen otherwise than it stands, in the caller's transaction."""
        standing = self.standing(conn, link, brand)
        done = Chosen()
        for offer in standing.offers:
            for choice in offer.choices:
                yes = wanted.get((choice.purpose, choice.channel))
                if yes is None or (yes == choice.allowed and choice.asked):
                    continue
                if yes and choice.opens:
                    self._yes(conn, link, brand, offer, choice, shown, wanted, done, returns=standing.erased)
                elif not yes and not standing.erased:
                    self._say(conn, link, brand, choice, _no(offer.purpose, choice), shown)
                    done.count += 1
        return done

    def stop(self, conn: Connection, link: Link, brand: Brand, shown: "Shown") -> bool:
        """Stop what the message of a link was for, in its channel; whether there was anything to stop."""
        choice = self.of_message(conn, link, brand)
        if choice is None:
            return False
        if self.consents.look(conn, link.ref, now())[0].erased:
            return True
        purpose = self.consents.purposes.get(choice.purpose)
        self._say(conn, link, brand, choice, _no(purpose, choice), shown)
        return True

    def resume(self, conn: Connection, link: Link, brand: Brand, shown: "Shown") -> None:
        """Take back the objection to all direct marketing: it opens nothing by itself."""
        choice = Choice(MARKETING, "", Decision(False, [], [], ""), True, [])
        self._say(conn, link, brand, choice, "given", shown)

    def _yes(
        self, conn: Connection, link: Link, brand: Brand, offer: Offer, choice: Choice, shown: "Shown",
        wanted: Mapping[tuple[str, str], bool], done: "Chosen", *, returns: bool,
    ) -> None:  # fmt: skip
        given: list[Statement | None] = []
        if not choice.own:
            given += [self._say(conn, link, brand, choice, "given", shown, node=node) for node in choice.nodes]
        else:
            self._narrow(conn, link, brand, offer, choice, shown, wanted)
            given.append(self._say(conn, link, brand, choice, "given", shown, returns=returns))
        done.count += len(given)
        if offer.purpose.double_opt_in and (not choice.own or link.shows == "authenticated"):
            done.unconfirmed += [one for one in given if one is not None]
        elif offer.purpose.double_opt_in:
            self._say(conn, link, brand, choice, "double_confirmed", shown)  # a button pressed by way of the mailbox

    def _narrow(
        self, conn: Connection, link: Link, brand: Brand, offer: Offer, choice: Choice, shown: "Shown",
        wanted: Mapping[tuple[str, str], bool],
    ) -> None:  # fmt: skip
        """Make of a no to all channels one to each of the others, so that a yes to this one counts."""
        own = set(self._space.reader(conn).hashes(link.ref))
        subject, _ = self.consents.look(conn, link.ref, now())
        cell = (choice.purpose, "")
        states = [state for state in subject.states if state.node in own and cell in state.consent]
        if not choice.channel or not any(state.consent[cell].negative for state in states):
            return
        for other in offer.choices:
            if other.channel != choice.channel and not wanted.get((other.purpose, other.channel)):
                self._say(conn, link, brand, other, _no(offer.purpose, other), shown)
        whole = msgspec.structs.replace(choice, channel="")
        self._say(conn, link, brand, whole, "expired", shown)

    def _say(
        self, conn: Connection, link: Link, brand: Brand, choice: Choice, said: Said, shown: "Shown",
        node: bytes | None = None, *, returns: bool = False,
    ) -> Statement | None:  # fmt: skip
        saying = Saying(
            ref=link.ref, purpose=choice.purpose, said=said, channel=choice.channel, source=_SOURCE, method=shown.method,
            brand=brand.key, jurisdiction=brand.place, notice=shown.notice, notice_sha256=shown.digests.get(choice.purpose, ""),
            language=shown.language, returns=returns, interface=f"preference centre {__version__}",
        )  # fmt: skip
        try:
            return self.consents.say(conn, saying, node)
        except Conflict:
            if said in ("refused", "withdrawn", "objected"):
                return None  # erased meanwhile: there is nothing that could be used
            raise


class Chosen(msgspec.Struct):
    """What came of choosing."""

    count: int = 0
    """How many choices were kept."""
    unconfirmed: list[Statement] = []
    """The yeses that count only when whoever reads the mailbox confirms them."""


class Shown(msgspec.Struct):
    """What the page showed when something was chosen: it is kept with the statement."""

    language: str
    notice: str
    digests: dict[str, str]
    """Purpose -> SHA-256 of what the page said of it."""
    method: str = "preference page"


def _no(purpose: Purpose, choice: Choice) -> Said:
    if purpose.legal_basis != "consent":
        return "objected"
    return "withdrawn" if choice.allowed else "refused"
