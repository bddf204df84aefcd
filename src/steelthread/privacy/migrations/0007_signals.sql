-- Signals of consent managers as they came, per node: a row as long as the signal stays the same. Evidence for what the
-- ledger says of them, and what is passed on, letter by letter.
create table privacy.consent_signal (
    node_hash bytea not null,
    signal text not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    sha256 bytea not null,
    content text not null,
    problem text not null default '',    -- why it, or a part of it, could not be read
    source text not null default '',
    recorded_at timestamptz not null,
    primary key (node_hash, signal, first_at, sha256)
);

-- Which record of a file or a webhook said it: when the record says something else, this is what it takes back.
alter table privacy.consent_event add column record_hash bytea;
create index on privacy.consent_event (record_hash) where record_hash is not null;
