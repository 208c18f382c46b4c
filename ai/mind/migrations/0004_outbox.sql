-- The outbox: every post from the wish to its end, and every request to X that money is held for.
CREATE TABLE tweets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    text        TEXT NOT NULL,
    letters     TEXT NOT NULL, -- the text as it is compared: letters and digits, without case, width and accents
    source      TEXT NOT NULL, -- birth, action or death
    life        INTEGER,
    beat        INTEGER,
    state       TEXT NOT NULL CHECK (
        state IN ('queued', 'awaiting_approval', 'sending', 'posted', 'dry_run', 'unknown', 'refused')
    ),
    price_nanos INTEGER NOT NULL CHECK (price_nanos >= 0),
    approved    INTEGER NOT NULL DEFAULT 0 CHECK (approved IN (0, 1)),
    attempts    INTEGER NOT NULL DEFAULT 0, -- requests that left, or may have
    asked       INTEGER NOT NULL DEFAULT 0, -- how often the timeline was asked about the last of them
    doubted     INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1)), -- sent again because the timeline lacked it
    after_id    TEXT,          -- X's newest id known when it was first sent: its own must be above it
    remote_id   TEXT,
    problem     TEXT,
    created_at  TEXT NOT NULL,
    due_at      TEXT,          -- queued: not before; unknown: the timeline is not asked before; NULL: nothing is due
    sent_at     TEXT,          -- when the last request may have left
    posted_at   TEXT
) STRICT;

CREATE INDEX tweets_due ON tweets (state, due_at) WHERE state IN ('queued', 'sending', 'unknown');
CREATE INDEX tweets_letters ON tweets (letters);
CREATE INDEX tweets_sent ON tweets (sent_at) WHERE sent_at IS NOT NULL;

-- One request to X each: its id is the hold's in the purse. `fate` NULL: it is under way, or a crash cut it short.
CREATE TABLE x_calls (
    id         TEXT PRIMARY KEY,
    tweet      INTEGER NOT NULL REFERENCES tweets (id),
    kind       TEXT NOT NULL CHECK (kind IN ('post', 'read')),
    held_nanos INTEGER NOT NULL CHECK (held_nanos >= 0),
    cost_nanos INTEGER CHECK (cost_nanos >= 0),
    fate       TEXT CHECK (fate IN ('captured', 'refused', 'void', 'unknown')),
    at         TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX x_calls_of ON x_calls (tweet, kind);
CREATE INDEX x_calls_open ON x_calls (kind) WHERE fate IS NULL;

-- What X charged a read for already: the same post read twice in one UTC day is charged once.
CREATE TABLE x_reads (
    day      TEXT NOT NULL,
    resource TEXT NOT NULL,
    PRIMARY KEY (day, resource)
) STRICT, WITHOUT ROWID;
