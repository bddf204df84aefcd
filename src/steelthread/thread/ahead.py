"""What can be done of received events before their turn comes: read, opened, mapped, prepared, sealed.

A worker has a second process for it, a fork of itself: the events of the next step are prepared while one is under way.
What is prepared is a function of the event and of its source's terms: where these have changed meanwhile, or the event is
let in otherwise than it came, the thread prepares it once more. The process keeps nothing; when it dies, nothing is lost.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, Self

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import (
    DEVICE,
    GOODS,
    ORDER,
    PRODUCT,
    CartState,
    MappedRecord,
    MappedRow,
    Message,
    OrderState,
    Reject,
    Shape,
    Words,
    day_of,
    identifiers,
    is_robots,
)
from steelthread.log import Numbered
from steelthread.model import Received
from steelthread.thread.prepare import Ident, Prepared, Preparer
from steelthread.thread.space import Space
from steelthread.thread.terms import Terms, changed_at, preparer_of, terms_of
from steelthread.thread.told import Frame, Told, device_of, parties
from steelthread.vault import seal

Connection = psycopg.Connection[Any]
LANE = "received"
_PROFILES = ("Personas", "Unify", "Steelthread")
"""What profiles are called among `integrations`."""
_OF_PRODUCTS = ("name", "title", "sku", "brand", "category")
_MOST_PRODUCTS = 20_000
_PIECE = 250
"""Events prepared at once: whoever takes them waits no longer than for so many."""
_PAUSE = 0.02
_TAKE = b"take"
_MESSAGE = msgspec.msgpack.Decoder(Message).decode
_JSON = msgspec.json.Encoder(order="sorted").encode
_PACK = msgspec.msgpack.Encoder(order="sorted").encode
_UNPACK = msgspec.msgpack.Decoder().decode

_ENCODE = msgspec.msgpack.Encoder().encode
_PIECES = msgspec.msgpack.Decoder(tuple[list[Shape], list[Told]]).decode
_COUNT = msgspec.msgpack.Decoder(int).decode
_WANTED = msgspec.msgpack.Decoder(tuple[int, int]).decode


class Reading(Protocol):
    """How the events of a source are read."""

    terms: Terms
    namespace: str
    preparer: Preparer


class Teller:
    """Prepares events; without a connection."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._counts_bots = space.project.settings.live.count_bots
        self.words = Words(space.model, space.project.settings.project.country)
        self._told_of: dict[tuple[Any, ...], list[str]] = {}
        """What events tell of products, by their own words."""

    def told(self, taken: Sequence[Numbered]) -> list[Told]:
        """Return events of the log, opened and named."""
        told = []
        for one in taken:
            assert isinstance(one.fact, Received)
            message = _MESSAGE(one.fact.message)
            scope = str(one.fact.source) if message.per_source else ""
            name = self._space.vault.blind("message", f"{scope}\x00{message.id}")
            told.append(
                Told(
                    one.number, one.fact.source, name, msgspec.Raw(one.fact.message), message.received, message.mapped,
                    one.fact.admitted, opened=message,
                )
            )  # fmt: skip
        return told

    def prepare(self, one: Told, reading: Reading) -> None:
        """Prepare an event under the terms of its source; those that a mapping reads are left as they are."""
        message = one.message
        one.changed, one.prepared, one.rejects = reading.terms.changed, [], []
        if message.mapped:
            return
        if is_kept_out(message):
            one.parties, one.products, one.device, one.identifiers = [], [], b"", []
            return
        told, one.device = parties(message), device_of(message)
        one.parties = [each for each in told if each[0] != PRODUCT]
        one.products = self._products(message, told) if len(one.parties) < len(told) else []
        one.identifiers = self.known(message, reading.namespace)
        if message.type not in ("identify", "group") or message.group_id:
            row = self.words.event(message, one.identifiers)
            one.rejects = set_aside(row, message)
            one.prepared = self.row(reading, row, message.key)
            if one.parties and one.parties[0][0] in GOODS:
                self._goods(one, reading)

    def row(self, reading: Reading, row: MappedRow, mark: str) -> list[Prepared]:
        """Prepare the records of a row; `mark` names the row."""
        if apart := reading.terms.apart:
            for record in row.records:
                record.key = apart + record.key
                record.parent = record.parent and (record.parent[0], apart + record.parent[1])
        prepared = reading.preparer.row(row, self._space.vault.digest(mark.encode()))
        for record, one in zip(row.records, prepared, strict=True):
            one.idents = [walled(ident) for ident in one.idents]
            one.uncounted = is_uncounted(record, counts_bots=self._counts_bots)
        return prepared

    def _goods(self, one: Told, reading: Reading) -> None:
        """Prepare what an event alone says of an order, of most of which nothing else is known: of a cart more events tell."""
        for entity, key in one.parties:
            if entity == ORDER:
                state, rows = self.words.goods.order_alone(key, one.message, one.identifiers)
                one.prepared += self.kept(reading, rows, state, f"{entity} {key}")
                for row in rows:
                    one.rejects += set_aside(row, one.message)

    def _products(self, message: Message, told: Sequence[tuple[str, str]]) -> list[tuple[str, int, str]]:
        """Return what an event tells of products: again and again the same, so most of it is known already."""
        said, day = message.properties, day_of(message.timestamp)
        found = []
        for entity, key in told:
            if entity == PRODUCT:
                mark = (key, *(said.get(name) for name in _OF_PRODUCTS))
                plain = "products" not in said and all(one is None or isinstance(one, str) for one in mark)
                texts = self._told_of.get(mark) if plain else None
                if texts is None:
                    texts = [repr(values) for values in self.words.goods.told_of(message, key)]
                    if plain:
                        if len(self._told_of) >= _MOST_PRODUCTS:
                            self._told_of.clear()
                        self._told_of[mark] = texts
                found += [(key, day, text) for text in texts]
        return found

    def kept(
        self, reading: Reading, rows: Sequence[MappedRow], state: OrderState | CartState, mark: str
    ) -> list[Prepared]:
        """Prepare the records of an order or a cart, the first with what is known in its envelope: it is somebody's, under a key of its own."""
        prepared = [one for row in rows for one in self.row(reading, row, mark)]
        head = prepared[0]
        head.plain = _PACK([*_UNPACK(head.plain), _PACK(state)])
        head.digest = self._space.vault.digest(head.plain)
        head.has_direct = True
        return prepared

    def is_heard(self, message: Message) -> bool:
        """Whether what an event does with a cart is to be heard: not of a robot, unless they count."""
        return self._counts_bots or not is_robots(message)

    def known(self, message: Message, namespace: str) -> list[tuple[str, str, str]]:
        """Return the identifiers of an event that are of a kind which the project has."""
        return known_identifiers(self._space, message, namespace)

    def seal(self, prepared: Sequence[Prepared]) -> None:
        """Seal records, each under a subject of its own."""
        owned = [one for one in prepared if one.has_direct]
        for one, (subject, key) in zip(owned, self._space.vault.new_subjects(len(owned)), strict=True):
            one.subject, one.sealed = subject, seal(key, one.plain, one.key_hash)


