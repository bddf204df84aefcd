-- What each run of matching did: quality is told against the run before.
create table identity.run (
    run_id bigint generated always as identity primary key,
    at timestamptz not null,
    model text not null,
    records int not null,
    pairs bigint not null,
    added int not null,
    closed int not null,
    before int not null,
    after int not null,
    merged int not null,
    split int not null
);
