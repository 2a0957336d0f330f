-- Imports: the file, how far a job is with it, and the report.

CREATE TABLE imports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL,
    format text NOT NULL,
    status text NOT NULL CHECK (status IN ('receiving', 'checking', 'checked', 'importing', 'done', 'failed')),
    size bigint NOT NULL DEFAULT 0,
    total bigint,
    -- Items of the file that are done. A job that goes on passes over them.
    read bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL DEFAULT 0,
    existing bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    notes bigint NOT NULL DEFAULT 0,
    restores boolean NOT NULL DEFAULT false,
    preview json NOT NULL DEFAULT '[]',
    error text,
    created_at timestamptz NOT NULL,
    finished_at timestamptz
);

-- Imports that are not over: few.
CREATE INDEX imports_open ON imports (id) WHERE status NOT IN ('done', 'failed');

-- The file of an import that is not over, in parts of the same size.
CREATE TABLE import_parts (
    import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
    part integer NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (import_id, part)
);

-- A file of text is compressed once at most: on its way.
ALTER TABLE import_parts ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- What could not be kept, by line.
CREATE TABLE import_notes (
    import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
    number bigint NOT NULL,
    line bigint NOT NULL,
    title text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('changed', 'skipped')),
    text text NOT NULL,
    PRIMARY KEY (import_id, number)
);
