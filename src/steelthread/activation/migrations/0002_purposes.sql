-- For what a webhook tells of people, and through which channel. One without a purpose sends nothing about anybody:
-- the changes wait until a purpose is named.
alter table activation.webhook
    add column purpose text not null default '',
    add column channel text not null default '',
    add column withheld bigint not null default 0;   -- how often somebody was left out

-- The log of deliveries: of whom was told, or not, under which decision. Written before the first byte goes out.
create table activation.sending (
    sending_id bigint generated always as identity primary key,
    webhook text not null,           -- its name: the log outlives the webhook
    message text not null,
    at timestamptz not null,
    individual_id uuid not null,
    purpose text not null,
    allowed boolean not null,
    reason text not null,
    evidence uuid[] not null,        -- the statements of consent behind the decision
    policy_version text not null
);
create index on activation.sending (individual_id);
create index on activation.sending (at);
