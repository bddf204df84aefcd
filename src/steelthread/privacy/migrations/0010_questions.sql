-- How far the server's log was looked through for what analysts asked by SQL.
create table privacy.questions_heard (
    log text primary key,            -- name of the file
    device bigint not null,
    inode bigint not null,
    place bigint not null            -- bytes that were looked through
);
