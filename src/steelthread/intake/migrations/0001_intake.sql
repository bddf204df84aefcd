create schema intake;

create table intake.source (
    source_id int generated always as identity primary key,
    name text not null unique,
    priority int not null default 0,
    is_unique boolean not null default false,
    subject bigint not null,         -- data key of what belongs to no person (keys of order lines, products)
    mapping bytea not null default '',   -- digest of the mapping under which it was loaded last
    edition int not null default 0       -- how often the mapping has changed: of equal times the newer mapping wins
);

create table intake.entity (
    entity_id int generated always as identity primary key,
    name text not null unique
);

-- One row per load: its as-of time is part of every fact in it; rows_done is the cursor from which it resumes.
create table intake.load (
    load_id bigint generated always as identity primary key,
    source_id int not null references intake.source,
    fingerprint bytea not null,      -- keyed digest of file and mapping: tells whether a load is the one that was cut off
    as_of timestamptz not null,
    edition int not null default 0,  -- of the mapping
    snapshot boolean not null default false,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    rows_done bigint not null default 0,
    read bigint not null default 0,
    accepted bigint not null default 0,
    unchanged bigint not null default 0,
    updated bigint not null default 0,
    closed bigint not null default 0,
    rejected bigint not null default 0,
    set_aside bigint not null default 0,
    created bigint not null default 0,
    merged bigint not null default 0
);
create index on intake.load (source_id, load_id);

-- Which records a batch of a load showed unchanged, of a snapshot all that it showed (8-byte numbers, compressed): tells
-- what has gone from a snapshot, and when a record was last shown when loads come out of order.
create table intake.load_seen (
    load_id bigint not null references intake.load,
    first_row bigint not null,
    records bytea not null,
    primary key (load_id, first_row)
);

-- The kept records: one row per (source, entity, key), current version. `sealed` is the envelope under the subject's key.
create table intake.record (
    record_id bigint primary key,
    source_id int not null,          -- no foreign keys here: a check per row would cost a tenth of a load
    entity_id int not null,
    key_hash bytea not null unique,  -- blind index of (source, entity, key)
    digest bytea not null,           -- keyed digest of the mapped content
    row_digest bytea not null,       -- keyed digest of the source row and the mapping
    observed_at timestamptz not null,
    changed_at timestamptz,          -- the change time that the row itself carries
    loaded_at timestamptz not null,  -- as-of time at which this version was first loaded
    first_observed_at timestamptz not null,
    as_of timestamptz not null,      -- as-of time of the load that wrote this version
    load_id bigint not null,
    subject bigint not null,
    is_party boolean not null,
    sealed bytea not null,
    clear jsonb not null,
    closed_at timestamptz
);
create index on intake.record (source_id, record_id);

-- Versions that are no longer, or never were, current: without content, so that a version that returns keeps its time.
create table intake.record_version (
    record_id bigint not null,
    digest bytea not null,
    loaded_at timestamptz not null,
    primary key (record_id, digest)
);

-- Rows that were refused and values that were set aside, sealed; replayed after the mapping is mended.
create table intake.reject (
    reject_id bigint generated always as identity primary key,
    source_id int not null references intake.source,
    load_id bigint not null references intake.load,
    file text not null,
    line bigint not null,
    "column" text not null,
    reason text not null,
    is_row boolean not null,
    row_hash bytea not null,
    row_digest bytea not null,       -- as in intake.record: tells whether the record still stands as this row gave it
    subject bigint not null,
    sealed bytea not null,
    at timestamptz not null default now(),
    replayed_at timestamptz,
    unique (source_id, row_hash, "column", reason)
);
