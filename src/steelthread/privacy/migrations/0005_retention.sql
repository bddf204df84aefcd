-- Legal holds: data that must be kept for a claim or an authority. Named by keyed hash; it goes with its person.
create table privacy.hold (
    hold_id uuid primary key,
    node_hash bytea not null,
    authority text not null,               -- who wants it kept, and on what ground
    placed_by text not null,
    placed_at timestamptz not null,
    until timestamptz not null,
    lifted_at timestamptz
);
create index on privacy.hold (node_hash) where lifted_at is null;

-- Runs of retention: what went, by rule and table.
create table privacy.retention_run (
    run_id uuid primary key,
    at timestamptz not null,
    told jsonb not null
);
