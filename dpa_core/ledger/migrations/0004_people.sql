-- Who people are, beside the ledgers, whose entries name them by an identifier. An address or a name that
-- changes gets a row of its own, so that the past reads as it did.
-- `writes` counts what was written of a person here: two who write of one at once meet there.
CREATE TABLE people (
    id VARCHAR PRIMARY KEY,
    ledger VARCHAR NOT NULL,
    writes INTEGER NOT NULL
);
CREATE TABLE person_names (
    person_id VARCHAR NOT NULL,
    since TIMESTAMP NOT NULL,
    address VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    corrected_by VARCHAR -- whose word the name is; none where it is the identity provider's
);
CREATE INDEX person_names_by_person ON person_names (person_id);
CREATE TABLE addresses (
    address VARCHAR PRIMARY KEY,
    person_id VARCHAR NOT NULL
);
-- The accounts by which people sign in. One that waits for somebody's word opens nothing.
CREATE TABLE accounts (
    issuer VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    person_id VARCHAR NOT NULL,
    address VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    since TIMESTAMP NOT NULL,
    decided_by VARCHAR,
    PRIMARY KEY (issuer, subject)
);
