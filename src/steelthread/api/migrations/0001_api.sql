create schema api;

-- Bearer keys: only the hash of the secret is kept.
create table api.key (
    key_id int generated always as identity primary key,
    secret_hash bytea not null unique,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);
