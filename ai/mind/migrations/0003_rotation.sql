-- Who thought when (for "no model again until ten different ones were used"), and how models turned out.
CREATE TABLE rotation_uses (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      TEXT NOT NULL,
    model   TEXT NOT NULL,
    life    INTEGER,
    beat    INTEGER
) STRICT;

-- Answers counted with a memory that fades; `good` ones could be read and said something new.
CREATE TABLE rotation_observed (
    model   TEXT NOT NULL PRIMARY KEY,
    answers REAL NOT NULL CHECK (answers >= 0),
    good    REAL NOT NULL CHECK (good BETWEEN 0 AND answers)
) STRICT, WITHOUT ROWID;
