-- What somebody should look at: unusual volumes, contracts and source files that cannot be read. No values of events.
create table intake.alert (
    alert_id bigint generated always as identity primary key,
    source_id int not null references intake.source,
    kind text not null,
    event text not null,             -- empty for the whole source
    said text not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    ended_at timestamptz
);
create unique index on intake.alert (source_id, kind, event) where ended_at is null;
