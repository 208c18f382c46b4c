-- Memory beyond the life files: every memory's words for search, its vectors, and whole what was condensed away;
-- the chronicle of lives, versions of self pages, and what was said lately. A living life's file is the truth of its
-- working set; its rows here are an index of it, mended at each start.
CREATE TABLE memories (
    key         INTEGER PRIMARY KEY,
    life        INTEGER NOT NULL CHECK (life > 0),
    id          INTEGER NOT NULL CHECK (id > 0),
    at          TEXT NOT NULL,
    kind        TEXT NOT NULL,
    importance  INTEGER NOT NULL CHECK (importance BETWEEN 1 AND 10),
    text        TEXT NOT NULL,
    sources     TEXT NOT NULL CHECK (json_valid(sources)),
    origin      TEXT CHECK (origin IS NULL OR json_valid(origin)),
    archived_at TEXT,     -- NULL: it is still in the life's file
    folded_into INTEGER,  -- the summary that took its place there
    UNIQUE (life, id)
) STRICT;

CREATE VIRTUAL TABLE memory_words USING fts5 (
    text, content = 'memories', content_rowid = 'key', tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE TRIGGER memories_said AFTER INSERT ON memories
BEGIN INSERT INTO memory_words (rowid, text) VALUES (new.key, new.text); END;

CREATE TRIGGER memories_unsaid AFTER DELETE ON memories
BEGIN INSERT INTO memory_words (memory_words, rowid, text) VALUES ('delete', old.key, old.text); END;

CREATE TRIGGER memories_resaid AFTER UPDATE OF text ON memories
BEGIN
    INSERT INTO memory_words (memory_words, rowid, text) VALUES ('delete', old.key, old.text);
    INSERT INTO memory_words (rowid, text) VALUES (new.key, new.text);
END;

CREATE TABLE memory_vectors (
    key    INTEGER NOT NULL REFERENCES memories (key) ON DELETE CASCADE,
    model  TEXT NOT NULL,
    vector BLOB NOT NULL,  -- float32, little-endian, length 1
    PRIMARY KEY (key, model)
) STRICT;

CREATE TABLE lives (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    name   TEXT NOT NULL,
    state  TEXT NOT NULL CHECK (state IN ('alive', 'dying', 'dead')),
    data   TEXT NOT NULL CHECK (json_valid(data))
) STRICT;

CREATE TABLE self_pages (
    life    INTEGER NOT NULL,
    version INTEGER NOT NULL,
    at      TEXT NOT NULL,
    reason  TEXT NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (life, version)
) STRICT;

CREATE TABLE sayings (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind   TEXT NOT NULL,
    at     TEXT NOT NULL,
    text   TEXT NOT NULL,
    model  TEXT,
    vector BLOB
) STRICT;

CREATE INDEX sayings_by_kind ON sayings (kind, id);
