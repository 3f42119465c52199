CREATE TABLE events (
    customer_id VARCHAR NOT NULL,
    sequence BIGINT NOT NULL,
    recorded_at TIMESTAMP NOT NULL,
    actor VARCHAR NOT NULL,
    on_behalf_of VARCHAR NOT NULL,
    agreement_version VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    body VARCHAR NOT NULL,
    previous_digest VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    PRIMARY KEY (customer_id, sequence)
);
CREATE TABLE heads (
    customer_id VARCHAR PRIMARY KEY,
    sequence BIGINT NOT NULL,
    digest VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    state_schema INTEGER NOT NULL
);
CREATE TABLE usage_figures (
    customer_id VARCHAR NOT NULL,
    data_type VARCHAR NOT NULL,
    month_start DATE NOT NULL,
    records BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (customer_id, data_type, month_start)
);
