"""The gate at the loading of files: what a source collects for a purpose is kept of those only who allow it, before the first write.

The same words as in the file of a live source (collecting.py). Asked is all that a record names, and the person behind
the strongest of it: of a person's record the record itself; of an order whoever it is of; of a line its order's. What a
row itself says of consent is heard first, also of a row that is not kept.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import Source
from steelthread.kit import Invalid, now
from steelthread.privacy import Policy, Statement, Subject, Use, count_fence, fold, statements_of
from steelthread.store import Byteas
from steelthread.thread.answers import is_event, keep_answers, statements_in
from steelthread.thread.consenting import SCOPES
from steelthread.thread.fence import Fence
from steelthread.thread.prepare import Prepared
from steelthread.thread.space import Space
from steelthread.thread.types import LANE

Connection = psycopg.Connection[Any]
_DEVICES = frozenset(kind for kind, scope in SCOPES.items() if scope == "device")
_LOGIN = "user_id"
_MEASURES = frozenset({"decimal", "integer", "boolean"})
_FAMILY = "select n.hash, m.hash from identity.node n join identity.node m using (cluster_id) where n.hash = any(%s) and m.hash <> n.hash"
_ABOVE = (
    "select r.key_hash, n.hash from intake.record r join profiles.event e using (record_id) join identity.node n "
    "on n.node_id = any(e.nodes) where r.key_hash = any(%s)"
)
_UNPACK = msgspec.msgpack.Decoder().decode
_PACK = msgspec.msgpack.Encoder(order="sorted").encode
_JSON = msgspec.json.Encoder(order="sorted").encode
_CLEAR = msgspec.json.Decoder().decode


class Named(msgspec.Struct):
    """What a record names."""

    nodes: frozenset[bytes]
    strongest: frozenset[bytes] = frozenset()
    is_person: bool = True
    """Whether it names a record or a login: then a yes of the person counts, else that of what is named alone."""


class Admitted(msgspec.Struct):
    """What became of prepared records."""

    kept: list[Prepared]
    left_out: list[Prepared] = []

    @property
    def rows(self) -> set[bytes]:
        """Digests of the rows of which nothing is kept."""
        return {one.row_digest for one in self.left_out} - {one.row_digest for one in self.kept}


class RowGate:
    """Asks before the records of one source are kept."""

    def __init__(self, space: Space, source: Source) -> None:
        self._space, self._source = space, source
        self._fence = Fence(space)
        settings = space.project.settings.project
        self._place = settings.place or settings.country
        asked = [one for one in (source.purpose, source.link_purpose) if one]
        self._policy = Policy(space.project.folder) if asked else None
        for one in asked:
            if self._policy is not None and self._policy.purposes.find(one) is None:
                raise Invalid(f"{source.at()}: purposes.yaml has no purpose {one}: name one that it has.")

    def admit(self, conn: Connection, prepared: Sequence[Prepared], as_of: datetime, source_id: int) -> Admitted:
        """Return the records that may be kept, stripped where the source says so; in the caller's transaction."""
        if self._policy is None or not prepared:
            return Admitted(list(prepared))
        self._policy.refresh()
        self._space.log.lock(
            conn, LANE
        )  # before anything of consent is locked: whoever erases does it in this order, too
        named = self._named(conn, prepared)
        subjects = self._subjects(conn, prepared, named, as_of)
        done = Admitted([])
        counts = {"droppedWithoutConsent": 0, "strippedWithoutConsent": 0, "unlinkedWithoutConsent": 0}
        for one, subject in zip(prepared, subjects, strict=True):
            if subject is not None and not self._allows(subject, self._source.purpose, "collect"):
                if self._source.without == "drop" or one.is_party:
                    done.left_out.append(one)
                    counts["droppedWithoutConsent"] += 1
                    continue
                self._strip(one)
                counts["strippedWithoutConsent"] += 1
            elif subject is not None and not self._allows(subject, self._source.link_purpose, "stitch"):
                counts["unlinkedWithoutConsent"] += self._unlink(one)
            done.kept.append(one)
        count_fence(conn, counts)
        keep_answers(self._space, conn, done.left_out, as_of, source_id)
        return done

    def _allows(self, subject: Subject, purpose: str, use: Use) -> bool:
        if not purpose or self._policy is None:
            return True
        return self._policy.decider.decide(subject, purpose, use=use, at=now(), place=self._place).allow

    def _named(self, conn: Connection, prepared: Sequence[Prepared]) -> dict[bytes, Named]:
        """Return what each record names, by its key; nothing for one that is of nobody, or is a word of consent."""
        found: dict[bytes, Named] = {}
        here = {one.key_hash for one in prepared}
        above = self._above(conn, {one.parent for one in prepared if one.parent and one.parent not in here})
        waiting = [one for one in prepared if not is_event(one)]
        for one in waiting:
            nodes = {ident.hash for ident in one.idents}
            record = one.key_hash if one.is_party else one.party
            if record is not None:
                found[one.key_hash] = Named(frozenset(nodes | {record}), frozenset({record}))
            elif nodes:
                least = min(self._space.kind(ident.kind).strength for ident in one.idents)
                strongest = {ident.hash for ident in one.idents if self._space.kind(ident.kind).strength == least}
                login = any(ident.name == _LOGIN for ident in one.idents)
                found[one.key_hash] = Named(frozenset(nodes), frozenset(strongest), login)
            elif one.parent in above:
                found[one.key_hash] = Named(above[one.parent], above[one.parent])
        for one in waiting:  # lines of lines, in whatever order they stand
            seen: set[bytes] = set()
            parents = {each.key_hash: each.parent for each in waiting}
            parent = one.parent
            while one.key_hash not in found and parent is not None and parent not in seen:
                seen.add(parent)
                if parent in found:
                    found[one.key_hash] = found[parent]
                parent = parents.get(parent)
        return found

    def _above(self, conn: Connection, parents: Collection[bytes]) -> dict[bytes, frozenset[bytes]]:
        """Return what the stored records above lines are of."""
        if not parents:
            return {}
        found: dict[bytes, set[bytes]] = {}
        for parent, node in conn.execute(_ABOVE, (Byteas(sorted(parents)),)):
            found.setdefault(bytes(parent), set()).add(bytes(node))
        return {parent: frozenset(nodes) for parent, nodes in found.items()}

    def _subjects(
        self, conn: Connection, prepared: Sequence[Prepared], named: dict[bytes, Named], as_of: datetime
    ) -> list[Subject | None]:
        """Return of each record whoever it is of, with what its row says of consent; None where it is of nobody."""
        family: dict[bytes, set[bytes]] = {}
        strongest = {node for one in named.values() for node in one.strongest}
        for name, other in conn.execute(_FAMILY, (Byteas(sorted(strongest)),)):
            family.setdefault(bytes(name), set()).add(bytes(other))
        nodes = {node for one in named.values() for node in one.nodes} | {one for own in family.values() for one in own}
        said: dict[bytes, list[Statement]] = {}
        told = [one for each in prepared for one in statements_in(self._space, each, as_of)]
        anew = {one.record for one in told}
        for one in [
            *(one for one in statements_of(conn, nodes) if one.record is None or one.record not in anew),
            *told,
        ]:
            said.setdefault(one.node, []).append(one)
        at = now()
        subjects: list[Subject | None] = []
        for each in prepared:
            own = named.get(each.key_hash)
            if own is None:
                subjects.append(None)
                continue
            whole = own.nodes | {other for name in own.strongest for other in family.get(name, ())}
            states = fold([one for node in whole for one in said.get(node, ())], at)
            subjects.append(Subject(states, None if own.is_person else own.nodes))
        return subjects

    def _unlink(self, one: Prepared) -> bool:
        """Leave devices out that are beside anything else: a record ties no device to anybody."""
        devices = [place for place, ident in enumerate(one.idents) if ident.name in _DEVICES]
        alone = not one.is_party and one.party is None and len(devices) == len(one.idents)
        gone = devices[1:] if alone else devices
        if gone:
            self._fence.strip(one, gone)
        return bool(gone)

    def _strip(self, one: Prepared) -> None:
        """Leave of an event its kind, time, amounts and yes or no: nothing that identifies, and nobody whom it is of."""
        clear = _CLEAR(one.clear)
        entity = self._space.model.entity(one.entity)
        stays = {entity.event_time, "currencyCode"} | {
            name for name, known in entity.attributes.items() if known.type in _MEASURES and not known.identity
        }
        values = {name: value for name, value in clear["v"].items() if name in stays}
        names = _UNPACK(one.plain)[5:]
        one.plain = _PACK(["", {}, [], [], {}, *([["", ""]] if names else [])])
        one.clear = _JSON({"v": values, "p": [], "f": {}})
        one.idents, one.party = [], None
        one.subject, one.sealed = 0, b""


def shown_still(conn: Connection, left_out: Collection[Prepared]) -> list[int]:
    """Return the records of rows that were left out and were kept before: their file shows them, so they have not gone."""
    stored = intake.records_by_hash(conn, [one.key_hash for one in left_out]) if left_out else {}
    return [row.record_id for row in stored.values()]
