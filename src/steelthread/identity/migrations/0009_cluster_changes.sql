-- Who belongs to whom is part of what the gates of collection remember (privacy.change): they hear of nodes that join others, go,
-- or change their cluster. Of a node that stands alone nothing is noted, so it has no cluster for whoever remembers it: whoever
-- joins it has it noted, too. Plans are made while tables are young, and stay: look up by index, whatever their size.
create function identity.note_joined() returns trigger language plpgsql set enable_seqscan = off as $$
begin
    if not privacy.is_heard() then
        return null;
    end if;
    if (select count(*) from (select from touched limit 5001) few) > 5000 then
        insert into privacy.change (mark) values (null);
    else
        insert into privacy.change (mark)
            select distinct unnest(array[privacy.mark(one.cluster_id), privacy.mark(member.hash)])
            from (select cluster_id from touched group by cluster_id) one cross join lateral (
                select hash, count(*) over () as nodes from identity.node where cluster_id = one.cluster_id
            ) member
            where member.nodes > 1;
    end if;
    return null;
end $$;
create trigger note_joined after insert on identity.node
    referencing new table as touched for each statement execute function identity.note_joined();

create function identity.note_gone() returns trigger language plpgsql as $$
begin
    if not privacy.is_heard() then
        return null;
    end if;
    if (select count(*) from (select from touched limit 5001) few) > 5000 then
        insert into privacy.change (mark) values (null);
    else
        insert into privacy.change (mark)
            select privacy.mark(hash) from touched union select privacy.mark(cluster_id) from touched;
    end if;
    return null;
end $$;
create trigger note_gone after delete on identity.node
    referencing old table as touched for each statement execute function identity.note_gone();

create function identity.note_moved() returns trigger language plpgsql set enable_seqscan = off as $$
begin
    if not privacy.is_heard() then
        return null;
    end if;
    if (select count(*) from (select from identity.node where cluster_id = new.cluster_id limit 101) few) > 100 then
        insert into privacy.change (mark) values (null);
    else
        insert into privacy.change (mark)
            values (privacy.mark(old.cluster_id)), (privacy.mark(new.cluster_id)), (privacy.mark(new.hash))
            union select privacy.mark(hash) from identity.node where cluster_id = new.cluster_id;
    end if;
    return null;
end $$;
create trigger note_moved after update of cluster_id on identity.node
    for each row when (old.cluster_id is distinct from new.cluster_id) execute function identity.note_moved();
create trigger note_truncated after truncate on identity.node
    for each statement execute function privacy.note_everything();
