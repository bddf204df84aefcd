-- How the stored profiles were folded: reconciliation per attribute and priority per source. Another one folds them anew.
create table profiles.folding (
    one boolean primary key default true check (one),
    told jsonb not null
);

-- Which events an identifier stands in: when it turns generic, they find another owner.
create index on profiles.event using gin (nodes);

-- What an owner's events come to, per entity: kept as they come, so that nobody reads all of a busy customer's events.
create table profiles.tally (
    owner bigint not null,
    entity_id int not null,
    count bigint not null,
    amount numeric,
    currency text,
    first timestamptz,
    last timestamptz,
    primary key (owner, entity_id)
) with (fillfactor = 75);
insert into profiles.tally
select v.owner, v.entity_id, count(*), sum(coalesce(v.amount, l.amount)), max(coalesce(v.currency, l.currency)),
    min(v.at), max(v.at)
from profiles.event v left join lateral (
    select sum(amount) as amount, max(currency) as currency from profiles.event c where c.parent_id = v.record_id
) l on true
where v.owner is not null and v.parent_id is null group by 1, 2;
