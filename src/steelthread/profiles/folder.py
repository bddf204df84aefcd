"""Folding: the records and events of a person become one stored, pseudonymous profile."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import yaml

from steelthread.intake import source_names
from steelthread.kit import Invalid
from steelthread.model import Model
from steelthread.profiles.fold import RULES, Observation, Winner, reconcile

Connection = psycopg.Connection[Any]
_JSON = msgspec.json.Encoder(order="sorted").encode


class ProfileRules(msgspec.Struct, frozen=True):
    """Reconciliation per attribute, where the project says other than the model."""

    attributes: dict[str, str] = {}


def load_profile_rules(path: Path, model: Model) -> ProfileRules:
    """Read `profile.yaml`; every wrong word is an Invalid that names the file."""
    if not path.exists():
        return ProfileRules()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise Invalid(f"{path} is not valid YAML: {getattr(error, 'problem', 'unreadable')}.") from None
    rules = content.get("attributes") or {}
    known = {name for entity in ("Individual", "Account") for name in model.entity(entity).attributes}
    for name, rule in rules.items():
        if name not in known:
            raise Invalid(f"{path}: {name} is no attribute of Individual or Account.")
        if rule not in RULES:
            raise Invalid(f"{path}: {rule} is no reconciliation rule; there are {', '.join(sorted(RULES))}.")
    return ProfileRules(attributes=rules)


class Folder:
    """Folds profiles on one connection."""

    def __init__(self, conn: Connection, model: Model, rules: ProfileRules) -> None:
        self._conn = conn
        self._rules = rules
        self._model = model
        self._known: dict[str, str] = {}

    def rule(self, attribute: str, entity: str) -> str:
        """Return the reconciliation rule of an attribute."""
        known = self._known.get(attribute)
        if known is None:
            own = self._model.entity(entity).attributes.get(attribute)
            known = self._rules.attributes.get(attribute) or (own.reconciliation if own else "last_updated")
            self._known[attribute] = known
        return known

    def fold(self, individuals: Mapping[UUID, int]) -> None:
        """Fold these individuals (universal ID -> cluster) anew and store them."""
        if not individuals:
            return
        contributions = self._contributions(list(individuals.values()))
        events = self._events(list(individuals.values()))
        rows = [
            self._profile(individual, contributions.get(cluster, []), events.get(cluster, []))
            for individual, cluster in individuals.items()
        ]
        self._conn.execute(
            """
            insert into profiles.profile as p (individual_id, body, records, first_seen, last_seen)
            select * from unnest(%s::uuid[], %s::text[]::jsonb[], %s::int4[], %s::timestamptz[], %s::timestamptz[])
            on conflict (individual_id) do update set body = excluded.body, records = excluded.records,
                first_seen = excluded.first_seen, last_seen = excluded.last_seen, folded_at = now()
            """,
            tuple(list(column) for column in zip(*rows, strict=True)),
        )

    def _contributions(self, clusters: Sequence[int]) -> dict[int, list[tuple[Any, ...]]]:
        sources = source_names(self._conn)
        found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        with self._conn.cursor(binary=True) as cursor:
            rows = cursor.execute(
                "select n.cluster_id, r.record_id, r.source_id, e.name, r.key_hash, r.observed_at, r.clear, "
                "r.first_observed_at "
                "from identity.node n join intake.record r on r.record_id = n.node_id "
                "join intake.entity e using (entity_id) "
                "where n.cluster_id = any(%s) and n.kind = 0 and r.closed_at is null and r.is_party",
                (list(clusters),),
            ).fetchall()
        for cluster, record, source, entity, key_hash, observed, clear, first in rows:
            name, priority = sources[source]
            key = (name, entity, key_hash.hex())
            found[cluster].append((record, priority, key, entity, observed, clear, first))
        return found

    def _events(self, clusters: Sequence[int]) -> dict[int, list[tuple[Any, ...]]]:
        rows = self._conn.execute(
            """
            select n.cluster_id, e.name, count(*), sum(coalesce(v.amount, l.amount)), max(coalesce(v.currency, l.currency)),
                min(v.at), max(v.at)
            from identity.node n join profiles.event v on v.owner = n.node_id
            join intake.entity e using (entity_id)
            left join lateral (
                select sum(amount) as amount, max(currency) as currency from profiles.event c where c.parent_id = v.record_id
            ) l on true
            where n.cluster_id = any(%s) and v.parent_id is null group by 1, 2
            """,
            (list(clusters),),
        ).fetchall()
        found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for cluster, *rest in rows:
            found[cluster].append(tuple(rest))
        return found

    def _profile(
        self, individual: UUID, records: list[tuple[Any, ...]], events: list[tuple[Any, ...]]
    ) -> tuple[UUID, str, int, datetime | None, datetime | None]:
        seen = [record[6] for record in records] + [event[4] for event in events if event[4]]
        last = [record[4] for record in records] + [event[5] for event in events if event[5]]
        body = {
            "attributes": {name: _stored(winner) for name, winner in self.winners(records).items()},
            "events": {event[0]: {"count": event[1], "amount": event[2], "currency": event[3]} for event in events},
        }
        first_seen, last_seen = min(seen, default=None), max(last, default=None)
        return individual, _JSON(body).decode(), len(records), first_seen, last_seen

    def winners(self, records: list[tuple[Any, ...]]) -> dict[str, Winner]:
        """Reconcile every attribute of these records: (number, priority, key, entity, observed, clear, first)."""
        observed: dict[str, list[Observation]] = defaultdict(list)
        rules: dict[str, str] = {}
        for record, priority, key, entity, at, clear, _ in records:
            for name, value in clear["v"].items():
                observed[name].append(Observation(record, value, len(str(value)), at, priority, key))
                rules.setdefault(name, self.rule(name, entity))
            for name, (token, length) in clear["f"].items():
                observed[name].append(Observation(record, _Token(token), length, at, priority, key))
                rules.setdefault(name, self.rule(name, entity))
        return {name: reconcile(rules[name], observed[name]) for name in sorted(observed)}


class _Token(int):
    """A keyed token in place of a direct value."""


def _stored(winner: Winner) -> dict[str, Any]:
    chosen = winner.chosen[0]
    stored: dict[str, Any] = {"record": chosen.record, "at": chosen.observed_at, "rule": winner.rule}
    if not isinstance(chosen.token, _Token):
        stored["value"] = chosen.token if winner.rule != "union" else [one.token for one in winner.chosen]
    return stored
