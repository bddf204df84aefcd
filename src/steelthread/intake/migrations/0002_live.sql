-- Which live messages were folded in: tells one that comes again, for as long as the project says.
create table intake.message (
    name bytea primary key,          -- blind index of the client's message id (and source, where ids are the source's own)
    at timestamptz not null          -- when it was received
);
create index on intake.message using brin (at);

-- What became of live messages, counted.
create table intake.tally (
    name text primary key,
    total bigint not null
);

-- Write keys of live sources: several at once, so that they rotate without a gap. Only the hash of a key is kept.
create table intake.write_key (
    secret_hash bytea primary key,
    source_id int not null references intake.source,
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);
