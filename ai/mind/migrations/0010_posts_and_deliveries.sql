-- A post, and apart from it its delivery to each network: state, price and the network's own id are the delivery's.
CREATE TABLE posts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    text       TEXT NOT NULL,
    letters    TEXT NOT NULL, -- the text as it is compared: letters and digits, without case, width and accents
    source     TEXT NOT NULL, -- birth, action or death
    life       INTEGER,
    beat       INTEGER,
    approved   INTEGER NOT NULL DEFAULT 0 CHECK (approved IN (0, 1)),
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    post        INTEGER NOT NULL REFERENCES posts (id),
    network     TEXT NOT NULL,
    key         TEXT NOT NULL, -- the same at every attempt, for networks that take an idempotency key
    state       TEXT NOT NULL CHECK (
        state IN ('queued', 'awaiting_approval', 'sending', 'posted', 'dry_run', 'unknown', 'refused')
    ),
    price_nanos INTEGER NOT NULL CHECK (price_nanos >= 0),
    attempts    INTEGER NOT NULL DEFAULT 0, -- requests that left, or may have
    asked       INTEGER NOT NULL DEFAULT 0, -- how often the network was asked about the last of them
    doubted     INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1)), -- sent again because the network lacked it
    after_id    TEXT,          -- the network's newest id known when it was first sent: its own must be above it
    remote_id   TEXT,
    problem     TEXT,
    due_at      TEXT,          -- queued: not before; unknown: not asked before; NULL: nothing is due
    sent_at     TEXT,          -- when the last request may have left
    posted_at   TEXT,
    UNIQUE (post, network)
) STRICT;

-- One request to a network each: its id is the hold's in the purse. `fate` NULL: under way, or a crash cut it short.
CREATE TABLE network_requests (
    id         TEXT PRIMARY KEY,
    delivery   INTEGER NOT NULL REFERENCES deliveries (id),
    kind       TEXT NOT NULL CHECK (kind IN ('post', 'read')),
    held_nanos INTEGER NOT NULL CHECK (held_nanos >= 0),
    counted    INTEGER NOT NULL CHECK (counted IN (0, 1)), -- its hold takes one of the day's posts
    cost_nanos INTEGER CHECK (cost_nanos >= 0),
    fate       TEXT CHECK (fate IN ('captured', 'refused', 'void', 'unknown')),
    at         TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a read was charged for already: the same resource read twice in one UTC day is charged once.
CREATE TABLE network_reads (
    day      TEXT NOT NULL,
    resource TEXT NOT NULL,
    PRIMARY KEY (day, resource)
) STRICT, WITHOUT ROWID;

-- Until now X was the only network: a post and its delivery have the same number.
INSERT INTO posts (id, text, letters, source, life, beat, approved, created_at)
SELECT id, text, letters, source, life, beat, approved, created_at FROM tweets;
INSERT INTO deliveries (id, post, network, key, state, price_nanos, attempts, asked, doubted, after_id, remote_id,
    problem, due_at, sent_at, posted_at)
SELECT id, id, 'x', 'post-' || id, state, price_nanos, attempts, asked, doubted, after_id, remote_id, problem, due_at,
    sent_at, posted_at
FROM tweets;
INSERT INTO network_requests (id, delivery, kind, held_nanos, counted, cost_nanos, fate, at)
SELECT id, tweet, kind, held_nanos, kind = 'post', cost_nanos, fate, at FROM x_calls;
INSERT INTO network_reads (day, resource) SELECT day, 'x/' || resource FROM x_reads;
DROP TABLE x_reads;
DROP TABLE x_calls;
DROP TABLE tweets;

CREATE INDEX posts_letters ON posts (letters);
CREATE INDEX posts_of_a_life ON posts (life, id);
CREATE INDEX deliveries_due ON deliveries (network, state, due_at) WHERE state IN ('queued', 'sending', 'unknown');
CREATE INDEX deliveries_sent ON deliveries (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX network_requests_of ON network_requests (delivery, kind);
CREATE INDEX network_requests_open ON network_requests (kind) WHERE fate IS NULL;
