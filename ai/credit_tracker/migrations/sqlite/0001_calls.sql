-- The purse's own records, committed in the same transactions as the ledger's transfers.

-- Months that were opened: which part of their account was granted, donated, passed on or taken back.
CREATE TABLE months (
    period      TEXT    NOT NULL PRIMARY KEY,
    granted     INTEGER NOT NULL DEFAULT 0 CHECK (granted >= 0),
    donated     INTEGER NOT NULL DEFAULT 0 CHECK (donated >= 0),
    rolled      INTEGER NOT NULL DEFAULT 0 CHECK (rolled BETWEEN 0 AND donated),
    expired     INTEGER NOT NULL DEFAULT 0 CHECK (expired >= 0),
    repaid      INTEGER NOT NULL DEFAULT 0 CHECK (repaid >= 0),
    moves       INTEGER NOT NULL DEFAULT 0,
    opened_at   INTEGER NOT NULL,
    closed_at   INTEGER
) STRICT;
CREATE INDEX months_open ON months (period) WHERE closed_at IS NULL;

-- Caps and quotas: how far each account was filled for its period.
CREATE TABLE caps (
    account     TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    unit        TEXT    NOT NULL,
    filled      INTEGER NOT NULL CHECK (filled >= 0),
    moves       INTEGER NOT NULL DEFAULT 0,
    resets_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE topups (
    id          TEXT    NOT NULL PRIMARY KEY,
    donor       TEXT    NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    at          INTEGER NOT NULL
) STRICT;

-- One row for each call, post or other expense, from its hold to its end.
CREATE TABLE calls (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    id                TEXT    NOT NULL UNIQUE,
    mind              TEXT    NOT NULL,
    life              INTEGER,
    beat              INTEGER,
    client            TEXT    NOT NULL,
    purpose           TEXT    NOT NULL,
    subject           TEXT    NOT NULL,
    remote_id         TEXT,
    state             TEXT    NOT NULL CHECK (state IN ('held', 'sent', 'unknown', 'captured', 'refused', 'voided')),
    period            TEXT    NOT NULL,
    day               TEXT    NOT NULL,
    legs              TEXT    NOT NULL,
    held              INTEGER NOT NULL CHECK (held >= 0),
    cost              INTEGER CHECK (cost >= 0),
    prompt_tokens     INTEGER,
    completion_tokens INTEGER,
    cached_tokens     INTEGER,
    reasoning_tokens  INTEGER,
    estimated         INTEGER NOT NULL DEFAULT 0 CHECK (estimated IN (0, 1)),
    corrections       INTEGER NOT NULL DEFAULT 0,
    problem           TEXT,
    held_at           INTEGER NOT NULL,
    sent_at           INTEGER,
    unknown_since     INTEGER,
    settled_at        INTEGER,
    CHECK ((state IN ('captured', 'refused', 'voided')) = (cost IS NOT NULL))
) STRICT;
CREATE INDEX calls_open ON calls (mind, seq) WHERE state IN ('held', 'sent', 'unknown');
CREATE INDEX calls_unknown ON calls (period, held) WHERE state = 'unknown';

-- Sums kept by the transaction that settles a call: each dimension adds up to what the days spent.
-- A call belongs to the day, and so to the month, that it was held in.
CREATE TABLE rollups (
    dimension         TEXT    NOT NULL CHECK (dimension IN ('model', 'purpose', 'life')),
    day               TEXT    NOT NULL,
    mind              TEXT    NOT NULL,
    key               TEXT    NOT NULL,
    calls             INTEGER NOT NULL,
    measured          INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost              INTEGER NOT NULL,
    PRIMARY KEY (dimension, day, mind, key)
) STRICT, WITHOUT ROWID;
