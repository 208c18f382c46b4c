-- The purse's own records, committed in the same transactions as the ledger's transfers.

-- Months that were opened: which part of their account was granted, donated, passed on or taken back.
CREATE TABLE months (
    period      TEXT    NOT NULL PRIMARY KEY,
    granted     BIGINT  NOT NULL DEFAULT 0 CHECK (granted >= 0),
    donated     BIGINT  NOT NULL DEFAULT 0 CHECK (donated >= 0),
    rolled      BIGINT  NOT NULL DEFAULT 0 CHECK (rolled BETWEEN 0 AND donated),
    expired     BIGINT  NOT NULL DEFAULT 0 CHECK (expired >= 0),
    repaid      BIGINT  NOT NULL DEFAULT 0 CHECK (repaid >= 0),
    moves       BIGINT  NOT NULL DEFAULT 0,
    opened_at   BIGINT  NOT NULL,
    closed_at   BIGINT 
);
CREATE INDEX months_open ON months (period) WHERE closed_at IS NULL;

-- Caps and quotas: how far each account was filled for its period.
CREATE TABLE caps (
    account     TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    unit        TEXT    NOT NULL,
    filled      BIGINT  NOT NULL CHECK (filled >= 0),
    moves       BIGINT  NOT NULL DEFAULT 0,
    resets_at   BIGINT  NOT NULL
);

CREATE TABLE topups (
    id          TEXT    NOT NULL PRIMARY KEY,
    donor       TEXT    NOT NULL,
    amount      BIGINT  NOT NULL CHECK (amount > 0),
    at          BIGINT  NOT NULL
);

-- One row for each call, post or other expense, from its hold to its end.
CREATE TABLE calls (
    seq               BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                TEXT    NOT NULL UNIQUE,
    mind              TEXT    NOT NULL,
    life              BIGINT ,
    beat              BIGINT ,
    client            TEXT    NOT NULL,
    purpose           TEXT    NOT NULL,
    subject           TEXT    NOT NULL,
    remote_id         TEXT,
    state             TEXT    NOT NULL CHECK (state IN ('held', 'sent', 'unknown', 'captured', 'refused', 'voided')),
    period            TEXT    NOT NULL,
    day               TEXT    NOT NULL,
    legs              TEXT    NOT NULL,
    held              BIGINT  NOT NULL CHECK (held >= 0),
    cost              BIGINT  CHECK (cost >= 0),
    prompt_tokens     BIGINT ,
    completion_tokens BIGINT ,
    cached_tokens     BIGINT ,
    reasoning_tokens  BIGINT ,
    estimated         BIGINT  NOT NULL DEFAULT 0 CHECK (estimated IN (0, 1)),
    corrections       BIGINT  NOT NULL DEFAULT 0,
    problem           TEXT,
    held_at           BIGINT  NOT NULL,
    sent_at           BIGINT ,
    unknown_since     BIGINT ,
    settled_at        BIGINT ,
    CHECK ((state IN ('captured', 'refused', 'voided')) = (cost IS NOT NULL))
);
CREATE INDEX calls_open ON calls (mind, seq) WHERE state IN ('held', 'sent', 'unknown');
CREATE INDEX calls_unknown ON calls (period, held) WHERE state = 'unknown';

-- Sums kept by the transaction that settles a call: each dimension adds up to what the month spent.
CREATE TABLE rollups (
    dimension         TEXT    NOT NULL CHECK (dimension IN ('model', 'purpose', 'life')),
    day               TEXT    NOT NULL,
    period            TEXT    NOT NULL,
    mind              TEXT    NOT NULL,
    key               TEXT    NOT NULL,
    calls             BIGINT  NOT NULL,
    measured          BIGINT  NOT NULL,
    prompt_tokens     BIGINT  NOT NULL,
    completion_tokens BIGINT  NOT NULL,
    cost              BIGINT  NOT NULL,
    PRIMARY KEY (dimension, day, period, mind, key)
);
CREATE INDEX rollups_period ON rollups (period, dimension);
