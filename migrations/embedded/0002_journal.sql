-- The service's own tables; tools cannot read them.

-- Every event of every call. Clustered by call: a call is read back as one run of pages.
CREATE TABLE call_events (
    call_id TEXT    NOT NULL,
    seq     INTEGER NOT NULL,                    -- rises by one per call, from 1
    at      TEXT    NOT NULL,                    -- RFC 3339, UTC
    kind    TEXT    NOT NULL,
    body    TEXT    NOT NULL,                    -- the whole event as one JSON object
    PRIMARY KEY (call_id, seq)
) WITHOUT ROWID;

-- What the service remembers about the database itself, such as that the demo rows were filled in.
CREATE TABLE service_meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
