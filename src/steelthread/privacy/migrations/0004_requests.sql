-- Requests of people, without a word of who they are: kept as evidence (11 CCR 7101: 24 months, for nothing else).
create table privacy.request (
    request_id uuid primary key,
    kind text not null,
    place text not null,
    law text not null,                     -- pack and edition under which it came in
    manner text not null,                  -- how it came: http, command line, ...
    actor text not null,                   -- self, agent, parent, household
    received_at timestamptz not null,
    received_on date not null,
    acknowledge_on date,
    due_on date not null,
    extended boolean not null default false,
    state text not null default 'open' check (state in ('open', 'paused', 'done', 'refused', 'cancelled')),
    proofs text[] not null default '{}',   -- kinds of proof, never the proof
    attempts int not null default 0,
    closed_at timestamptz
);
create index on privacy.request (due_on) where state in ('open', 'paused');

-- The case file: every step, append-only, no personal value.
create table privacy.request_step (
    request_id uuid not null,
    number int not null,
    at timestamptz not null,
    actor text not null,
    what text not null,
    details jsonb not null default '{}',
    primary key (request_id, number)
);

-- Who asks, sealed under a key of its own, which is destroyed when the request is closed and its letters are sent.
create table privacy.requester (
    request_id uuid primary key,
    node_hash bytea,                       -- null while the person is being erased on this request
    at timestamptz not null,
    subject bigint not null,
    sealed bytea not null,
    code bytea,                            -- keyed hash of the code that was sent
    code_until timestamptz
);
create index on privacy.requester (node_hash);

-- Letters that wait to be sent, sealed under the requester's key.
create table privacy.letter (
    letter_id uuid primary key,
    request_id uuid not null,
    node_hash bytea,
    subject bigint not null,
    name text not null,
    language text not null,
    made_at timestamptz not null,
    sealed bytea not null
);
