-- Erasure and access look for what somebody asserted once: without these they read every link there is.
create index link_closed on identity.link (a) where closed_at is not null;
create index link_closed_to on identity.link (b) where closed_at is not null;
