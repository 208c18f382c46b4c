-- What was compared with the provider's own figures, and restores whose gap is not booked yet.

CREATE TABLE reconciliations (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    period      TEXT    NOT NULL,
    mind        TEXT    NOT NULL,
    provider    INTEGER,
    booked      INTEGER NOT NULL,
    pending     INTEGER NOT NULL,
    doubtful    INTEGER NOT NULL,
    others      INTEGER NOT NULL,
    highest     INTEGER NOT NULL,
    cause       TEXT    NOT NULL,
    warn        INTEGER NOT NULL CHECK (warn IN (0, 1))
) STRICT;
CREATE INDEX reconciliations_period ON reconciliations (period, seq);

CREATE TABLE restores (
    id          TEXT    NOT NULL PRIMARY KEY,
    backup_at   INTEGER NOT NULL,
    restored_at INTEGER NOT NULL,
    booked_at   INTEGER,
    gap         INTEGER,
    CHECK ((booked_at IS NULL) = (gap IS NULL))
) STRICT;

-- Reconciliation looks at the calls of a month that ended on less than the provider's word.
CREATE INDEX calls_doubtful ON calls (period, settled_at) WHERE state IN ('refused', 'voided') OR estimated = 1;
