-- What policies know of a key beside its scopes and purposes.
alter table api.key
    add column name text not null default '',
    add column roles text[] not null default '{}',
    add column attributes jsonb not null default '{}';
