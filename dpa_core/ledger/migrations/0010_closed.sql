-- Requests to which nothing more can happen: they have left the folded state and follow from the ledger. Where one
-- changes all the same, a row is added, so that the past reads as it did.
CREATE TABLE closed (
    customer_id VARCHAR NOT NULL,
    shelf VARCHAR NOT NULL, -- subject and kind of item, as `assistance.requests`
    id BIGINT NOT NULL,
    closed_sequence BIGINT NOT NULL,
    content VARCHAR NOT NULL,
    PRIMARY KEY (customer_id, shelf, id, closed_sequence)
);
-- The folded state as it stood after every so many entries, so that the past need not be folded from the first.
CREATE TABLE folds (
    customer_id VARCHAR NOT NULL,
    sequence BIGINT NOT NULL,
    state VARCHAR NOT NULL,
    state_schema INTEGER NOT NULL,
    PRIMARY KEY (customer_id, sequence)
);
