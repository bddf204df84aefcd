-- For which purposes a key may read about people; one made before has none, and reads nobody.
alter table api.key add column purposes text[] not null default '{}';
