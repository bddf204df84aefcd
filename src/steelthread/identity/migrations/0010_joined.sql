-- Who joins others has the cluster noted, and itself: what is remembered of those others by themselves stays true. Whoever stood
-- alone so far is noted, too: of her nothing was noted when she came, so she has no cluster for whoever remembers her.
create or replace function identity.note_joined() returns trigger language plpgsql set enable_seqscan = off as $$
begin
    if not privacy.is_heard() then
        return null;
    end if;
    if (select count(*) from (select from touched limit 5001) few) > 5000 then
        insert into privacy.change (mark) values (null);
    else
        insert into privacy.change (mark)
            select distinct unnest(one.marks || case when one.nodes = one.fresh + 1 then
                array(select privacy.mark(n.hash) from identity.node n where n.cluster_id = one.cluster_id)
            end)
            from (
                select cluster_id, array_agg(privacy.mark(hash)) || privacy.mark(cluster_id) as marks, count(*) as fresh,
                    (select count(*) from identity.node n where n.cluster_id = touched.cluster_id) as nodes
                from touched group by cluster_id
            ) one
            where one.nodes > 1;
    end if;
    return null;
end $$;
