-- Whether a signal was ever seen of the node itself, or only of a login beside a browser, whose yes it then is.
alter table privacy.consent_signal add column alone boolean not null default true;

-- Under which number the state of a node was derived: as long as it is the same, nothing else was said. A row of part f
-- tells that something holds from a later moment on.
alter table privacy.consent_state add column derived bigint not null default 0;
create sequence privacy.derivation;

-- Which process wrote signals last: as long as it is the same, what it remembers of them is true.
create table privacy.signal_writer (
    one boolean primary key default true check (one),
    process uuid not null
);
insert into privacy.signal_writer (process) values (gen_random_uuid());
