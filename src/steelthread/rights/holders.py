"""Who holds what: every table and column of the database, what it is, and by what a person's rows are found.

Erasure and access go through this list and nothing else. A table or column that is not in it fails a test
(tests/rights/test_holders.py): whoever adds one says here what it holds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg

from steelthread.store import Byteas, Int8s, Uuids

Connection = psycopg.Connection[Any]
By = Literal["records", "rejects", "samples", "nodes", "hashes", "individuals", "clusters"]


class Reach(msgspec.Struct):
    """A person as the tables know them."""

    records: list[int] = []
    rejects: list[int] = []
    samples: list[int] = []
    nodes: list[int] = []
    hashes: list[bytes] = []
    individuals: list[UUID] = []
    clusters: list[int] = []


class Holder(msgspec.Struct, frozen=True):
    """A table. `by` tells which columns find a person's rows; without it the table holds nothing of a person."""

    table: str
    what: str
    columns: str
    by: Mapping[str, By] = {}
    condition: str = ""
    """What finds a person's rows, where the columns alone would not let an index do it."""
    keeps: str = ""
    """For tables that name people by tokens or numbers only: why it may stay."""

    def where(self) -> str:
        """Return the condition that finds a person's rows."""
        return self.condition or " or ".join(f"{column} = any(%({by})s)" for column, by in self.by.items())

    def erase(self, conn: Connection, reach: Reach) -> list[tuple[Any, ...]]:
        """Delete people's rows; return of each what found it: the columns of `by`."""
        return self._by(conn, f"delete from {self.table} where {self.where()} returning {', '.join(self.by)}", reach)

    def found(self, conn: Connection, reach: Reach) -> list[tuple[Any, ...]]:
        """Return of each of people's rows what finds it: the columns of `by`."""
        return self._by(conn, f"select {', '.join(self.by)} from {self.table} where {self.where()}", reach)

    def _by(self, conn: Connection, question: str, reach: Reach) -> list[tuple[Any, ...]]:
        if not any(getattr(reach, by) for by in self.by.values()):
            return []
        return conn.execute(question, _values(reach)).fetchall()

    def rows(self, conn: Connection, reach: Reach) -> list[dict[str, Any]]:
        """Return a person's rows, each value under the name of its column."""
        cursor = conn.execute(f"select * from {self.table} where {self.where()}", _values(reach))
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _values(reach: Reach) -> dict[str, Any]:
    return {
        "records": Int8s(reach.records), "rejects": Int8s(reach.rejects), "samples": Int8s(reach.samples),
        "nodes": Int8s(reach.nodes), "hashes": Byteas(reach.hashes), "individuals": Uuids(reach.individuals),
        "clusters": Int8s(reach.clusters),
    }  # fmt: skip


