-- What lists need of each customer, beside its head and written with it: so that no list reads a folded state.
-- All of it follows from the ledgers. What depends on time is computed from these and the moment that is looked at.
CREATE TABLE facts (
    customer_id VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL,
    sort_name VARCHAR NOT NULL, -- in lower case, as it is searched and sorted by
    agreement_version VARCHAR NOT NULL,
    features_on VARCHAR NOT NULL, -- identifiers in order, with commas between
    features INTEGER NOT NULL, -- how many
    last_review TIMESTAMP
);
-- What customers have said to what the provider told them: an objection to a change (`objections`), how far
-- they have acknowledged the notices of an incident and whether they have decided on it (`incidents`).
CREATE TABLE answers (
    customer_id VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    about BIGINT NOT NULL,
    seen INTEGER NOT NULL,
    decided BOOLEAN NOT NULL,
    PRIMARY KEY (customer_id, subject, about)
);
-- Which customers were told of which incidents: by the provider's ledger, one row however many notices.
CREATE TABLE told (
    customer_id VARCHAR NOT NULL,
    incident BIGINT NOT NULL,
    own_decision BOOLEAN NOT NULL, -- the customer has to decide whom it notifies itself
    first_at TIMESTAMP NOT NULL,
    last_notice INTEGER NOT NULL,
    PRIMARY KEY (customer_id, incident)
);
