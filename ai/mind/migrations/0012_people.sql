-- People: what they wrote and were answered, what is known of each, what they voted; and what the mind published.
CREATE TABLE letters (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    role        TEXT NOT NULL CHECK (role IN ('caretaker', 'donor', 'visitor')),
    name        TEXT NOT NULL,
    text        TEXT NOT NULL,
    at          TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('awaiting_approval', 'open', 'refused')),
    seen        INTEGER NOT NULL DEFAULT 0 CHECK (seen IN (0, 1)), -- its words stood before a mind that thought
    answer      TEXT,
    answered_at TEXT,
    life        INTEGER -- who answered
) STRICT;

CREATE INDEX letters_unseen ON letters (state, seen) WHERE seen = 0;
CREATE INDEX letters_of_visitors ON letters (role, at);

-- Until now messages stood in the journal alone, and how far they were read beside it.
INSERT INTO letters (role, name, text, at, state, seen)
SELECT
    CASE WHEN json_extract(data, '$.by') LIKE 'donor %' THEN 'donor' ELSE 'caretaker' END,
    CASE
        WHEN json_extract(data, '$.by') LIKE 'donor %' THEN substr(json_extract(data, '$.by'), 7)
        WHEN json_extract(data, '$.by') LIKE 'caretaker%' THEN 'caretaker'
        ELSE coalesce(json_extract(data, '$.by'), 'caretaker')
    END,
    coalesce(json_extract(data, '$.text'), ''),
    at,
    'open',
    seq <= coalesce((SELECT CAST(data AS INTEGER) FROM schedule WHERE name = 'mailbox_read'), 0)
FROM events WHERE kind = 'caretaker.message' ORDER BY seq;

CREATE TABLE persons (
    life INTEGER NOT NULL,
    who  TEXT NOT NULL, -- role and name as people are told apart: `visitor ines`
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    at   TEXT NOT NULL,
    PRIMARY KEY (life, who)
) STRICT;

CREATE TABLE works (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    slug   TEXT NOT NULL UNIQUE,
    life   INTEGER NOT NULL,
    author TEXT NOT NULL,
    path   TEXT NOT NULL,
    title  TEXT NOT NULL,
    text   TEXT NOT NULL,
    at     TEXT NOT NULL, -- when it was published first
    changed_at TEXT NOT NULL,
    UNIQUE (life, path)
) STRICT;

-- One round an hour; `voter` is a hash under a salt of that round, so nobody's address is kept.
CREATE TABLE votes (
    round INTEGER NOT NULL,
    voter TEXT NOT NULL,
    life  INTEGER NOT NULL,
    vote  TEXT NOT NULL CHECK (vote IN ('live', 'die')),
    PRIMARY KEY (round, voter)
) STRICT, WITHOUT ROWID;

-- What the mind wrote itself: a file whose digest stands here holds its own words.
CREATE TABLE own_files (
    path   TEXT PRIMARY KEY,
    digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
