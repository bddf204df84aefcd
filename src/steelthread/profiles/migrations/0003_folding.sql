-- How the stored profiles were folded: reconciliation per attribute and priority per source. Another one folds them anew.
create table profiles.folding (
    one boolean primary key default true check (one),
    told jsonb not null
);

-- Which events an identifier stands in: when it turns generic, they find another owner.
create index on profiles.event using gin (nodes);
