-- What the gates of collection need not ask again: whoever remembers an answer hears here that it may have become another.
-- A mark stands for many nodes, or many clusters, and so for nobody; null stands for everything. By the transaction's number a
-- reader tells what its last snapshot did not show: a sequence gives numbers before the commit, and what commits late is missed.
create table privacy.change (
    xid xid8 not null default pg_current_xact_id(),
    mark int
);
create index on privacy.change (xid);

-- Until when somebody listens: nothing is noted for nobody.
create table privacy.change_listener (
    one boolean primary key default true check (one),
    until timestamptz not null default '-infinity'
);
insert into privacy.change_listener default values;

create function privacy.mark(node_hash bytea) returns int language sql immutable parallel safe return
    (get_byte(node_hash || '\x000000', 0) << 12) | (get_byte(node_hash || '\x000000', 1) << 4)
    | (get_byte(node_hash || '\x000000', 2) >> 4);
create function privacy.mark(cluster_id bigint) returns int language sql immutable parallel safe return
    -1 - (cluster_id & 1048575)::int;

-- Whether a change is to be noted. A transaction with a snapshot of its own may have begun before somebody listened.
create function privacy.is_heard() returns boolean language plpgsql volatile as $$
begin
    return current_setting('transaction_isolation') <> 'read committed'
        or exists (select from privacy.change_listener where until > clock_timestamp());
end $$;

-- What was said of nodes.
create function privacy.note_said() returns trigger language plpgsql as $$
begin
    if not privacy.is_heard() then
        return null;
    end if;
    if (select count(*) from (select from touched limit 5001) few) > 5000 then
        insert into privacy.change (mark) values (null);
    else
        insert into privacy.change (mark) select distinct privacy.mark(node_hash) from touched;
    end if;
    return null;
end $$;
create trigger note_inserted after insert on privacy.consent_state
    referencing new table as touched for each statement execute function privacy.note_said();
create trigger note_updated after update on privacy.consent_state
    referencing new table as touched for each statement execute function privacy.note_said();
create trigger note_deleted after delete on privacy.consent_state
    referencing old table as touched for each statement execute function privacy.note_said();

-- Who was erased, or came back.
create function privacy.note_everything() returns trigger language plpgsql as $$
begin
    if privacy.is_heard() then
        insert into privacy.change (mark) values (null);
    end if;
    return null;
end $$;
create trigger note_erased after insert or update or delete or truncate on privacy.tombstone
    for each statement execute function privacy.note_everything();
create trigger note_truncated after truncate on privacy.consent_state
    for each statement execute function privacy.note_everything();
