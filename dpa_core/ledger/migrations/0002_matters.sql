-- What waits for whom, by when: follows from the ledgers, written with them, read by the provider's desk.
CREATE TABLE matters (
    customer_id VARCHAR NOT NULL,
    customer_name VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    page VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    waits_for VARCHAR NOT NULL,
    next_step VARCHAR NOT NULL,
    clause VARCHAR NOT NULL,
    due TIMESTAMP,
    begins TIMESTAMP,
    ends TIMESTAMP
);
CREATE INDEX matters_by_customer ON matters (customer_id);
