-- How much evidence a cluster has changes with every record: with room on its page no index needs to know.
alter table identity.cluster set (fillfactor = 75);
