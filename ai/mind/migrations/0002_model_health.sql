-- How models (and tiers and providers as a whole) have been doing, so that a cooldown survives a restart.
CREATE TABLE model_health (
    subject             TEXT PRIMARY KEY,              -- a model id, 'tier:<endpoint>/<free|paid>' or 'endpoint:<name>'
    failures            INTEGER NOT NULL DEFAULT 0,    -- in a row, since the last success
    until               TEXT,                          -- RFC 3339: not asked before; afterwards one probe
    reason              TEXT,                          -- the last failure, one line
    barred              TEXT,                          -- why it may never be paid again: it billed above its bound
    told                INTEGER NOT NULL DEFAULT 0,    -- a person has been alerted of the present trouble
    answers             INTEGER NOT NULL DEFAULT 0,    -- successes in all
    latency_seconds     REAL,                          -- smoothed
    last_answer_at      TEXT,
    last_failure_at     TEXT
) STRICT;
