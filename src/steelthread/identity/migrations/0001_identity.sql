create schema identity;

create sequence identity.node_seq;

-- Identifier kinds by name, so that a node's kind keeps its number when identity.yaml changes.
create table identity.kind (
    kind_id smallint primary key,
    name text not null unique
);

-- Nodes: source records (kind 0) and identifiers. The value is a keyed hash; the birth never changes.
create table identity.node (
    node_id bigint primary key,
    kind smallint not null,
    hash bytea not null unique,
    birth uuid not null,
    durable boolean not null,
    cluster_id bigint not null,
    first_name bigint not null default 0,   -- keyed token of the normalised first name
    suffix text not null default '',
    unique_source int not null default 0,
    seen bigint not null default 0,         -- event time of the first sight, microseconds
    exclusive smallint not null default 0,
    degree int not null default 0,          -- distinct adjacent stronger nodes
    generic boolean not null default false,
    evidence int not null default 0,        -- open party record here, or events owned
    since timestamptz not null              -- since when it belongs to its present individual
) with (fillfactor = 80);                   -- degrees and labels change often: leave room to change them in place
create index on identity.node (cluster_id);

-- The ledger of links: closed, never deleted. `a` is the stronger node.
create table identity.link (
    a bigint not null,
    b bigint not null,
    rule text not null,
    strength smallint not null,             -- 0 must, then rules from strong to weak
    weak boolean not null,
    weight real not null default 0,
    first bigint not null,                  -- first observed event time, microseconds
    asserted int not null default 1,        -- how many records assert it now
    refused text not null default '',
    opened_at timestamptz not null,
    closed_at timestamptz,
    actor text not null default 'rule',
    reason text not null default ''
);
create unique index on identity.link (a, b, strength) where closed_at is null;
create index on identity.link (b) where closed_at is null;

-- What people said of pairs; the latest word on a pair holds.
create table identity.decision (
    decision_id bigint generated always as identity primary key,
    a bigint not null,
    b bigint not null,
    verdict text not null check (verdict in ('same', 'never', 'withdrawn')),
    at timestamptz not null,
    actor text not null,
    reason text not null,
    superseded_at timestamptz
);
create index on identity.decision (a) where superseded_at is null;
create index on identity.decision (b) where superseded_at is null;

-- The present clusters and the universal ID of each.
create table identity.cluster (
    cluster_id bigint primary key,
    individual_id uuid not null unique,
    evidence int not null,
    load_id bigint
);

-- Former universal IDs: each is the birth of a node, and answers with that node's present individual.
create table identity.alias (
    individual_id uuid primary key,
    node_id bigint not null
);
create index on identity.alias (node_id);

-- Past memberships; the present one is the node's cluster since `node.since`.
create table identity.membership (
    node_id bigint not null,
    individual_id uuid not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    recorded_at timestamptz not null default now()
);
create index on identity.membership (node_id, valid_to);
create index on identity.membership (individual_id);
