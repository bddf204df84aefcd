-- Which children's parents agreed to a purpose: few rows, asked for with every question about everybody.
create index consent_state_authorised on privacy.consent_state (purpose) where part = 'a';
