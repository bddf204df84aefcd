-- Money of two currencies is no sum: what an owner's events come to is kept per currency ('' for events without money).
truncate profiles.tally;
alter table profiles.tally alter column currency set default '', alter column currency set not null;
alter table profiles.tally drop constraint tally_pkey, add primary key (owner, entity_id, currency);
insert into profiles.tally
select v.owner, v.entity_id, count(*), sum(coalesce(v.amount, l.amount)),
    case when coalesce(v.amount, l.amount) is null then '' else coalesce(v.currency, l.currency, '') end, min(v.at), max(v.at)
from profiles.event v left join lateral (
    select sum(amount) as amount, max(currency) as currency from profiles.event c where c.parent_id = v.record_id
) l on true
where v.owner is not null and v.parent_id is null group by 1, 2, 5;
