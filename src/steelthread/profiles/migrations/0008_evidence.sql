-- What a node has to show no longer counts its events, which every event would change: 1 is an open record of a party, 2 that it
-- owns events. A cluster tells how many pieces that comes to.
update identity.node n set evidence = e.given from (
    select o.node_id, (r.record_id is not null)::int + 2 * (exists (select from profiles.event v where v.owner = o.node_id))::int as given
    from identity.node o left join intake.record r on r.record_id = o.node_id and r.is_party and r.closed_at is null
) e where e.node_id = n.node_id and n.evidence <> e.given;

update identity.cluster c set evidence = s.given from (
    select cluster_id, sum((evidence & 1) + (evidence >> 1))::int as given from identity.node group by 1
) s where s.cluster_id = c.cluster_id and c.evidence <> s.given;