class _Source:
    """A source as the process beside knows it: what its files say, without what the database knows of it."""

    def __init__(self, space: Space, name: str) -> None:
        self.name, self.terms = name, terms_of(space, name)
        self.namespace = self.terms.namespace
        self.preparer = preparer_of(space, name, self.terms.mapping)


class Ahead:
    """A process that prepares the next events while a step is under way."""

    def __init__(self, pipe: Pipe, child: BaseProcess | None = None) -> None:
        """`pipe` is the way to `Beside`, which runs in the child."""
        self._pipe = pipe
        self._child = child
        self._begun: int | None = None
        self.is_gone = False

    @classmethod
    def forked(cls, space: Space, teller: Teller) -> Self:
        """Fork: call it while there is one thread, and no connection to the database."""
        fork = multiprocessing.get_context("fork")
        here, there = fork.Pipe()
        child = fork.Process(target=_serve, args=(space, teller, there, here), daemon=True)
        child.start()
        there.close()
        return cls(here, child)

    @staticmethod
    def is_possible() -> bool:
        """Whether this process can be forked."""
        return "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1

    def begin(self, after: int, most: int) -> None:
        """Have the events after a number prepared, those too that come meanwhile, until they are taken."""
        try:
            self._pipe.send_bytes(_ENCODE((after, most)))
            self._begun = after
        except OSError:
            self.is_gone = True

    def take(self, after: int) -> list[Told]:
        """Return what was prepared of the events after a number; nothing where others were, or nobody is there to do it."""
        begun, self._begun = self._begun, None
        if begun is None:
            return []
        told: list[Told] = []
        try:
            self._pipe.send_bytes(_TAKE)
            for _ in range(_COUNT(self._pipe.recv_bytes())):
                shapes, piece = _PIECES(self._pipe.recv_bytes())
                for one in piece:
                    one.shape = shapes[one.place]
                told += piece
        except (OSError, EOFError):
            self.is_gone = True
            return []
        return told if begun == after else []

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        if self._child is not None:
            self._child.terminate()
            self._child.join()


