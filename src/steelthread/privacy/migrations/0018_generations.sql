-- Which tombstones there are is told by a name that is given once. The number of a transaction was one within one server: in a
-- copy of the database elsewhere it may be given again, and what waits to be folded in says under which it was let in.
alter table privacy.tombstone_generation drop column xid;
alter table privacy.tombstone_generation add column generation uuid not null default gen_random_uuid();

create or replace function privacy.note_tombstones() returns trigger language plpgsql as $$
begin
    update privacy.tombstone_generation set generation = gen_random_uuid();
    return null;
end $$;
