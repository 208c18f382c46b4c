-- What happened around the mind: one row a happening, and the beat that was shown it.
CREATE TABLE happenings (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        TEXT NOT NULL,
    source    TEXT NOT NULL,
    key       TEXT NOT NULL,
    text      TEXT NOT NULL,
    strangers INTEGER NOT NULL CHECK (strangers IN (0, 1)),
    shown     INTEGER,
    UNIQUE (source, key)
) STRICT;

CREATE INDEX happenings_by_time ON happenings (at);
