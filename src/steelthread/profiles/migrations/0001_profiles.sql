create schema profiles;

-- Events and what hangs below them (order lines): owned by the strongest identifier of their trace.
create table profiles.event (
    record_id bigint primary key,
    entity_id int not null,
    owner bigint,                    -- node that owns the trace; null: nobody is named
    nodes bigint[] not null,         -- the trace, strongest first
    parent_id bigint,                -- record above (the order of a line)
    at timestamptz,
    amount numeric,
    currency text,
    quantity numeric
);
create index on profiles.event (owner, at desc) where owner is not null;
create index on profiles.event (parent_id) where parent_id is not null;

-- Whole-token name search: keyed token -> record.
create table profiles.name_token (
    token bigint not null,
    record_id bigint not null,
    primary key (token, record_id)
);
create index on profiles.name_token (record_id);

-- The folded profile, pseudonymous: winners by record, values only where they are not direct.
create table profiles.profile (
    individual_id uuid primary key,
    body jsonb not null,
    records int not null,
    first_seen timestamptz,
    last_seen timestamptz,
    folded_at timestamptz not null default now()
);
