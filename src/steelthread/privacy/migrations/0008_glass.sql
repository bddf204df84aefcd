-- Broken glass: somebody reads for a purpose that was closed to them, for a while and with a reason that names nobody;
-- listed until the privacy officer has looked at it.
create table privacy.glass (
    glass_id int generated always as identity primary key,
    principal text not null,         -- key 3, operator ann
    purpose text not null,
    reason text not null,
    opened_at timestamptz not null,
    until timestamptz not null,
    reviewed_at timestamptz,
    reviewed_by text not null default '',
    verdict text not null default ''
);
create index glass_open on privacy.glass (principal, until);
