-- Which transaction set tombstones last: whoever had none then has none as long as this stays the same, and is not asked for
-- again. A transaction's number is never given twice, so what was rolled back is not taken for what came after it.
create table privacy.tombstone_generation (
    one boolean primary key default true check (one),
    xid xid8 not null default '0'
);
insert into privacy.tombstone_generation default values;

create function privacy.note_tombstones() returns trigger language plpgsql as $$
begin
    update privacy.tombstone_generation set xid = pg_current_xact_id();
    return null;
end $$;
create trigger note_set after insert or update on privacy.tombstone
    for each statement execute function privacy.note_tombstones();