def _serve(space: Space, teller: Teller, pipe: Pipe, other: Pipe) -> None:
    """Be the process beside: it ends with the worker, whose end of the pipe closes, and says nothing of its errors."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        other.close()
        Beside(space, teller, pipe).run()
    finally:
        os._exit(0)


class Beside:
    """What the process beside does."""

    def __init__(self, space: Space, teller: Teller, pipe: Pipe) -> None:
        self._space = space
        self._teller = teller
        self._pipe = pipe
        self._sources: dict[int, _Source] = {}

    def run(self) -> None:
        """Prepare what is wanted until it is taken, again and again; nothing of it stays."""
        with self._space.forgetting(), self._space.database.connect() as conn:
            conn.autocommit = True
            while True:
                pieces = self._until_taken(conn, *_WANTED(self._pipe.recv_bytes()))
                self._pipe.send_bytes(_ENCODE(len(pieces)))
                while pieces:
                    self._pipe.send_bytes(pieces.popleft())

    def _until_taken(self, conn: Connection, after: int, most: int) -> deque[bytes]:
        """Prepare events piece by piece, each ready to be sent: whoever takes them waits for the last one only."""
        pieces: deque[bytes] = deque()
        left = most
        while left and not self._pipe.poll():
            taken = self._space.log.read(conn, LANE, after, min(_PIECE, left))
            if taken:
                pieces.append(_ENCODE(self._prepared(conn, taken)))
                after, left = taken[-1].number, left - len(taken)
            else:
                self._pipe.poll(_PAUSE)
        self._pipe.recv_bytes()
        return pieces

    def _prepared(self, conn: Connection, taken: Sequence[Numbered]) -> tuple[list[Shape], list[Frame]]:
        told = self._teller.told(taken)
        sources = {number: self._source(conn, number) for number in {one.source for one in told}}
        for one in told:
            if not sources[one.source].terms.problem:
                self._teller.prepare(one, sources[one.source])
        self._teller.seal([each for one in told for each in one.prepared])
        shapes: dict[Shape, int] = {}
        frames = [
            Frame(
                one.number, one.source, one.name, one.raw, one.received, one.is_mapped, one.admitted, one.changed,
                one.identifiers, one.prepared, one.rejects, one.parties, one.products, one.device,
                shapes.setdefault(one.words, len(shapes)),
            )
            for one in told
        ]  # fmt: skip
        return list(shapes), frames

    def _source(self, conn: Connection, number: int) -> _Source:
        known = self._sources.get(number)
        if known is None or known.terms.changed != changed_at(self._space, known.name):
            name = known.name if known else intake.source_names(conn)[number][0]
            known = self._sources[number] = _Source(self._space, name)
        return known


def known_identifiers(space: Space, message: Message, namespace: str) -> list[tuple[str, str, str]]:
    """Return the identifiers of an event that are of a kind which the project has."""
    known = [one for one in identifiers(message, namespace) if space.rules.knows(one[0])]
    return space.rules.untied(known, lambda one: one[0])


def is_kept_out(message: Message) -> bool:
    """Whether its sender keeps an event out of profiles (Segment, "Filtering with the integrations object")."""
    return bool(message.integrations) and any(message.integrations.get(name) is False for name in _PROFILES)


def is_uncounted(record: MappedRecord, *, counts_bots: bool) -> bool:
    """Whether a record makes no count of its owner: a device, what a robot did, an order of which nobody heard yet that it was placed."""
    if record.entity == ORDER:
        return "purchaseOrderDate" not in record.values
    return record.entity == DEVICE or (record.values.get("isBot") is True and not counts_bots)


def walled(ident: Ident) -> Ident:
    """Two logins of one namespace are two people, whatever they share: a device, an address; also where the kind does not say so."""
    alone = ident.name == "user_id" and not ident.exclusive
    return msgspec.structs.replace(ident, exclusive=ident.kind) if alone else ident


def set_aside(row: MappedRow, message: Message) -> list[Reject]:
    """Return the values of an event that cannot be taken, to be listed."""
    if not row.issues:
        return []
    cells = [_JSON(message).decode()]
    return [Reject(0, issue.column, issue.reason, False, ["message"], cells) for issue in row.issues]
