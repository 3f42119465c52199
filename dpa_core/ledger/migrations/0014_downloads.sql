-- Files on their way to a browser for a minute, where several servers share a store. In a store in a file they are
-- in the memory of its one server.
CREATE TABLE downloads (
    id VARCHAR PRIMARY KEY,
    session_id VARCHAR NOT NULL,
    customer_id VARCHAR,
    name VARCHAR NOT NULL,
    media_type VARCHAR NOT NULL,
    content BYTEA NOT NULL,
    offered TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
