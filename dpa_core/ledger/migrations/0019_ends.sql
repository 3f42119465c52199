-- What lists say of an agreement's end: nothing is on from that moment, whoever reads.
ALTER TABLE facts ADD COLUMN ends_at TIMESTAMP; -- when its last day is over; empty: no end is recorded
ALTER TABLE facts ADD COLUMN gone VARCHAR DEFAULT ''; -- data categories recorded as deleted since, as features_on
