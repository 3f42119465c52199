-- Names that a person got at the same moment keep their order by a number of their own.
CREATE TABLE person_names_before AS SELECT person_id, since, address, name, corrected_by FROM person_names;
DROP TABLE person_names;
CREATE TABLE person_names (
    person_id VARCHAR NOT NULL,
    since TIMESTAMP NOT NULL,
    address VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    corrected_by VARCHAR, -- whose word the name is; none where it is the identity provider's
    number INTEGER NOT NULL
);
INSERT INTO person_names (person_id, since, address, name, corrected_by, number)
    SELECT person_id, since, address, name, corrected_by,
        row_number() OVER (PARTITION BY person_id ORDER BY since) - 1 FROM person_names_before;
DROP TABLE person_names_before;
CREATE INDEX person_names_by_person ON person_names (person_id);
