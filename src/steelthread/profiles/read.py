"""Reading profiles: from a reference to the 360, the timeline, the reasons."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from steelthread import identity
from steelthread.identity import IdentityRules, Ref
from steelthread.intake import SDK, SHARED_NAMESPACE, RecordRow, key_hash, open_records
from steelthread.kit import Invalid, NotFound, iso, now
from steelthread.model import Model
from steelthread.privacy import Tombstones
from steelthread.profiles import assemble
from steelthread.profiles.ahead import (
    MOST_RECORDS,
    PROFILE_SQL,
    TALLY_COLUMNS,
    TRACED_SQL,
    Ahead,
    Sum,
    ahead_of,
    in_order,
)
from steelthread.profiles.ahead import SQL as AHEAD_SQL
from steelthread.profiles.computed.store import read as read_traits
from steelthread.profiles.folder import Folder, ProfileRules
from steelthread.profiles.household import Household, household_of
from steelthread.profiles.keys import RecordKeys
from steelthread.profiles.timeline import Entry, Wanted, read_timeline
from steelthread.profiles.views import Names, Opener, View
from steelthread.store import Byteas
from steelthread.vault import Vault

Connection = psycopg.Connection[Any]
_FIRST = Wanted()


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
        self._model = model
        self._folder = Folder(conn, model, folding, RecordKeys(vault))
        self._ahead: tuple[str, Ahead] | None = None
        self.reads_whole = False
        """Whether a profile is read after `ahead`: what it needs comes in the same answer."""
        self._spaces: list[str] | None = None
        """Namespaces of user ids, as long as this reader lives."""

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

    def hashes(self, text: str) -> list[bytes]:
        """Return the keyed hashes of the nodes that a reference may mean, whether they are there or not."""
        ref = identity.parse_ref(text, self._rules)
        if ref.form == "individual":
            node = identity.node_of_individual(self._conn, UUID(ref.value))
            return [member.hash for member in self._family(text).members if member.node_id == node]
        return self._hashes(ref)

    def families(self, text: str) -> list[identity.Family]:
        """Return whoever an identifier or a record may mean, each with all nodes."""
        return list(identity.families_of_hashes(self._conn, self.hashes(text)).values())

    def ahead(self, text: str) -> Ahead:
        """Return all that is asked of an identifier or a record, in one question; the next `profile` of it is made of this."""
        self._spaces = self._spaces or [
            SHARED_NAMESPACE,
            *sorted(name for name, _ in self._opener.names.sources.values()),
        ]
        found = self._asked(self.hashes(text))
        if not found.families:
            self._spaces = None  # it may be of a source that came this moment
            found = self._asked(self.hashes(text))
        self._ahead = (text, found)
        return found

    def _asked(self, hashes: list[bytes]) -> Ahead:
        packed = Byteas(hashes)
        with self._conn.cursor(binary=True) as cursor:
            question = PROFILE_SQL if self.reads_whole else AHEAD_SQL
            return ahead_of(hashes, cursor.execute(question, (packed, packed)).fetchall())

    def is_known(self, node_hash: bytes) -> bool:
        """Whether there is a node with this hash."""
        return identity.node_of_hash(self._conn, node_hash) is not None

    def members(self, text: str) -> list[identity.Member]:
        """Return the nodes of whoever answers to a reference; none when nobody does."""
        ref = identity.parse_ref(text, self._rules)
        try:
            node = identity.node_of_individual(self._conn, UUID(ref.value)) if ref.form == "individual" else None
        except NotFound:
            return []
        nodes = [node] if node else [identity.node_of_hash(self._conn, one) for one in self._hashes(ref)]
        clusters = {identity.present(self._conn, one)[0] for one in nodes if one}
        return [member for cluster in sorted(clusters) for member in identity.members(self._conn, cluster)]

    def _hashes(self, ref: Ref) -> list[bytes]:
        if ref.form == "record":
            return [key_hash(self._vault, ref.source, ref.entity, ref.value)]
        spaces = self._namespaces() if self._rules.kind(ref.kind).scoped else []
        values = identity.match_values(ref, self._rules, self._country, spaces)
        kind = self._rules.node_kind(ref.kind)
        return [self._vault.blind(kind, value) for value in values]

    def _namespaces(self) -> list[str]:
        if self._spaces is None:
            rows = self._conn.execute("select name from intake.source order by name")
            self._spaces = [SHARED_NAMESPACE, *(name for (name,) in rows)]
        return self._spaces

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
        if self._ahead and self._ahead[0] == text:
            found = self._ahead[1].families
        else:
            found = list(identity.families_of_hashes(self._conn, self._hashes(ref)).values())
        if len(found) != 1 or found[0].evidence <= 0:
            self.cluster(text)  # says what is wrong
        return found[0]

    # -- what there is to read -----------------------------------------------------------------------------------

    def profile(self, text: str) -> dict[str, Any]:
        """Return the 360 of a reference."""
        family = self._family(text)
        nodes = [member.node_id for member in family.members]
        ahead = self._ahead[1] if self._ahead and self._ahead[0] == text else None
        views = sorted(self._opener.open(ahead.records), key=_by_name) if ahead else self._views(_parties(family))
        sums: list[Sum] = []
        traced: list[View] = []
        if family.evidence > len(views):  # each open record is one; the rest are events
            whole = ahead if ahead and ahead.sums is not None else None
            sums = whole.sums or [] if whole else self._sums(dict.fromkeys(nodes, 0)).get(0, [])
            traced = self._traced(family, whole.traced if whole else self._first_events(family))
        told = self._put_together(family, views, sums, traced)
        traits = self._opener.names.traits
        if traits:
            told["traits"] = read_traits(self._conn, traits, nodes, now(), self._values)
        return told

    def household(self, text: str) -> Household | None:
        """Return the household of whoever answers to a reference, None for one who shares a home with nobody."""
        return household_of(self._conn, self._vault, self.cluster(text)[0], now().date())

    def share(self, text: str) -> dict[str, Any] | None:
        """Return what a profile says of its household: nothing of the others but how many they are; None for no household."""
        home = self.household(text)
        if home is None:
            return None
        individual = self.cluster(text)[1]
        own = next(one for one in home.members if one.individual_id == individual)
        return {"householdId": str(home.household_id), "size": len(home.members), "role": own.role, "via": own.via}

    def linked(self, text: str) -> list[dict[str, str]]:
        """Return the visitors whom a customer was, or the customers who were a visitor, where the project keeps them apart."""
        cluster, own = self.cluster(text)
        nodes = [member.node_id for member in identity.members(self._conn, cluster)]
        found = identity.apart(self._conn, nodes)
        return [{"individualId": str(one), "by": rule} for one, rule in found if one != own]

    def page(self, after: UUID | None, limit: int) -> list[dict[str, Any]]:
        """Return profiles by universal ID, in few questions; without the identifiers that only events name."""
        families = identity.families_after(self._conn, after, limit)
        wanted = [record for family in families for record in _parties(family)]
        found = {view.record_id: view for view in self._views(wanted, len(wanted))}
        owning = {
            family.cluster_id
            for family in families
            if family.evidence > sum(record in found for record in _parties(family))
        }
        owners = {
            member.node_id: one.cluster_id for one in families if one.cluster_id in owning for member in one.members
        }
        sums = self._sums(owners)
        profiles = []
        for family in families:
            views = sorted((found[one] for one in _parties(family) if one in found), key=_by_name)
            profiles.append(self._put_together(family, views, sums.get(family.cluster_id, []), []))
        return profiles

    def _put_together(
        self, family: identity.Family, views: list[View], sums: list[Sum], traced: list[View]
    ) -> dict[str, Any]:
        first, last = assemble.span(views, sums)
        counts = {"records": len(views)}
        for one in sums:
            counts[one.entity] = counts.get(one.entity, 0) + one.count
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
                {"entity": one.entity, "amount": _plain(one.amount), "currency": one.currency}
                for one in sums
                if one.amount is not None
            ],
        }

    def _values(self, records: Sequence[int]) -> dict[int, tuple[str, Mapping[str, Any]]]:
        return {view.record_id: (view.entity, view.values) for view in self._opener.by_id(records)}

    def _views(self, records: Sequence[int], limit: int = MOST_RECORDS) -> list[View]:
        return sorted(self._opener.open(open_records(self._conn, records, limit)), key=_by_name)

    def _first_events(self, family: identity.Family) -> list[RecordRow]:
        named = [one.node_id for one in family.members if one.kind != 0]
        rows = self._conn.execute(TRACED_SQL, ([one.node_id for one in family.members], named)).fetchall()
        return [RecordRow(*row) for row in rows]

    def _traced(self, family: identity.Family, rows: Sequence[RecordRow]) -> list[View]:
        """Open one event for each identifier, so that those known only from events have their value too.

        An event may name identifiers that are another person's, or nobody's: of these nothing is taken. Of events of one
        time the one with the lower key hash is opened, whatever the order in which they came.
        """
        views = self._opener.open(rows)
        own = {one.hash for one in family.members}
        for view in views:
            view.identifiers = [(kind, value) for kind, value in view.identifiers if own & self._named(kind, value)]
        return views

    def _named(self, kind: str, value: str) -> set[bytes]:
        return set(self._hashes(identity.parse_ref(f"{kind}:{value}", self._rules)))

    def _sums(self, owners: dict[int, int]) -> dict[int, list[Sum]]:
        """Return what the events of these owners (node -> cluster) come to, by cluster."""
        if not owners:
            return {}
        rows = self._conn.execute(
            f"select o.cluster, {TALLY_COLUMNS} from unnest(%s::int8[], %s::int8[]) as o (owner, cluster) "
            "join profiles.tally t using (owner) join intake.entity n using (entity_id) "
            "group by o.cluster, n.name, t.currency",
            (list(owners), list(owners.values())),
        ).fetchall()
        found: dict[int, list[Sum]] = {}
        for cluster, *rest in rows:
            found.setdefault(cluster, []).append(Sum(*rest))
        return {cluster: in_order(sums) for cluster, sums in found.items()}

    def is_list(self, attribute: str) -> bool:
        """Whether a profile shows several values of an attribute."""
        return self._folder.rule(attribute, "Individual") == "union"

    def timeline(self, text: str, wanted: Wanted = _FIRST) -> list[Entry]:
        """Return what happened, newest first unless asked otherwise."""
        cluster, _ = self.cluster(text)
        nodes = [member.node_id for member in identity.members(self._conn, cluster)]
        return read_timeline(self._conn, self._opener, nodes, wanted)

    def account(self, group: str) -> str:
        """Return the reference of the account that a group id of live events names; NotFound when none does."""
        for source in self._namespaces()[1:]:
            for key in (group, SDK + group):  # the latter where documents have keys of their own
                if identity.node_of_hash(self._conn, key_hash(self._vault, source, "Account", key)):
                    return f"record:{source}/Account/{key}"
        raise NotFound("No account has this group id.")

    def told(self, text: str) -> dict[str, dict[str, Any]]:
        """Return the traits that live events told of a person, under the names that they used, newest first of each."""
        family = self._family(text)
        parties = [member.node_id for member in family.members if member.kind == 0 and member.evidence > 0]
        return assemble.told(self._views(parties))

    def search(self, name: str, limit: int = 20, after: UUID | None = None) -> list[dict[str, Any]]:
        """Find people by whole name tokens: all of them must occur in one record. In the order of their IDs, `after` this one."""
        words = identity.name_words(name)
        if not words:
            raise Invalid("Say at least one whole word of a name.")
        tokens = [self._vault.token("name|" + word) for word in words]
        rows = self._conn.execute(
            "select distinct c.individual_id from profiles.name_words w join intake.record r using (record_id) "
            "join identity.node n on n.node_id = w.record_id join identity.cluster c using (cluster_id) "
            "where w.tokens @> %s::int8[] and r.closed_at is null and (%s::uuid is null or c.individual_id > %s) order by 1 limit %s",
            (tokens, after, after, limit),
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
        if Tombstones(self._vault).has(self._conn, individual.bytes):
            return {"individualId": None, "requested": str(individual), "status": "erased"}
        node = identity.node_of_individual(self._conn, individual)
        _, current, evidence = identity.present(self._conn, node)
        answer = current if as_of is None else identity.as_of(self._conn, node, as_of)
        status = "current" if answer == individual else "merged"
        if evidence <= 0 and as_of is None:
            status = "empty"
        return {"individualId": str(answer), "requested": str(individual), "status": status}

    def explain(self, a: str, b: str) -> dict[str, Any]:
        """Say whether two references are one person or organisation, by which links, and what was refused if they are not.

        A model link carries its waterfall: questions, answers and what each adds, in log2 odds. Of two persons the
        evidence is told that came closest to joining them, or the wall between them.
        """
        start, end = self.node(a), self.node(b)
        same = identity.present(self._conn, start)[0] == identity.present(self._conn, end)[0]
        steps = identity.path(self._conn, start, end) if same else []
        sides = [] if same else [self._side(start), self._side(end)]
        refused = [] if same else [one for one in identity.refusals(self._conn, sides[0]) if {one.a, one.b} & sides[1]]
        near = None if same else identity.strongest_between(self._conn, sides[0], sides[1])
        nodes = {node for step in steps for node in (step.start, step.end)} | set(near or ())
        nodes |= {node for refusal in refused for node in (refusal.a, refusal.b)}
        names = self._names(nodes)
        parties = identity.parties_of(self._conn, self._model, start, end)
        return {
            "same": same,
            "parties": parties,
            "path": [
                {
                    "from": names[step.start], "to": names[step.end], "kind": step.kind, "reason": step.reason,
                    "at": iso(step.at), "actor": step.actor,
                    **({"evidence": self._evidence(step.start, step.end)} if step.kind == "model" else {}),
                }
                for step in steps
            ],
            "refused": [
                {"from": names[one.a], "to": names[one.b], "rule": one.rule, "reason": identity.reason_for(parties[0], one.reason)}
                for one in refused
            ],
            "nearest": {"from": names[near[0]], "to": names[near[1]], "evidence": self._evidence(*near)}
            if near
            else None,
        }  # fmt: skip

    def _evidence(self, a: int, b: int) -> dict[str, Any]:
        found = identity.waterfall_of(self._conn, a, b)
        assert found is not None
        return found.told()

    def _side(self, node: int) -> set[int]:
        cluster = identity.present(self._conn, node)[0]
        return {member.node_id for member in identity.members(self._conn, cluster)}

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
                for hashed in self._named(kind, value) & wanted.keys():
                    names[wanted[hashed]] = f"{kind}:{value}"
        for node, kind, _ in rows:
            names.setdefault(node, "a record not loaded yet" if kind == 0 else "an identifier")
        return names


def _parties(family: identity.Family) -> list[int]:
    """Return the records of a cluster that may be opened, the oldest of too many."""
    return sorted(one.node_id for one in family.members if one.kind == 0 and one.evidence > 0)[:MOST_RECORDS]


def _by_name(view: View) -> tuple[str, str, str]:
    return (view.source, view.entity, view.key)


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
