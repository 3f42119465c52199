-- Which people have a role for a customer now, by the ledgers of their roles: so that nobody looks through all
-- of these. The rows follow from the ledgers; a store that comes from an older version is filled before it is used.
CREATE TABLE roles (
    customer_id VARCHAR NOT NULL,
    ledger VARCHAR NOT NULL,
    PRIMARY KEY (customer_id, ledger)
);
