-- What people did at the door: sign-ins, roles given and taken, refused attempts, files handed over. No part of
-- any ledger and in no chain: lines are removed when they are old. `who` is a person's identifier, or what was
-- claimed where nobody is known; `whom` another person that it was about. `about` is JSON. Times are in UTC.
CREATE SEQUENCE access_log_numbers;
CREATE TABLE access_log (
    number BIGINT NOT NULL,
    happened TIMESTAMP NOT NULL,
    kind VARCHAR NOT NULL,
    who VARCHAR NOT NULL,
    whom VARCHAR,
    customer_id VARCHAR,
    session_id VARCHAR,
    came_from VARCHAR,
    about VARCHAR NOT NULL,
    more INTEGER NOT NULL
);
