"""A space: one project with its database, keyring, model and rules opened."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Self

import psycopg

from steelthread import intake
from steelthread.identity import IdentityRules, Kind, Node, Policy, keep_kind, kind_names, load_rules
from steelthread.kit import Project, Unavailable, forget_remembered
from steelthread.log import Log
from steelthread.model import Model, load_model
from steelthread.privacy import JOURNAL, is_behind
from steelthread.profiles import Folder, Names, ProfileRules, Reader, RecordKeys, load_profile_rules
from steelthread.store import Database, open_database
from steelthread.vault import Vault, open_vault

_DAY = 86_400_000_000
_LOOK_SECONDS = 0.5


class Restored(Unavailable):
    """The database was brought back from before an erasure: nobody reads it until that is done again."""


def look_up_by_key(conn: psycopg.Connection[Any], *, planned_once: bool = False) -> None:
    """Have a connection look things up by key only: it asks of few among many, which a planner takes for many.

    With `planned_once` plans know nothing of what is asked for: to look at lists of thousands of keys takes longer than they save.
    """
    switches = dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin"), "off")
    if planned_once:
        switches |= {"plan_cache_mode": "force_generic_plan", "max_parallel_workers_per_gather": "0"}
        conn.prepare_threshold = 0
    conn.execute(
        "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as switch (name, value)",
        (list(switches), list(switches.values())),
    )


class Space:
    """Everything that a command, a request or a worker needs of a project."""

    def __init__(self, project: Project, database: Database | None = None, *, gated: bool = True) -> None:
        """Without `gated` a restored database opens, to have its people erased again; else it is Restored."""
        self.project = project
        self.vault: Vault = open_vault(project.keyring, project.settings.keyring.root_key)
        self.database = database or open_database(project)
        self.model: Model = load_model(project.folder / "model", special=project.settings.project.special_attributes)
        self.rules: IdentityRules = load_rules(project.folder / "identity.yaml")
        zone = project.settings.project.time_zone
        self.profile_rules: ProfileRules = load_profile_rules(project.folder / "profile.yaml", self.model, zone)
        self.log = Log(self.vault)
        self.names = Names()
        self.keys = RecordKeys(self.vault)
        self.matching: dict[str, Any] = {}
        """The matching model in force by its version, opened: one of a million people takes a second to read."""
        self._closing = threading.Event()
        self._kinds: dict[int, Kind] = {}
        self._node_kinds: dict[int, Kind] = {}
        self._stored_kinds: set[str] = set()
        self._entities: dict[str, int] = {}
        self._lineless: dict[int, bool] = {}
        if gated and self._is_behind():
            self.close()
            raise Restored(
                "This database is one of before: it does not know of people who were erased since. Any command of steelthread "
                "erases them again first."
            )

    def _is_behind(self) -> bool:
        if not (self.project.data / JOURNAL).exists():
            return False
        with self.database.connect() as conn:
            if not is_behind(conn, self.project.data):
                return False
            self.log.lock(conn, "identity")  # an erasure that is under way just now writes the journal first
            return is_behind(conn, self.project.data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the database go; the embedded server stops some seconds after its last client."""
        self._closing.set()
        self.database.close()

    def forget_with_others(self) -> None:
        """Have this process forget, within a second, whoever any process erases: for those that run on and on."""
        threading.Thread(target=self._forget, args=(self._closing,), name="forgetting", daemon=True).start()

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Forget so as long as the block runs: for a process that is alone with one thread before and after it."""
        ends = threading.Event()
        thread = threading.Thread(target=self._forget, args=(ends,), name="forgetting", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ends.set()
            thread.join()

    def _forget(self, ends: threading.Event) -> None:
        while True:
            if self.vault.refresh():
                self.keys.forget()
                forget_remembered()
            if ends.wait(_LOOK_SECONDS):
                return

    def writer(self) -> psycopg.Connection[Any]:
        """Open a connection for writing batches: it looks things up by key only, whatever the statistics say yet."""
        conn = self.database.writer()
        look_up_by_key(conn)
        conn.commit()
        conn.asker = self._asker
        return conn

    def _asker(self) -> psycopg.Connection[Any]:
        conn = self.database.connect()
        conn.autocommit = True
        look_up_by_key(conn)
        return conn

    def kind(self, index: int) -> Kind:
        """Return a kind of identifier by its number; also one that there was once, and that identity.yaml has no more."""
        if index not in self._kinds:
            self._kinds = {kind.index: kind for kind in self.rules.kinds.values()}
        if index not in self._kinds:
            with self.database.connect() as own:
                self._learn(kind_names(own))
        return self._kinds[index]

    def _learn(self, stored: dict[int, str]) -> None:
        """Learn schemes seen before, and former kinds: what is kept may still name them."""
        former = {}
        for number, name in sorted(stored.items(), key=itemgetter(1)):
            if self.rules.knows(name):
                self.rules.kind(name)
            else:
                former[number] = Kind(name=name, index=number)
        self._kinds = former | {kind.index: kind for kind in self.rules.kinds.values()}

    def node_kind(self, index: int) -> Kind:
        """Return the kind of the nodes that identifiers of a kind are."""
        known = self._node_kinds.get(index)
        if known is None:
            one = self.kind(index)
            known = one if one.name not in self.rules.kinds else self.rules.kind(self.rules.node_kind(one.name))
            self._node_kinds[index] = known
        return known

    def know_kinds(self, names: Collection[str]) -> None:
        """Keep the names of kinds, and learn those of schemes seen before.

        What is new is committed at once: the caller's transaction may be rolled back, or its server be killed, and what is
        remembered here has to be there all the same.
        """
        if self._stored_kinds.issuperset(names):
            return
        with self.database.connect() as own:
            known = kind_names(own)
            self._learn(known)
            stored = set(known.values())
            for name in sorted(set(names) - stored):
                keep_kind(own, self.rules.kind(name).index, name)
        self._stored_kinds = stored.union(names)

    @property
    def generic_above(self) -> dict[int, int]:
        """Kind -> the degree above which an identifier of this kind is generic."""
        return {
            index: kind.generic_above
            for index, kind in ((kind.index, kind) for kind in self.rules.kinds.values())
            if kind.generic_above is not None
        }

    def policy(self, conflicts: Callable[[Node, Node], str | None]) -> Policy:
        """Return the constraints of the graph."""
        limits = {
            index: [(limit.count, limit.window * _DAY if limit.window else None) for limit in kind.limit]
            for index, kind in ((kind.index, kind) for kind in self.rules.kinds.values())
            if kind.limit
        }
        numbers = [self.rules.kind(f"party_id.{scheme}").index for scheme in sorted(self.rules.exclusive_schemes)]
        return Policy(limits=limits, conflicts=conflicts, weighed=numbers)

    def entities(self, names: Collection[str]) -> dict[str, int]:
        """Return the numbers of entities, remembered; a new one is committed at once, as a kind is."""
        if any(name not in self._entities for name in names):
            with self.database.connect() as own:
                numbers = intake.entity_ids(own, names)
            self._entities.update(numbers)
        return self._entities

    def has_no_lines(self, conn: psycopg.Connection[Any], entity: int) -> bool:
        """Whether an entity, by its number, is an engagement: it carries its own money, and nothing hangs below it."""
        if entity not in self._lineless:
            names = intake.entity_names(conn)
            self._lineless = {number: self.model.is_a(name, "Engagement") for number, name in names.items()}
        return self._lineless[entity]

    def folder(self, conn: psycopg.Connection[Any]) -> Folder:
        """Return what folds profiles on this connection."""
        return Folder(conn, self.model, self.profile_rules, self.keys)

    def reader(self, conn: psycopg.Connection[Any]) -> Reader:
        """Return what reads profiles on this connection."""
        country = self.project.settings.project.country
        return Reader(conn, self.vault, self.model, self.rules, self.profile_rules, country, self.names)
