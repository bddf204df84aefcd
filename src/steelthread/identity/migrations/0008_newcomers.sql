-- Newcomers are found and compared without opening their records again: what is compared of each record, as a model read
-- it, is sealed under the record's own subject.
alter table identity.judged
    add column subject bigint,
    add column sealed bytea;

-- Blocking keys that stand on so many records that they find nobody: found by each run over all records.
create table identity.common_key (
    key bigint primary key
);

-- Records of parties that are new, or changed, since a model saw them.
create table identity.unjudged (
    record_id bigint primary key
);
insert into identity.unjudged
select r.record_id from intake.record r left join identity.judged j using (record_id)
where r.is_party and r.closed_at is null and (j.digest is null or j.digest <> r.digest)
    and exists (select from identity.model);
