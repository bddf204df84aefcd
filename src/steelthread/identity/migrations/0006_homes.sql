-- Households: keyed tokens of (surname, address) of a record. Who lives there is asked when it is read.
create table identity.home (
    record_id bigint not null,
    token bigint not null,
    primary key (record_id, token)
);
create index home_token on identity.home (token);
