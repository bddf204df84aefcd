-- Whose rows are still to be taken out of the company's own tables (lake.yaml): tombstones of erasures and of retention.
create table privacy.leaving (
    token bytea primary key,
    request_id uuid not null,
    at timestamptz not null
);
