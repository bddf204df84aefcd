-- Partitions begin at a moment, not on a day: received events keep theirs for an hour each.
alter table log.partition alter column period type timestamptz using period::timestamp at time zone 'UTC';
