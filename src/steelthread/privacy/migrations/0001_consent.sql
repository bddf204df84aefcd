create schema privacy;

-- The consent ledger: what somebody said, append-only, of a node's keyed hash (contact point, device, party), never of a
-- merged profile. Two times: when it was said, when we learned of it.
create table privacy.consent_event (
    event_id uuid primary key,
    node_hash bytea not null,
    scope text not null check (scope in ('contact_point', 'device', 'party')),
    purpose text not null,               -- '*': everything
    channel text not null default '',    -- '': every channel
    said text not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    valid_until timestamptz,
    signal text not null default '',
    source text not null default '',
    method text not null default '',
    actor text not null default 'self',
    brand text not null default '',
    jurisdiction text not null default '',
    notice text not null default '',
    notice_sha256 bytea,
    language text not null default '',
    evidence jsonb not null default '{}'
);
create index on privacy.consent_event (node_hash);

-- What holds now per node, purpose and channel: derived from the ledger in the same transaction, for questions about
-- everybody at once. `part` tells what a row is of: c consent, r restriction, m a minor, a an authorisation.
create table privacy.consent_state (
    node_hash bytea not null,
    part "char" not null,
    purpose text not null,
    channel text not null,
    verdict smallint not null,           -- 2 given and confirmed, 1 given, 0 ended, -1 withdrawn or refused, -2 objected
    valid_until timestamptz,
    primary key (node_hash, part, purpose, channel)
);
create index on privacy.consent_state (purpose, verdict);
