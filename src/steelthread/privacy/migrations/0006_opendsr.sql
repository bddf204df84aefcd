-- OpenDSR as controller: what destinations are told of an erasure, and what they answered.
create table privacy.destination_notice (
    notice_id uuid primary key,            -- subject_request_id: a new one per request, version 4
    erasure_id uuid not null,              -- request_id of privacy.erasure
    case_id uuid,                          -- request of the rights desk that waits for it
    destination text not null,
    kind text not null check (kind in ('erasure', 'access')),  -- access asks afterwards whether anybody is still there
    state text not null default 'waiting'
        check (state in ('waiting', 'pending', 'in_progress', 'completed', 'confirmed', 'unproven', 'contradicted', 'cancelled', 'replaced')),
    made_at timestamptz not null,
    attempts int not null default 0,
    next_at timestamptz not null,
    expected_at timestamptz,
    results_count int,
    receipt bytea,                         -- SHA-256 of the last signed answer
    told text not null default '',         -- what went wrong last, without a personal value
    subject bigint not null,               -- key under which the identifiers are sealed until it is settled
    sealed bytea                           -- null once it is settled
);
create index on privacy.destination_notice (erasure_id);
create index on privacy.destination_notice (next_at) where sealed is not null;

-- OpenDSR as processor: requests of controllers.
create table privacy.opendsr_request (
    request_id uuid primary key,           -- the controller's subject_request_id
    controller text not null,
    kind text not null check (kind in ('erasure', 'access', 'portability')),
    regulation text not null,
    status text not null default 'pending' check (status in ('pending', 'in_progress', 'completed', 'cancelled')),
    received_at timestamptz not null,
    submitted_at timestamptz not null,
    expected_at timestamptz not null,
    results_count int,
    subject bigint not null,
    sealed bytea                           -- identities and callbacks; null once it is answered
);
create index on privacy.opendsr_request (received_at) where status in ('pending', 'in_progress');

-- Callbacks that wait to be sent: no identity, the address of the controller only.
create table privacy.opendsr_callback (
    callback_id uuid primary key,
    request_id uuid not null,
    url text not null,
    status text not null,
    attempts int not null default 0,
    next_at timestamptz not null
);
create index on privacy.opendsr_callback (next_at);
