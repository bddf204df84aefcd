-- How often a lane was locked by whoever may have changed what it speaks of: who finds the number that he left knows that nobody did.
alter table log.lane add column turn bigint not null default 0;
