-- The mind's own database: what happened (events), what is due (schedule), what people asked for (commands).
CREATE TABLE events (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    at   TEXT NOT NULL,
    kind TEXT NOT NULL,
    life INTEGER,
    beat INTEGER,
    data TEXT NOT NULL CHECK (json_valid(data))
) STRICT;

CREATE INDEX events_by_kind ON events (kind, seq);

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'an event never changes'); END;

CREATE TABLE schedule (
    name TEXT PRIMARY KEY,
    data TEXT NOT NULL CHECK (json_valid(data))
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          TEXT NOT NULL,
    kind        TEXT NOT NULL,
    data        TEXT NOT NULL CHECK (json_valid(data)),
    finished_at TEXT,
    ok          INTEGER,
    result      TEXT
) STRICT;

CREATE INDEX commands_waiting ON commands (id) WHERE finished_at IS NULL;
