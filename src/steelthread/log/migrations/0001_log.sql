create schema log;

-- One row per lane: locking it orders the appends, so numbers have no gaps and no reader can skip a late commit.
create table log.lane (
    name text primary key,
    head bigint not null default 0
);

-- A partition is a (lane, day); its key lives in the keyring, so destroying the key forgets the bodies everywhere.
create table log.partition (
    partition_id int generated always as identity primary key,
    lane text not null,
    period date not null,
    unique (lane, period)
);

-- Facts of one transaction travel together: numbers first_no..last_no, body sealed under the partition's key.
create table log.chunk (
    lane text not null,
    first_no bigint not null,
    last_no bigint not null,
    partition_id int not null references log.partition,
    at timestamptz not null default now(),
    body bytea not null,
    primary key (lane, first_no)
);
create index on log.chunk (partition_id);

-- How far each named reader has come.
create table log.reader (
    name text not null,
    lane text not null,
    position bigint not null default 0,
    primary key (name, lane)
);
