-- What happened without counting: a robot's visits, and the devices that people use.
alter table profiles.event add column uncounted boolean not null default false;
