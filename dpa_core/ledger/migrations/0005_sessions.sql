-- Sign-ins, by the SHA-256 of the secret in the browser's cookie. Times are in UTC.
CREATE TABLE sessions (
    id VARCHAR PRIMARY KEY,
    person_id VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    issuer VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    browser VARCHAR NOT NULL,
    id_token VARCHAR,
    began TIMESTAMP NOT NULL,
    ends TIMESTAMP NOT NULL,
    ended TIMESTAMP
);
