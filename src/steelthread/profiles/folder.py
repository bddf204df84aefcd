"""Folding: the records and events of a person become one stored, pseudonymous profile."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import msgspec
import psycopg
import yaml

from steelthread.intake import names_of_all, source_names
from steelthread.kit import Invalid
from steelthread.model import PARTIES, Model
from steelthread.profiles import tally
from steelthread.profiles.computed.definition import Trait, parse_traits
from steelthread.profiles.events import Folded, delete_profiles, insert_profiles, update_profiles
from steelthread.profiles.fold import RULES, Observation, by_time, choose, told_at
from steelthread.profiles.keys import RecordKeys, tied
from steelthread.profiles.sums import Sums, sums_before, update_sums
from steelthread.store import Int8s, micros_2000

Connection = psycopg.Connection[Any]
_DECODE = msgspec.json.Decoder().decode
_JSON = msgspec.json.Encoder(order="sorted").encode


class ProfileRules(msgspec.Struct, frozen=True):
    """Reconciliation per attribute, where the project says other than the model."""

    attributes: dict[str, str] = {}
    traits: dict[str, Trait] = {}
    """Computed traits by name."""


def load_profile_rules(path: Path, model: Model, time_zone: str = "UTC") -> ProfileRules:
    """Read `profile.yaml`; every wrong word is an Invalid that names the file."""
    if not path.exists():
        return ProfileRules()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        raise Invalid(f"{path}{line} is not valid YAML: {getattr(error, 'problem', 'unreadable')}.") from None
    rules = content.get("attributes") or {}
    known = {name for entity in PARTIES for name in model.entity(entity).attributes}
    for name, rule in rules.items():
        if name not in known:
            raise Invalid(f"{path}: {name} is no attribute of {', '.join(PARTIES)}.")
        if rule not in RULES:
            raise Invalid(f"{path}: {rule} is no reconciliation rule; there are {', '.join(sorted(RULES))}.")
    return ProfileRules(attributes=rules, traits=parse_traits(content.get("traits") or {}, model, str(path), time_zone))


class Contribution(msgspec.Struct, array_like=True):
    """What one open record gives to the profile of its person."""

    record: int
    source: int
    entity: str
    observed_at: datetime
    clear: bytes
    first_observed_at: datetime


class Resolved(Protocol):
    """What the identity room says of a batch: which individuals are touched, new, gone, and what belongs to them."""

    touched: dict[UUID, int]
    gone: list[UUID]
    fresh: set[UUID]
    records: dict[int, list[int]]
    owners: dict[int, list[int]]
    evidence: dict[int, int]
    busy: dict[UUID, int]
    doers: dict[int, UUID]


class Gathered(msgspec.Struct):
    """What makes the profiles of a batch, as it was before the batch."""

    contributions: dict[int, list[Contribution]]
    """Of each cluster touched."""
    owners: dict[int, int]
    """Who may own events -> its cluster."""
    tallies: tally.Tallies
    """What events came to before."""
    busy: dict[UUID, Sums]
    """What the events of those came to who only own more of them now."""


class Folder:
    """Folds profiles on one connection."""

    def __init__(self, conn: Connection, model: Model, rules: ProfileRules, keys: RecordKeys) -> None:
        self._conn = conn
        self._keys = keys
        self._plain: dict[int, str] = {}
        self._rules = rules
        self._model = model
        self._known: dict[tuple[str, str], str] = {}
        self._sources: dict[int, tuple[str, int]] = {}
        self._entities: dict[int, str] = {}

    def rule(self, attribute: str, entity: str) -> str:
        """Return the reconciliation rule of an attribute."""
        known = self._known.get((attribute, entity))
        if known is None:
            own = self._model.entity(entity).attributes.get(attribute)
            known = self._rules.attributes.get(attribute) or (own.reconciliation if own else "last_updated")
            self._known[(attribute, entity)] = known
        return known

    def know_sources(self) -> None:
        """Learn sources' priorities and entities' names; before anything is written behind: a question waits for that."""
        self._sources, self._entities = names_of_all(self._conn)

    def gather(
        self,
        resolved: Resolved,
        at_hand: Mapping[int, Contribution],
        recent: Mapping[UUID, Sums],
        asked: Connection | None = None,
    ) -> "Gathered":
        """Return what makes the profiles of a batch; records of the batch itself (`at_hand`) are not read again, nor `recent` sums.

        `asked` is another connection for it, where the transaction wrote nothing of these yet.
        """
        conn = asked or self._conn
        wanted = [record for records in resolved.records.values() for record in records if record not in at_hand]
        stored = {one.record: one for one in self._stored(conn, wanted)} if wanted else {}
        contributions = {
            cluster: [one for one in (at_hand.get(node) or stored.get(node) for node in records) if one is not None]
            for cluster, records in resolved.records.items()
        }
        self._plain = self._keys.of(self._conn, tied(contributions.values()))
        owning = [cluster for cluster, found in contributions.items() if resolved.evidence[cluster] > len(found)]
        owners = {node: cluster for cluster in owning for node in resolved.owners[cluster]}
        tallies = tally.stored(conn, owners) if owners else {}
        # What is recent may be forgotten by another thread at any moment: it is looked for and taken at once.
        busy = {one: known for one in resolved.busy if (known := recent.get(one)) is not None}
        busy |= sums_before(conn, [one for one in resolved.busy if one not in busy])
        return Gathered(contributions, owners, tallies, busy)

    def fold_batch(self, resolved: Resolved, gathered: "Gathered", came: tally.Tallies, anew: Collection[int]) -> None:
        """Fold what a batch touched, when its nodes and events are written.

        `came` is what its events add to the tallies that were gathered; those of the owners `anew` were counted anew, and
        have to be asked for: that waits for all that is written.
        """
        delete_profiles(self._conn, resolved.gone)
        events = self._summed_up(gathered, came, anew)
        folded = [
            self._fold(individual, gathered.contributions.get(cluster, []), events.get(cluster, []))
            for individual, cluster in resolved.touched.items()
        ]
        insert_profiles(self._conn, [one for one in folded if one.individual in resolved.fresh])
        update_profiles(self._conn, [one for one in folded if one.individual not in resolved.fresh])
        update_sums(self._conn, self._more(resolved, gathered.busy, came))
        self.fold({one: cluster for one, cluster in resolved.busy.items() if one not in gathered.busy})

    def _more(self, resolved: Resolved, before: dict[UUID, Sums], came: tally.Tallies) -> list[Sums]:
        """Return what the events of those come to now who only own more of them."""
        for (owner, entity, currency), one in came.items():
            individual = resolved.doers.get(owner)
            if individual in before:
                before[individual].add(self._entities[entity], currency, one)
        return list(before.values())

    def _summed_up(
        self, gathered: "Gathered", came: tally.Tallies, anew: Collection[int]
    ) -> dict[int, list[tuple[Any, ...]]]:
        """Return what the events of each cluster come to, as `_events` does."""
        asked = {gathered.owners[owner] for owner in anew if owner in gathered.owners}
        found = dict(self._events(sorted(asked))) if asked else {}
        joined: dict[int, dict[tuple[str, str], tally.Tally]] = defaultdict(dict)
        for more in (gathered.tallies, came):
            for (owner, entity, currency), one in more.items():
                cluster = gathered.owners.get(owner)
                if cluster is not None and cluster not in asked:
                    joined[cluster].setdefault((self._entities[entity], currency), tally.Tally()).join(one)
        for cluster, sums in joined.items():
            found[cluster] = [
                (name, one.count, one.amount, currency, one.first, one.last) for (name, currency), one in sums.items()
            ]
        return found

    def fold(self, individuals: Mapping[UUID, int]) -> None:
        """Fold these individuals (universal ID -> cluster) anew and store them."""
        if not individuals:
            return
        clusters = list(individuals.values())
        self._sources = source_names(self._conn)
        delete_profiles(self._conn, list(individuals))
        nodes = self._conn.execute(
            "select cluster_id, node_id from identity.node where kind = 0 and cluster_id = any(%s)", (Int8s(clusters),)
        ).fetchall()
        stored = {one.record: one for one in self._stored(self._conn, [node for _, node in nodes])}
        contributions: dict[int, list[Contribution]] = defaultdict(list)
        for cluster, node in nodes:
            if node in stored:
                contributions[cluster].append(stored[node])
        self._plain = self._keys.of(self._conn, tied(contributions.values()))
        events = self._events(clusters)
        insert_profiles(
            self._conn,
            [
                self._fold(individual, contributions.get(cluster, []), events.get(cluster, []))
                for individual, cluster in individuals.items()
            ],
        )

    def _stored(self, conn: Connection, records: Sequence[int]) -> list[Contribution]:
        with conn.cursor(binary=True) as cursor:
            rows = cursor.execute(
                "select r.record_id, r.source_id, e.name, r.observed_at, convert_to(r.clear::text, 'UTF8'), "
                "r.first_observed_at from intake.record r join intake.entity e using (entity_id) "
                "where r.record_id = any(%s) and r.closed_at is null and r.is_party",
                (Int8s(records),),
            ).fetchall()
        return [Contribution(*row) for row in rows]

    def _events(self, clusters: Sequence[int]) -> dict[int, list[tuple[Any, ...]]]:
        rows = self._conn.execute(
            """
            select n.cluster_id, e.name, sum(t.count)::bigint, sum(t.amount), t.currency, min(t.first), max(t.last)
            from identity.node n join profiles.tally t on t.owner = n.node_id join intake.entity e using (entity_id)
            where n.cluster_id = any(%s) group by 1, 2, 5 order by 1, 2, 5
            """,
            (Int8s(clusters),),
        ).fetchall()
        found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for cluster, *rest in rows:
            found[cluster].append(tuple(rest))
        return found

    def _fold(self, individual: UUID, records: list[Contribution], events: list[tuple[Any, ...]]) -> Folded:
        first = [one.first_observed_at for one in records] + [event[4] for event in events if event[4]]
        last = [one.observed_at for one in records] + [event[5] for event in events if event[5]]
        body = {
            "attributes": self._alone(records[0]) if len(records) == 1 else self._together(records),
            "events": _summed(events),
        }
        return Folded(
            individual,
            _JSON(body),
            len(records),
            micros_2000(min(first)) if first else None,
            micros_2000(max(last)) if last else None,
        )

    def _clear(self, one: Contribution) -> dict[str, Any]:
        """Return the clear part of a record as the model of today reads it."""
        clear: dict[str, Any] = _DECODE(one.clear)
        adaptation = self._model.adaptation
        if adaptation.touches(one.entity):
            for part, convert in (("v", True), ("f", False), ("t", False)):
                if clear.get(part):
                    clear[part] = adaptation.values(one.entity, clear[part], convert=convert)
        return clear

    def _alone(self, one: Contribution) -> dict[str, Any]:
        """Return the attributes of a person of whom there is one record: nothing to reconcile."""
        clear = self._clear(one)
        attributes: dict[str, Any] = {}
        for name, value in clear["v"].items():
            shown = [value] if self.rule(name, one.entity) == "union" else value
            attributes[name] = {"record": one.record, "value": shown}
        for name in clear["f"]:
            attributes[name] = {"record": one.record}
        return attributes

    def _together(self, records: list[Contribution]) -> dict[str, Any]:
        """Reconcile every attribute of these records."""
        told = []
        for one in records:
            name, priority = self._sources[one.source]
            told.append(_Told(one, one.observed_at, priority, (name, one.entity, self._plain.get(one.record, ""))))
        observed: dict[str, list[Observation]] = {}
        rules: dict[str, str] = {}
        dated = False
        for record in by_time(told):
            one = record.one
            clear = self._clear(one)
            times = clear.get("t") or {}
            dated = dated or bool(times)
            values = [(name, value, len(str(value))) for name, value in clear["v"].items()]
            facets = [(name, _Token(facet[0]), facet[1]) for name, facet in clear["f"].items()]
            for name, value, length in values + facets:
                at = told_at(times[name]) if name in times else one.observed_at
                told_value = Observation(one.record, value, length, at, record.priority, record.key)
                if name in observed:
                    observed[name].append(told_value)
                else:
                    observed[name] = [told_value]
                    rules[name] = self.rule(name, one.entity)
        if dated:  # some values are older than their records
            observed = {name: by_time(found) for name, found in observed.items()}
        return {name: _stored(rules[name], choose(rules[name], observed[name])) for name in observed}


def _summed(events: list[tuple[Any, ...]]) -> dict[str, dict[str, Any]]:
    """Return count and money per currency of each entity, from rows of both."""
    summed: dict[str, dict[str, Any]] = {}
    for entity, count, amount, currency, *_ in events:
        one = summed.setdefault(entity, {"count": 0, "amounts": {}})
        one["count"] += count
        if amount is not None:
            one["amounts"][currency] = amount
    return summed


class _Token(int):
    """A keyed token in place of a direct value."""


class _Told(msgspec.Struct, frozen=True):
    """A record among others of its person."""

    one: Contribution
    observed_at: datetime
    priority: int
    key: tuple[str, str, str]


def _stored(rule: str, chosen: list[Observation]) -> dict[str, Any]:
    first = chosen[0]
    if isinstance(first.token, _Token):
        return {"record": first.record}
    return {"record": first.record, "value": first.token if rule != "union" else [one.token for one in chosen]}
