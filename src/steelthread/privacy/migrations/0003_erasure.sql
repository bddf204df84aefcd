-- Who must never come back unasked: keyed hashes (HMAC under a pepper of the keyring) of every identifier, record and
-- universal ID of whoever was erased. It outlives the person's data and tells nobody who it was.
create table privacy.tombstone (
    token bytea primary key,
    request_id uuid not null,
    at timestamptz not null
);

-- Erasures: what was done, and the data keys that are still to be destroyed when one was cut off.
create table privacy.erasure (
    request_id uuid primary key,
    at timestamptz not null,
    finished_at timestamptz,
    subjects bigint[] not null default '{}',
    told jsonb not null default '{}'
);

-- How many messages and records the fence dropped or stripped.
create table privacy.fence (
    name text primary key,
    total bigint not null
);
