-- What is left of people who were anonymised: counts by month, of all of them together. Nothing ties a row to anybody.
create table privacy.remainder (
    entity text not null,            -- Individual for the people themselves, by the month of their first sight
    month date,
    currency text not null,          -- '' without money
    total bigint not null,
    amount numeric not null,
    quantity numeric not null,
    unique nulls not distinct (entity, month, currency)
);
