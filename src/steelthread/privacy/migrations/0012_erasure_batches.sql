-- Erasures of many people at once. A batch goes on where it was cut off, so whom it is about, and by which identifiers
-- everything is searched when they are gone, is kept until it ends: sealed under a key that is destroyed then.
create table privacy.erasure_batch (
    batch_id uuid primary key,
    at timestamptz not null,
    actor text not null,
    form text not null,
    subject bigint not null,
    swept boolean not null default false,   -- refused rows were looked through
    scanned jsonb,                          -- what the verification scan found, once for all
    finished_at timestamptz
);

create table privacy.erasure_item (
    batch_id uuid not null references privacy.erasure_batch on delete cascade,
    number integer not null,                -- place in the list
    state text not null,                    -- waiting, removed, done; unknown, held, invalid, same
    request_id uuid,
    case_id uuid,                           -- the request of the rights desk that it grants
    sealed bytea,
    told jsonb not null default '{}',
    primary key (batch_id, number)
);
create index erasure_item_request on privacy.erasure_item (request_id);

-- A certificate names nobody; it stays, so that it can be shown again.
alter table privacy.erasure add certificate jsonb;

create index erasure_open on privacy.erasure (request_id) where finished_at is null;
