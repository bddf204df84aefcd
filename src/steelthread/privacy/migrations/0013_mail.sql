-- Mails on their way, and for a day those that have gone: who asks too often is told from it. Address and text are sealed.
create table privacy.mail (
    mail_id uuid primary key,
    node_hash bytea not null,        -- the address
    kind text not null,
    made_at timestamptz not null,
    attempts int not null default 0,
    next_at timestamptz,             -- null: it has gone, was given up, or was never for anybody
    last text not null default '',   -- what the last attempt met: the kind of error
    subject bigint,
    sealed bytea
);
create index on privacy.mail (node_hash, made_at);
create index on privacy.mail (next_at) where next_at is not null;
