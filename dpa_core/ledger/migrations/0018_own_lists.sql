-- What the list of sub-processors that counts for a customer depends on beside its features: the day in Stockholm on
-- which it was opened, and its objections. The rows follow from the ledgers and are made anew.
ALTER TABLE facts ADD COLUMN opened_on DATE;
ALTER TABLE facts ADD COLUMN disputes VARCHAR;
