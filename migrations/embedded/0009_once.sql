-- What must be done once though it is asked for several times: who asked for what, and what was answered. A row without an
-- answer is under way, or was when the process ended.

-- Tools cannot read it.
CREATE TABLE once_answers (
    scope    TEXT    NOT NULL,                   -- what kind of thing is done
    key      TEXT    NOT NULL,                   -- SHA-256 of the key it was asked with
    what     TEXT    NOT NULL,                   -- SHA-256 of what was asked for
    answer   TEXT,                               -- JSON
    begun_at INTEGER NOT NULL,                   -- milliseconds since 1970, UTC
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX once_answers_by_age ON once_answers (scope, begun_at);
