-- What people have typed and not sent yet, each person's own, beside the ledgers. Times are in UTC.
CREATE TABLE drafts (
    person_id VARCHAR NOT NULL,
    customer_id VARCHAR NOT NULL,
    form VARCHAR NOT NULL,
    content VARCHAR NOT NULL,
    saved_at TIMESTAMP NOT NULL,
    PRIMARY KEY (person_id, customer_id, form)
);
