-- Evidence in sum (docs/decisions/0003): model links stand in the ledger beside the rules, between two records.
-- `levels` and `steps` are the waterfall: the level that held per question of the model, and its part of the weight.
alter table identity.link
    alter column weight type double precision,
    add column levels smallint[],
    add column steps double precision[];
create index link_model on identity.link (a) where closed_at is null and strength = 1000;

-- The part that must and rule links form, where a person is of several: empty when it is the whole person.
alter table identity.node add column atom_id bigint;
create index node_atom on identity.node (atom_id) where atom_id is not null;

-- Model versions. What a model knows of names and contacts is sealed; thresholds are mean weights (log2 odds).
create table identity.model (
    number bigint generated always as identity primary key,
    version text not null unique,
    subject bigint not null,
    sealed bytea not null,
    labels jsonb not null,                  -- questions and their answers in words: no value of anybody
    exact double precision not null,
    strict double precision not null,
    loose double precision not null,
    confidence text not null,               -- which of them joins people
    learned_at timestamptz not null,
    used_at timestamptz not null            -- the latest is in force
);

-- Which version of a record the model has seen, and the keyed hashes by which others like it are found.
create table identity.judged (
    record_id bigint primary key,
    digest bytea not null,
    keys bigint[] not null
);
create index judged_keys on identity.judged using gin (keys) with (fastupdate = off);
