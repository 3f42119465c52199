-- Open tasks as codes and parameters, in place of finished sentences: the words come with the reader. The rows
-- follow from the ledgers; a store that comes from an older version is filled anew before it is used.
DROP TABLE matters;
CREATE TABLE tasks (
    customer_id VARCHAR NOT NULL,
    customer_name VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    about VARCHAR NOT NULL,
    step VARCHAR NOT NULL,
    parameters VARCHAR NOT NULL,
    waits_for VARCHAR,
    clause VARCHAR NOT NULL,
    due TIMESTAMP,
    begins TIMESTAMP,
    ends TIMESTAMP,
    opened_at TIMESTAMP,
    opened_by VARCHAR,
    entry BIGINT
);
CREATE INDEX tasks_by_customer ON tasks (customer_id);
