-- New records ask of those near them whom heavy links connect, and which contacts are in doubt: three of four model links are
-- light, and few contacts are in doubt, so each has an index of its own, and what is no answer is not read. Whoever asks for a
-- record's light links goes by the index of all links. -3 is `evidence.HEAVY`: no mean joins from below.
drop index identity.link_model;
create index link_heavy on identity.link (a) where closed_at is null and strength = 1000 and weight >= -3;
create index link_heavy_to on identity.link (b) where closed_at is null and strength = 1000 and weight >= -3;
create index link_aside on identity.link (b)
    where closed_at is null and weak and strength between 1 and 999 and refused <> '';

-- Of a person the records are asked for, mostly: without the identifiers, of which there are more.
drop index identity.node_cluster_id_idx;
create index node_cluster on identity.node (cluster_id, kind);
