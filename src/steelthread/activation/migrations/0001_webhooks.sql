create schema activation;

-- Who is told of changes by signed webhooks. The address and the signing secrets are sealed under a data key of their own.
create table activation.webhook (
    webhook_id int generated always as identity primary key,
    name text not null unique,
    types text[] not null,
    subject bigint not null,
    sealed bytea not null,           -- [url, [[secret, until]]]
    delivered bigint not null default 0,
    disabled_at timestamptz,         -- the receiver said that it is gone
    created_at timestamptz not null default now()
);

-- What is to be delivered, and what could not be: delivered ones go.
create table activation.delivery (
    delivery_id bigint generated always as identity primary key,
    webhook_id int not null references activation.webhook on delete cascade,
    message text not null unique,    -- `webhook-id`: the same at each attempt, so that a receiver can tell it comes again
    body bytea not null,             -- pseudonymous: CloudEvents of profiles
    events int not null,
    queued_at timestamptz not null default now(),
    attempts int not null default 0,
    next_at timestamptz default now(),   -- null: dead
    last text not null default ''    -- what the last attempt met: a status, or the kind of error
);
create index on activation.delivery (next_at) where next_at is not null;
create index on activation.delivery (webhook_id);
