-- What the businesses have written down for their callers, cut into passages that can be searched; tools reach them
-- only through the search.

CREATE TABLE documents (
    id              TEXT NOT NULL PRIMARY KEY,
    business_id     TEXT,                            -- null: of the house, found by the callers of every business
    title           TEXT NOT NULL,
    content_hash    TEXT NOT NULL,                   -- SHA-256 of what the chunks were made of
    metadata        TEXT NOT NULL DEFAULT '{}',      -- JSON, given back with each result
    status          TEXT NOT NULL CHECK (status IN ('ingesting', 'ready', 'failed')),
    version         INTEGER,                         -- that of the chunks that are found; null: there are none yet
    newest_version  INTEGER NOT NULL DEFAULT 0,      -- that of the ingest that was begun last
    embedding_model TEXT,                            -- what the embeddings of the found chunks were made with
    chunk_count     INTEGER NOT NULL DEFAULT 0,      -- how many are found
    ingested_chunks INTEGER NOT NULL DEFAULT 0,      -- how far the newest ingest is
    expected_chunks INTEGER NOT NULL DEFAULT 0,
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL
);
CREATE INDEX documents_by_content ON documents (content_hash);

CREATE TABLE document_chunks (
    chunk       INTEGER NOT NULL PRIMARY KEY,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL,
    no          INTEGER NOT NULL,                    -- its place in the document, from 0
    heading     TEXT NOT NULL,                       -- the title, and the headings it stands under
    content     TEXT NOT NULL,
    embedding   BLOB,                                -- f32, little endian, of length 1
    UNIQUE (document_id, version, no)
);

CREATE VIRTUAL TABLE document_chunks_search USING fts5 (
    heading, content,
    content = 'document_chunks', content_rowid = 'chunk',
    tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER document_chunks_are_searched AFTER INSERT ON document_chunks BEGIN
    INSERT INTO document_chunks_search (rowid, heading, content) VALUES (new.chunk, new.heading, new.content);
END;
CREATE TRIGGER document_chunks_are_no_longer_searched AFTER DELETE ON document_chunks BEGIN
    INSERT INTO document_chunks_search (document_chunks_search, rowid, heading, content)
    VALUES ('delete', old.chunk, old.heading, old.content);
END;

-- Embeddings by what they were made of, so that nothing is paid for twice; the oldest leave when it is full.
CREATE TABLE embedding_cache (
    entry     INTEGER NOT NULL PRIMARY KEY,
    model     TEXT NOT NULL,
    hash      BLOB NOT NULL,                         -- SHA-256 of the text
    embedding BLOB NOT NULL,
    UNIQUE (model, hash)
);
