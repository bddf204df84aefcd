-- Lines whose order has not come yet, by the keyed hash of the order's key.
create table profiles.awaiting (
    parent bytea not null,
    record_id bigint not null,
    primary key (parent, record_id)
);
create index on profiles.awaiting (record_id);
