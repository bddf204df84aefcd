-- Pairs that a reviewer put aside: they are not shown to that reviewer again.
create table identity.skipped (
    a bigint not null,
    b bigint not null,
    actor text not null,
    at timestamptz not null,
    primary key (a, b, actor)
);
