"""Reading profiles: from a reference to the 360, the timeline, the reasons."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from steelthread import identity
from steelthread.identity import IdentityRules, Ref
from steelthread.intake import SHARED_NAMESPACE, key_hash, open_records
from steelthread.kit import Invalid, NotFound, iso
from steelthread.model import Model
from steelthread.profiles import assemble
from steelthread.profiles.folder import Folder, ProfileRules
from steelthread.profiles.views import Names, Opener, View
from steelthread.vault import Vault

Connection = psycopg.Connection[Any]
MOST_RECORDS = 1000
"""How many records of one person are opened; a person with more is a case for review, not for a screen."""


class Reader:
    """Reads the profiles of one space on one connection."""

    def __init__(
        self,
        conn: Connection,
        vault: Vault,
        model: Model,
        rules: IdentityRules,
        folding: ProfileRules,
        country: str,
        names: Names | None = None,
    ) -> None:
        self._conn = conn
        self._vault = vault
        self._rules = rules
        self._country = country
        self._opener = Opener(conn, vault, names, model.adaptation)
        self._folder = Folder(conn, model, folding)

    # -- from a reference to a node ------------------------------------------------------------------------------

    def node(self, text: str) -> int:
        """Return the node that a reference names; NotFound when nobody answers to it."""
        ref = identity.parse_ref(text, self._rules)
        if ref.form == "individual":
            return identity.node_of_individual(self._conn, UUID(ref.value))
        found = [node for node in (identity.node_of_hash(self._conn, one) for one in self._hashes(ref)) if node]
        if not found:
            raise NotFound(
                f"No profile answers to this {ref.kind if ref.form == 'identifier' else 'record'} reference."
            )
        if len(found) > 1:
            raise Invalid(f"Several namespaces have this {ref.kind}: say {ref.kind}:NAMESPACE/VALUE.")
        return found[0]

    def _hashes(self, ref: Ref) -> list[bytes]:
        if ref.form == "record":
            return [key_hash(self._vault, ref.source, ref.entity, ref.value)]
        spaces = self._namespaces() if self._rules.kind(ref.kind).scoped else []
        values = identity.match_values(ref, self._rules, self._country, spaces)
        kind = self._rules.node_kind(ref.kind)
        return [self._vault.blind(kind, value) for value in values]

    def _namespaces(self) -> list[str]:
        rows = self._conn.execute("select name from intake.source order by name")
        return [SHARED_NAMESPACE, *(name for (name,) in rows)]

    def cluster(self, text: str) -> tuple[int, UUID]:
        """Return (cluster, universal ID) of a reference that has something to show."""
        cluster, individual, evidence = identity.present(self._conn, self.node(text))
        if evidence <= 0:
            raise NotFound("No profile answers to this reference any more.")
        return cluster, individual

    def _family(self, text: str) -> identity.Family:
        """Return the cluster of a reference with all its nodes, in one question where the reference allows."""
        ref = identity.parse_ref(text, self._rules)
        if ref.form == "individual":
            cluster, individual = self.cluster(text)
            aliases = identity.former_ids(self._conn, cluster)
            members = identity.members(self._conn, cluster)
            evidence = identity.present(self._conn, members[0].node_id)[2]
            return identity.Family(cluster, individual, evidence, members, aliases)
        found = list(identity.families_of_hashes(self._conn, self._hashes(ref)).values())
        if len(found) != 1 or found[0].evidence <= 0:
            self.cluster(text)  # says what is wrong
        return found[0]

    # -- what there is to read -----------------------------------------------------------------------------------

    def profile(self, text: str) -> dict[str, Any]:
        """Return the 360 of a reference."""
        family = self._family(text)
        nodes = [member.node_id for member in family.members]
        parties = [member for member in family.members if member.kind == 0 and member.evidence > 0]
        views = self._views([member.node_id for member in parties])
        owning = family.evidence > len(views)  # each open record is one; the rest are events
        summary = self._summary(nodes) if owning else []
        traced = self._traced(nodes) if owning else []
        first, last = assemble.span(views, summary)
        counts = {"records": len(views)}
        counts.update({event["entity"]: event["count"] for event in summary})
        return {
            "individualId": str(family.individual_id),
            "aliases": [str(former) for former in family.aliases],
            "firstSeen": first,
            "lastSeen": last,
            "identifiers": assemble.identifiers([*views, *traced]),
            "attributes": assemble.attributes(views, self._folder.rule),
            "contactPoints": assemble.contact_points(views),
            "records": [{"source": view.source, "entity": view.entity, "key": view.key} for view in views],
            "counts": counts,
            "totals": [
                {"entity": event["entity"], "amount": _plain(event["amount"]), "currency": event["currency"]}
                for event in summary
                if event["amount"] is not None
            ],
        }

    def _views(self, records: Sequence[int]) -> list[View]:
        views = self._opener.open(open_records(self._conn, records, MOST_RECORDS))
        return sorted(views, key=lambda view: (view.source, view.entity, view.key))

    def _traced(self, nodes: Sequence[int]) -> list[View]:
        """Open one event for each identifier, so that those known only from events have their value too."""
        rows = self._conn.execute(
            "select distinct on (node) e.record_id from profiles.event e, unnest(e.nodes) node "
            "where e.owner = any(%s) and node = any(%s) order by node, e.at limit 500",
            (list(nodes), list(nodes)),
        ).fetchall()
        return self._opener.by_id(sorted({record for (record,) in rows}))

    def _summary(self, nodes: Sequence[int]) -> list[dict[str, Any]]:
        rows = self._conn.execute(
            """
            select n.name, sum(t.count)::bigint, sum(t.amount), max(t.currency), min(t.first), max(t.last)
            from profiles.tally t join intake.entity n using (entity_id) where t.owner = any(%s) group by 1 order by 1
            """,
            (list(nodes),),
        ).fetchall()
        names = ("entity", "count", "amount", "currency", "first", "last")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def is_list(self, attribute: str) -> bool:
        """Whether a profile shows several values of an attribute."""
        return self._folder.rule(attribute, "Individual") == "union"

    def timeline(self, text: str, limit: int = 50, before: tuple[datetime, int] | None = None) -> list[dict[str, Any]]:
        """Return what happened, newest first; `before` is (time, record) of the last one of the former page."""
        cluster, _ = self.cluster(text)
        nodes = [member.node_id for member in identity.members(self._conn, cluster)]
        rows = self._conn.execute(
            """
            select e.record_id, e.at, e.amount, e.currency, l.amount, l.currency, coalesce(l.lines, 0)
            from profiles.event e left join lateral (
                select sum(amount) as amount, max(currency) as currency, count(*) as lines
                from profiles.event c where c.parent_id = e.record_id
            ) l on true
            where e.owner = any(%s) and e.parent_id is null and e.at is not null
                and (%s::timestamptz is null or (e.at, e.record_id) < (%s::timestamptz, %s::int8))
            order by e.at desc, e.record_id desc limit %s
            """,
            (nodes, *((before[0], before[0], before[1]) if before else (None, None, None)), limit),
        ).fetchall()
        views = {view.record_id: view for view in self._opener.by_id([row[0] for row in rows])}
        return [_entry(row, views[row[0]]) for row in rows if row[0] in views]

    def search(self, name: str, limit: int = 20) -> list[dict[str, Any]]:
        """Find people by whole name tokens: all of them must occur in one record."""
        words = identity.name_words(name)
        if not words:
            raise Invalid("Say at least one whole word of a name.")
        tokens = [self._vault.token("name|" + word) for word in words]
        rows = self._conn.execute(
            "select distinct c.individual_id from profiles.name_words w join intake.record r using (record_id) "
            "join identity.node n on n.node_id = w.record_id join identity.cluster c using (cluster_id) "
            "where w.tokens @> %s::int8[] and r.closed_at is null limit %s",
            (tokens, limit),
        ).fetchall()
        return [self.profile(f"individual:{individual}") for (individual,) in rows]

    def records(self, text: str) -> list[dict[str, Any]]:
        """Return the records of a reference in full, each with its parts and the columns that nobody mapped."""
        cluster, _ = self.cluster(text)
        members = identity.members(self._conn, cluster)
        views = self._views([member.node_id for member in members if member.kind == 0 and member.evidence > 0])
        return [
            {
                "record": view.ref, "source": view.source, "entity": view.entity, "key": view.key,
                "observedAt": iso(view.observed_at), "values": view.values,
                "parts": [{"entity": entity, "values": values} for entity, values in view.parts],
                "unmapped": view.extras,
            }
            for view in views
        ]  # fmt: skip

    def resolve(self, individual: UUID, as_of: datetime | None = None) -> dict[str, Any]:
        """Say which individual a universal ID, present or former, stands for now or at a moment."""
        node = identity.node_of_individual(self._conn, individual)
        _, current, evidence = identity.present(self._conn, node)
        answer = current if as_of is None else identity.as_of(self._conn, node, as_of)
        status = "current" if answer == individual else "merged"
        if evidence <= 0 and as_of is None:
            status = "empty"
        return {"individualId": str(answer), "requested": str(individual), "status": status}

    def explain(self, a: str, b: str) -> dict[str, Any]:
        """Say whether two references are one person, by which links, and what was refused if they are not."""
        start, end = self.node(a), self.node(b)
        same = identity.present(self._conn, start)[0] == identity.present(self._conn, end)[0]
        steps = identity.path(self._conn, start, end) if same else []
        refused = [] if same else self._refused(start, end)
        nodes = {node for step in steps for node in (step.start, step.end)}
        nodes |= {node for refusal in refused for node in (refusal.a, refusal.b)}
        names = self._names(nodes)
        return {
            "same": same,
            "path": [
                {
                    "from": names[step.start], "to": names[step.end], "kind": step.kind, "reason": step.reason,
                    "at": iso(step.at), "actor": step.actor,
                }
                for step in steps
            ],
            "refused": [
                {"from": names[one.a], "to": names[one.b], "rule": one.rule, "reason": one.reason} for one in refused
            ],
        }  # fmt: skip

    def _refused(self, start: int, end: int) -> list[identity.Refusal]:
        sides = []
        for node in (start, end):
            cluster = identity.present(self._conn, node)[0]
            sides.append({member.node_id for member in identity.members(self._conn, cluster)})
        return [one for one in identity.refusals(self._conn, sides[0]) if {one.a, one.b} & sides[1]]

    def _names(self, nodes: set[int]) -> dict[int, str]:
        """Name nodes for a reader: records by their reference, identifiers by kind and value."""
        names: dict[int, str] = {}
        rows = self._conn.execute(
            "select node_id, kind, hash from identity.node where node_id = any(%s)", (list(nodes),)
        ).fetchall()
        wanted = {bytes(hashed): node for node, kind, hashed in rows if kind}
        near = self._conn.execute(
            "select a from identity.link where b = any(%s) union select record_id from profiles.event "
            "where nodes && %s::int8[] limit 1000",
            (list(nodes), list(wanted.values())),
        ).fetchall()
        for view in self._opener.by_id(sorted({*nodes, *(row[0] for row in near)})):
            if view.record_id in nodes:
                names[view.record_id] = view.ref
            for kind, value in view.identifiers:
                ref = identity.parse_ref(f"{kind}:{value}", self._rules)
                for hashed in self._hashes(ref):
                    if hashed in wanted:
                        names[wanted[hashed]] = f"{kind}:{value}"
        for node, kind, _ in rows:
            names.setdefault(node, "a record not loaded yet" if kind == 0 else "an identifier")
        return names


def _entry(row: tuple[Any, ...], view: View) -> dict[str, Any]:
    record, at, amount, currency, line_amount, line_currency, lines = row
    total = amount if amount is not None else line_amount
    return {
        "at": iso(at), "entity": view.entity, "source": view.source, "key": view.key,
        "amount": _plain(total), "currency": currency or line_currency, "lines": lines,
        "values": view.values, "record": view.ref, "cursor": f"{iso(at)}~{record}",
    }  # fmt: skip


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
