-- Whoever says of the two ends of a bridge that they are two people parts the links of the bridge, too: those decisions belong
-- to the one that was said, and go with it when it is taken back (docs/decisions/0023-bridges.md).
alter table identity.decision add column part_of bigint;
create index decision_part on identity.decision (part_of) where superseded_at is null and part_of is not null;
