-- Programs that spend this purse through the gateway: the keys they come with, the runs they book to, what each of them
-- spent, and requests that may be asked again. What a key or a run may spend is an account of the ledger, whose name
-- stands here; it is empty ('') where there is no cap.

CREATE TABLE keys (
    name                TEXT    NOT NULL PRIMARY KEY,
    secret_hash         TEXT    NOT NULL UNIQUE,
    budget              BIGINT CHECK (budget >= 0),
    per                 TEXT    NOT NULL CHECK (per IN ('day', 'week', 'month', 'ever')),
    times               BIGINT  NOT NULL DEFAULT 1,  -- how often a key of this name was made; each has an account of its own
    account             TEXT    NOT NULL DEFAULT '',
    model               TEXT,
    models              TEXT    NOT NULL,                               -- globs, as a JSON list
    max_call            BIGINT CHECK (max_call >= 0),
    requests_per_minute BIGINT CHECK (requests_per_minute > 0),
    created_at          BIGINT  NOT NULL,
    expires_at          BIGINT,
    revoked_at          BIGINT
);

CREATE TABLE key_topups (
    id      TEXT    NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL,
    account TEXT    NOT NULL,  -- whose level it raises
    amount  BIGINT  NOT NULL CHECK (amount > 0),
    at      BIGINT  NOT NULL
);

CREATE INDEX key_topups_of_account ON key_topups (account);

CREATE TABLE runs (
    name        TEXT    NOT NULL PRIMARY KEY,
    budget      BIGINT CHECK (budget >= 0),
    times       BIGINT  NOT NULL DEFAULT 0,  -- how often its budget was set; each time is an account of its own
    account     TEXT    NOT NULL DEFAULT '',
    created_at  BIGINT  NOT NULL
);

-- Whose call it was; both empty: the mind's own.
ALTER TABLE calls ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN run TEXT NOT NULL DEFAULT '';
CREATE INDEX calls_of_key ON calls (key, period, held_at) WHERE key <> '';
CREATE INDEX calls_of_run ON calls (run, period, held_at) WHERE run <> '';
CREATE INDEX calls_of_callers_open ON calls (key, run)
    WHERE state IN ('held', 'sent', 'unknown') AND (key <> '' OR run <> '');

-- Kept by the transaction that settles a call, so that a statement is a few rows at any number of calls.
CREATE TABLE caller_rollups (
    key               TEXT    NOT NULL,
    run               TEXT    NOT NULL,
    period            TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    calls             BIGINT  NOT NULL,
    prompt_tokens     BIGINT  NOT NULL,
    completion_tokens BIGINT  NOT NULL,
    cost              BIGINT  NOT NULL,
    PRIMARY KEY (key, run, period, model)
);
CREATE INDEX caller_rollups_of_run ON caller_rollups (run, period);

-- Requests that came with a name of their own: the same again is answered from here, for a day.
CREATE TABLE requests (
    key         TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,  -- of its body
    token       TEXT    NOT NULL,  -- of the one try that is under way
    calls       TEXT    NOT NULL,  -- the ids of its calls, as a JSON list
    at          BIGINT  NOT NULL,
    answer      BYTEA,
    PRIMARY KEY (key, name)
);
CREATE INDEX requests_by_age ON requests (at);

-- Whether a mind lived on this purse in a month, so that callers leave it its share.
ALTER TABLE months ADD COLUMN lived BIGINT  NOT NULL DEFAULT 0 CHECK (lived IN (0, 1));
