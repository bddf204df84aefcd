-- Which events and properties live sources sent: names only, never values. `property` is empty for the event itself.
create table intake.seen_word (
    source_id int not null references intake.source,
    event text not null,
    property text not null,
    types text[] not null,
    total bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (source_id, event, property)
);

-- What broke a contract, counted, with one sample sealed under a key of its own.
create table intake.violation (
    source_id int not null references intake.source,
    event text not null,
    property text not null,
    reason text not null,
    action text not null,
    total bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    subject bigint not null,
    sealed bytea not null,
    primary key (source_id, event, property, reason, action)
);

-- How many of each event came in each hour.
create table intake.volume (
    source_id int not null references intake.source,
    event text not null,
    hour timestamptz not null,
    total bigint not null,
    primary key (source_id, event, hour)
);
