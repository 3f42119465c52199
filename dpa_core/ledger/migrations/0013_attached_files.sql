-- Attached files, by what is in them, where several servers share a store. In a store in a file they lie beside it.
CREATE TABLE attached_files (
    sha256 VARCHAR PRIMARY KEY,
    content BYTEA NOT NULL
);