HOLDERS: Sequence[Holder] = (
    Holder(
        "profiles.profile", "the folded profile",
        "individual_id body records first_seen last_seen folded_at", {"individual_id": "individuals"},
    ),
    Holder("profiles.tally", "what events come to", "owner entity_id count amount currency first last", {"owner": "nodes"}),
    Holder("profiles.name_words", "keyed tokens of names, for search", "record_id tokens", {"record_id": "records"}),
    Holder(
        "profiles.event", "orders, visits, cases: when, how much, of whom",
        "record_id entity_id owner nodes parent_id at amount currency quantity uncounted", {"record_id": "records"},
    ),
    Holder("profiles.trait", "what events come to for a computed trait", "trait_id owner bucket state", {"owner": "nodes"}),
    Holder("profiles.awaiting", "lines whose order has not come", "parent record_id", {"record_id": "records"}),
    Holder(
        "intake.record", "the source records: sealed values, clear values, times",
        "record_id source_id entity_id key_hash digest row_digest observed_at changed_at loaded_at first_observed_at as_of "
        "load_id subject is_party sealed clear closed_at", {"record_id": "records"},
    ),
    Holder(
        "intake.record_version", "keyed digests of former versions", "record_id digest loaded_at", {"record_id": "records"}
    ),
    Holder(
        "intake.reject", "rows refused and values set aside, sealed",
        "reject_id source_id load_id file line column reason is_row row_hash row_digest subject sealed at replayed_at",
        {"reject_id": "rejects"},
    ),
    Holder(
        "intake.violation", "broken contracts, each with a sealed sample",
        "source_id event property reason action total first_at last_at subject sealed", {"subject": "samples"},
    ),
    Holder(
        "identity.link", "evidence that two nodes are one person",
        "a b rule strength weak weight first asserted refused opened_at closed_at actor reason levels steps", {"a": "nodes", "b": "nodes"},
        " or ".join(f"({end} = any(%(nodes)s) and closed_at is {state})" for end in "ab" for state in ("null", "not null")),
    ),
    Holder(
        "identity.decision", "what people said of pairs", "decision_id a b verdict at actor reason superseded_at part_of",
        {"a": "nodes", "b": "nodes"},
    ),
    Holder("identity.home", "keyed tokens of surname and address, for households", "record_id token", {"record_id": "records"}),
    Holder("identity.skipped", "pairs that a reviewer put aside", "a b actor at", {"a": "nodes", "b": "nodes"}),
    Holder(
        "identity.judged", "what the model has seen of a record, sealed", "record_id digest keys subject sealed",
        {"record_id": "records"},
    ),
    Holder("identity.unjudged", "records that the model has not seen yet", "record_id", {"record_id": "records"}),
    Holder(
        "identity.common_key", "keyed hashes that many records have", "key",
        keeps="Each stands on many people's records, and names none of them.",
    ),
    Holder(
        "identity.membership", "past universal IDs of nodes", "node_id individual_id valid_from valid_to recorded_at",
        {"node_id": "nodes", "individual_id": "individuals"},
    ),
    Holder("identity.alias", "former universal IDs", "individual_id node_id", {"node_id": "nodes", "individual_id": "individuals"}),
    Holder("identity.cluster", "the present universal ID", "cluster_id individual_id evidence load_id", {"cluster_id": "clusters"}),
    Holder(
        "identity.node", "identifiers and records as keyed hashes",
        "node_id kind hash birth durable cluster_id first_name suffix unique_source seen exclusive degree generic evidence since atom_id",
        {"node_id": "nodes"},
    ),
    Holder(
        "privacy.consent_event", "what was said of consent",
        "event_id node_hash scope purpose channel said occurred_at recorded_at valid_until signal source method actor brand "
        "jurisdiction notice notice_sha256 language evidence record_hash", {"node_hash": "hashes"},
    ),
    Holder(
        "privacy.consent_state", "what holds of consent", "node_hash part purpose channel verdict valid_until derived",
        {"node_hash": "hashes"},
    ),
    Holder(
        "privacy.consent_signal", "signals of consent managers, as they came",
        "node_hash signal first_at last_at sha256 content problem source recorded_at alone", {"node_hash": "hashes"},
    ),
    Holder("privacy.signal_writer", "which process wrote signals last", "one process"),
    Holder(
        "privacy.mail", "mails on their way, sealed, and for a day that they went",
        "mail_id node_hash kind made_at attempts next_at last subject sealed", {"node_hash": "hashes"},
    ),
    Holder("privacy.letter", "letters that wait to be sent, sealed", "letter_id request_id node_hash subject name language made_at sealed", {"node_hash": "hashes"}),
    Holder(
        "privacy.requester", "who asked for something, sealed", "request_id node_hash at subject sealed code code_until",
        {"node_hash": "hashes"},
    ),
    Holder(
        "privacy.request", "requests, their clocks and kinds of proof",
        "request_id kind place law manner actor received_at received_on acknowledge_on due_on extended state proofs attempts closed_at",
        keeps="evidence that the law wants kept (11 CCR 7101); it names nobody",
    ),
    Holder(
        "privacy.request_step", "the case files", "request_id number at actor what details",
        keeps="evidence that the law wants kept (11 CCR 7101); it names nobody",
    ),
    Holder(
        "privacy.hold", "legal holds", "hold_id node_hash authority placed_by placed_at until lifted_at", {"node_hash": "hashes"}
    ),
    Holder(
        "privacy.glass", "broken glasses: who read for what, and why",
        "glass_id principal purpose reason opened_at until reviewed_at reviewed_by verdict",
        keeps="the company's own people; reasons that name an address or number are refused",
    ),
    Holder("privacy.retention_run", "what retention deleted, counted", "run_id at told", keeps="counts only"),
    Holder("privacy.audit", "the audit log", "number at body signature", keeps="people are tokens; it proves what was done"),
    Holder("privacy.questions_heard", "how far a server's log was looked through for analysts' questions", "log device inode place"),
    Holder("privacy.audit_tree", "edge of the audit log's tree", "one size peaks"),
    Holder("privacy.audit_configuration", "which entry tells the configuration", "one number"),
    Holder("privacy.tombstone", "who must not come back", "token request_id at", keeps="hashes under a pepper outside the database"),
    Holder(
        "privacy.erasure", "erasures, their counts and certificates", "request_id at finished_at subjects told certificate",
        keeps="counts, numbers of keys to destroy, certificates that name nobody",
    ),
    Holder(
        "privacy.erasure_batch", "erasures of many at once", "batch_id at actor form subject swept scanned finished_at",
        keeps="it names nobody",
    ),
    Holder(
        "privacy.erasure_item", "whom a batch erases, sealed until it ends", "batch_id number state request_id case_id sealed told",
        keeps="it carries the erasure; its key is destroyed when the batch ends",
    ),
    Holder(
        "privacy.remainder", "what is left of people who were anonymised", "entity month currency total amount quantity",
        keeps="counts by month of all of them together; nothing ties a row to anybody",
    ),
    Holder(
        "privacy.destination_notice", "what destinations are told of erasures, sealed until they have settled them",
        "notice_id erasure_id case_id destination kind state made_at attempts next_at expected_at results_count receipt told subject sealed",
        keeps="it carries the erasure to destinations; its key is destroyed when they have settled it",
    ),
    Holder(
        "privacy.opendsr_request", "requests of controllers for whom data is processed, sealed until they are answered",
        "request_id controller kind regulation status received_at submitted_at expected_at results_count subject sealed",
        keeps="evidence of what was asked and done; its key is destroyed when it is answered",
    ),
    Holder("privacy.opendsr_callback", "callbacks to controllers", "callback_id request_id url status attempts next_at"),
    Holder(
        "privacy.leaving", "who is still to be taken out of the company's own tables", "token request_id at",
        keeps="tombstones; a row goes when the tables were rewritten",
    ),
    Holder("privacy.change", "what the gates of collection have to ask anew: each mark is of many, and of nobody", "xid mark"),
    Holder("privacy.tombstone_generation", "which tombstones there are, by a random name", "one generation"),
    Holder("privacy.change_listener", "until when somebody listens to changes", "one until"),
    Holder("privacy.fence", "how much the fence dropped", "name total"),
    Holder("intake.source", "sources", "source_id name priority is_unique subject mapping edition"),
    Holder("intake.entity", "names of entities", "entity_id name"),
    Holder(
        "intake.load", "loads of files and their counts",
        "load_id source_id fingerprint as_of edition snapshot started_at finished_at rows_done read accepted unchanged updated "
        "closed rejected set_aside created merged",
    ),
    Holder("intake.load_seen", "which record numbers a load showed", "load_id first_row records", keeps="numbers of rows that are gone"),
    Holder("intake.message", "keyed hashes of message ids", "name at", keeps="ids of messages; they go after their window"),
    Holder("intake.tally", "counts of live messages", "name total"),
    Holder(
        "intake.seen_word", "names of events and properties", "source_id event property types total first_at last_at"
    ),
    Holder(
        "intake.alert", "what somebody should look at: names of events, no values",
        "alert_id source_id kind event said first_at last_at ended_at",
    ),
    Holder("intake.volume", "how many of each event came by the hour", "source_id event hour total"),
    Holder("intake.write_key", "hashes of write keys", "secret_hash source_id created_at revoked_at"),
    Holder(
        "identity.run", "what runs of matching did, counted",
        "run_id at model records pairs added closed before after merged split",
    ),
    Holder(
        "identity.model", "models of matching: what is common among names and contacts, sealed",
        "number version subject sealed labels exact strict loose confidence learned_at used_at",
        keeps="frequencies of the whole, sealed; a person goes with the next model that is learned",
    ),
    Holder("identity.kind", "kinds of identifiers", "kind_id name"),
    Holder("profiles.trait_definition", "computed traits in force", "trait_id name told filled owners owners_done"),
    Holder("profiles.folding", "how profiles are folded", "one told"),
    Holder(
        "activation.webhook", "who is told of changes, sealed",
        "webhook_id name types subject sealed delivered disabled_at created_at purpose channel withheld"
    ),
    Holder(
        "activation.sending", "of whom receivers were told, or not, and under which decision",
        "sending_id webhook message at individual_id purpose allowed reason evidence policy_version", {"individual_id": "individuals"},
    ),
    Holder(
        "activation.delivery", "changes on their way to receivers", "delivery_id webhook_id message body events queued_at attempts next_at last",
        keeps="universal IDs only; delivered ones go",
    ),
    Holder("api.key", "hashes of API keys", "key_id secret_hash scopes created_at revoked_at purposes name roles attributes"),
    Holder("store.migration", "which migrations ran", "package number name checksum at"),
    Holder("log.lane", "lanes of the log", "name head turn"),
    Holder("log.partition", "partitions of the log", "partition_id lane period"),
    Holder(
        "log.chunk", "facts, sealed under their partition's key", "lane first_no last_no partition_id at body",
        keeps="numbers and universal IDs; received events go with their hour's key, which the certificate dates",
    ),
    Holder("log.reader", "how far readers came", "name lane position"),
)  # fmt: skip
"""In the order in which rows are deleted."""
