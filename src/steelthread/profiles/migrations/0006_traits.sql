-- Computed traits in force. What they are computed of is in `told`; `filled` is the owner up to which history is counted,
-- null when all of it is.
create table profiles.trait_definition (
    trait_id int generated always as identity primary key,
    name text not null unique,
    told jsonb not null,
    filled bigint default 0,
    owners bigint not null default 0,        -- how many owners there were when filling began
    owners_done bigint not null default 0
);

-- What the events of an owner come to for a trait, per bucket of time: a sum that does not depend on order. No values of
-- direct attributes: their keyed tokens, and records that have them.
create table profiles.trait (
    trait_id int not null,
    owner bigint not null,
    bucket bigint not null,                  -- minutes since 1970 at which the bucket begins; 0 for lifetime
    state bytea not null,
    primary key (owner, trait_id, bucket)
) with (fillfactor = 75);
create index on profiles.trait (trait_id);
