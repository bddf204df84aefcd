-- The audit log: a Merkle tree (RFC 9162), one row per leaf, each with the signed head of the tree that it completes.
-- Bodies are pseudonymous JSON: the log outlives erasure.
create table privacy.audit (
    number bigint primary key,       -- from 0, without gaps
    at timestamptz not null,
    body bytea not null,
    signature bytea not null         -- Ed25519 of (size, root) after this leaf
);

-- The right edge of the tree: what is needed to append, and the lock that orders appends.
create table privacy.audit_tree (
    one boolean primary key default true check (one),
    size bigint not null,
    peaks bytea not null
);
insert into privacy.audit_tree (size, peaks) values (0, '');

create function privacy.keep_audit() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end $$;
create trigger append_only before update or delete or truncate on privacy.audit
    for each statement execute function privacy.keep_audit();

-- Which entry tells the configuration as it was noted last.
create table privacy.audit_configuration (
    one boolean primary key default true check (one),
    number bigint not null
);
