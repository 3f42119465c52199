-- Whether the store is open: `opened` is worked into the file itself before anything else is written, `log` stands
-- in the log from its beginning, both with one token; `closed` takes their place when the store is closed.
CREATE TABLE openings (
    role VARCHAR NOT NULL,
    token VARCHAR NOT NULL
);
