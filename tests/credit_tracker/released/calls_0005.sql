BEGIN TRANSACTION;
CREATE TABLE accounts (
    id              TEXT PRIMARY KEY CHECK (id <> ''),
    unit            TEXT NOT NULL CHECK (unit <> ''),
    may_go_negative INTEGER NOT NULL CHECK (may_go_negative IN (0, 1)),
    debits_pending  INTEGER NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
    debits_posted   INTEGER NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
    credits_pending INTEGER NOT NULL DEFAULT 0 CHECK (credits_pending >= 0),
    credits_posted  INTEGER NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
    last_transfer   INTEGER NOT NULL DEFAULT 0,  -- the newest transfer that the counters hold
    CONSTRAINT no_overdraft
        CHECK (may_go_negative = 1 OR credits_posted - debits_posted - debits_pending >= 0)
) STRICT, WITHOUT ROWID;
INSERT INTO "accounts" VALUES('allowance:post','post',1,0,8,0,0,48);
INSERT INTO "accounts" VALUES('allowance:request','request',1,0,100,0,0,47);
INSERT INTO "accounts" VALUES('allowance:usd','usd',1,0,5500000000,0,0,50);
INSERT INTO "accounts" VALUES('cap:chatter:2026-W44','usd',0,0,100000000,0,560000000,42);
INSERT INTO "accounts" VALUES('day:2026-10-30','usd',0,0,425000001,0,2060000000,41);
INSERT INTO "accounts" VALUES('day:2026-11-01','usd',0,50000000,123456789,0,2000000000,62);
INSERT INTO "accounts" VALUES('donations','usd',0,0,3000000000,0,3000000000,46);
INSERT INTO "accounts" VALUES('donors','usd',1,0,1500000000,0,0,7);
INSERT INTO "accounts" VALUES('free:2026-10-30','request',0,0,1,0,50,17);
INSERT INTO "accounts" VALUES('free:2026-11-01','request',0,0,0,0,50,47);
INSERT INTO "accounts" VALUES('month:2026-10','usd',0,0,6560000000,0,6560000000,45);
INSERT INTO "accounts" VALUES('month:2026-11','usd',0,50000000,123456789,0,6500000000,64);
INSERT INTO "accounts" VALUES('overrun','usd',1,0,0,0,0,0);
INSERT INTO "accounts" VALUES('posts:genesis:2026-10-30','post',0,0,1,0,4,23);
INSERT INTO "accounts" VALUES('posts:genesis:2026-11-01','post',0,0,0,0,4,48);
INSERT INTO "accounts" VALUES('spent:2026-10','usd',0,0,60000000,0,425000001,40);
INSERT INTO "accounts" VALUES('spent:2026-11','usd',0,0,0,50000000,123456789,64);
INSERT INTO "accounts" VALUES('treasury','usd',1,0,10000000000,0,4634999999,45);
INSERT INTO "accounts" VALUES('used:post','post',0,0,0,0,1,23);
INSERT INTO "accounts" VALUES('used:request','request',0,0,0,0,1,17);
INSERT INTO "accounts" VALUES('used:usd','usd',0,0,120000000,50000000,708456790,62);
INSERT INTO "accounts" VALUES('wishes:2026-10','usd',0,0,60000000,0,500000000,35);
INSERT INTO "accounts" VALUES('wishes:2026-11','usd',0,0,0,0,500000000,49);
CREATE TABLE caller_rollups (
    key               TEXT    NOT NULL,
    run               TEXT    NOT NULL,
    period            TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    calls             INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost              INTEGER NOT NULL,
    PRIMARY KEY (key, run, period, model)
) STRICT, WITHOUT ROWID;
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
    settled_at        INTEGER, key TEXT NOT NULL DEFAULT '', run TEXT NOT NULL DEFAULT '',
    CHECK ((state IN ('captured', 'refused', 'voided')) = (cost IS NOT NULL))
) STRICT;
INSERT INTO "calls" VALUES(1,'call-1','genesis',1,1,'mind','thought','lab/model','gen-1','captured','2026-10','2026-10-30','[["money","month:2026-10","spent:2026-10",400000000],["money","day:2026-10-30","used:usd",400000000]]',400000000,250000001,100,10,0,0,0,0,NULL,1793361600000000,1793361600000000,NULL,1793361600000000,'','');
INSERT INTO "calls" VALUES(2,'call-2','genesis',1,2,'mind','thought','lab/model','gen-2','refused','2026-10','2026-10-30','[["money","month:2026-10","spent:2026-10",100000000],["free","free:2026-10-30","used:request",1],["money","day:2026-10-30","used:usd",100000000]]',100000000,0,NULL,NULL,NULL,NULL,0,0,NULL,1793361600000000,1793361600000000,NULL,1793361600000000,'','');
INSERT INTO "calls" VALUES(3,'call-3','genesis',NULL,3,'mind','post','x/post','gen-3','captured','2026-10','2026-10-30','[["money","month:2026-10","spent:2026-10",15000000],["posts","posts:genesis:2026-10-30","used:post",1],["money","day:2026-10-30","used:usd",15000000]]',15000000,15000000,300,30,0,0,0,0,NULL,1793361600000000,1793361600000000,NULL,1793361600000000,'','');
INSERT INTO "calls" VALUES(4,'call-4','genesis',1,4,'mind','social','lab/model','gen-4','captured','2026-10','2026-10-30','[["money","month:2026-10","spent:2026-10",100000000],["money","day:2026-10-30","used:usd",100000000],["money","cap:chatter:2026-W44","used:usd",100000000]]',100000000,40000000,NULL,NULL,NULL,NULL,0,1,'time-out after 60 s',1793361600000000,1793361600000000,1793361600000000,1793451600000000,'','');
INSERT INTO "calls" VALUES(5,'call-5','genesis',1,5,'mind','thought','lab/model','gen-5','captured','2026-10','2026-10-30','[["money","month:2026-10","spent:2026-10",50000000],["money","wishes:2026-10","used:usd",50000000],["money","day:2026-10-30","used:usd",50000000]]',50000000,60000000,500,50,0,0,0,0,NULL,1793361600000000,1793361600000000,NULL,1793361600000000,'','');
INSERT INTO "calls" VALUES(6,'call-6','genesis',2,6,'mind','thought','lab/model','gen-6','captured','2026-11','2026-11-01','[["money","month:2026-11","spent:2026-11",300000000],["money","day:2026-11-01","used:usd",300000000]]',300000000,123456789,600,60,0,0,0,0,NULL,1793538000000000,1793538000000000,NULL,1793538000000000,'','');
INSERT INTO "calls" VALUES(7,'call-7','genesis',1,7,'mind','thought','lab/model','gen-7','sent','2026-11','2026-11-01','[["money","month:2026-11","spent:2026-11",20000000],["money","day:2026-11-01","used:usd",20000000]]',20000000,NULL,NULL,NULL,NULL,NULL,0,0,NULL,1793538000000000,1793538000000000,NULL,NULL,'','');
INSERT INTO "calls" VALUES(8,'call-8','genesis',1,8,'mind','thought','lab/model','gen-8','unknown','2026-11','2026-11-01','[["money","month:2026-11","spent:2026-11",30000000],["money","day:2026-11-01","used:usd",30000000]]',30000000,NULL,NULL,NULL,NULL,NULL,0,0,'time-out after 60 s',1793538000000000,1793538000000000,1793538000000000,NULL,'','');
INSERT INTO "calls" VALUES(9,'call-9','genesis',1,9,'mind','thought','lab/model','gen-9','voided','2026-11','2026-11-01','[["money","month:2026-11","spent:2026-11",10],["money","day:2026-11-01","used:usd",10]]',10,0,NULL,NULL,NULL,NULL,0,0,NULL,1793538000000000,1793538000000000,NULL,1793538000000000,'','');
INSERT INTO "calls" VALUES(10,'call-10','genesis',1,10,'mind','thought','local/model','gen-10','captured','2026-11','2026-11-01','[["money","month:2026-11","spent:2026-11",0]]',0,0,1000,100,0,0,0,0,NULL,1793538000000000,1793538000000000,NULL,1793538000000000,'','');
CREATE TABLE caps (
    account     TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    unit        TEXT    NOT NULL,
    filled      INTEGER NOT NULL CHECK (filled >= 0),
    moves       INTEGER NOT NULL DEFAULT 0,
    resets_at   INTEGER NOT NULL
) STRICT;
INSERT INTO "caps" VALUES('free:2026-10-30','free requests','request',50,1,1793404800000000);
INSERT INTO "caps" VALUES('posts:genesis:2026-10-30','posts','post',4,1,1793404800000000);
INSERT INTO "caps" VALUES('wishes:2026-10','wishes','usd',500000000,2,1793491200000000);
INSERT INTO "caps" VALUES('day:2026-10-30','day','usd',2000000000,2,1793404800000000);
INSERT INTO "caps" VALUES('cap:chatter:2026-W44','chatter','usd',500000000,2,1793577600000000);
INSERT INTO "caps" VALUES('free:2026-11-01','free requests','request',50,1,1793577600000000);
INSERT INTO "caps" VALUES('posts:genesis:2026-11-01','posts','post',4,1,1793577600000000);
INSERT INTO "caps" VALUES('wishes:2026-11','wishes','usd',500000000,1,1796083200000000);
INSERT INTO "caps" VALUES('day:2026-11-01','day','usd',2000000000,1,1793577600000000);
CREATE TABLE key_topups (
    id      TEXT    NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL,
    account TEXT    NOT NULL,  -- whose level it raises
    amount  INTEGER NOT NULL CHECK (amount > 0),
    at      INTEGER NOT NULL
) STRICT;
CREATE TABLE keys (
    name                TEXT    NOT NULL PRIMARY KEY,
    secret_hash         TEXT    NOT NULL UNIQUE,
    budget              INTEGER CHECK (budget >= 0),
    per                 TEXT    NOT NULL CHECK (per IN ('day', 'week', 'month', 'ever')),
    times               INTEGER NOT NULL DEFAULT 1,  -- how often a key of this name was made; each has an account of its own
    account             TEXT    NOT NULL DEFAULT '',
    model               TEXT,
    models              TEXT    NOT NULL,                               -- globs, as a JSON list
    max_call            INTEGER CHECK (max_call >= 0),
    requests_per_minute INTEGER CHECK (requests_per_minute > 0),
    created_at          INTEGER NOT NULL,
    expires_at          INTEGER,
    revoked_at          INTEGER
) STRICT;
CREATE TABLE month_rollups (
    dimension         TEXT    NOT NULL,
    month             TEXT    NOT NULL,
    mind              TEXT    NOT NULL,
    key               TEXT    NOT NULL,
    calls             INTEGER NOT NULL,
    measured          INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost              INTEGER NOT NULL,
    PRIMARY KEY (dimension, month, mind, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "month_rollups" VALUES('life','2026-10','genesis','',1,1,300,30,15000000);
INSERT INTO "month_rollups" VALUES('life','2026-10','genesis','1',3,2,600,60,350000001);
INSERT INTO "month_rollups" VALUES('life','2026-11','genesis','1',1,1,1000,100,0);
INSERT INTO "month_rollups" VALUES('life','2026-11','genesis','2',1,1,600,60,123456789);
INSERT INTO "month_rollups" VALUES('model','2026-10','genesis','lab/model',3,2,600,60,350000001);
INSERT INTO "month_rollups" VALUES('model','2026-10','genesis','x/post',1,1,300,30,15000000);
INSERT INTO "month_rollups" VALUES('model','2026-11','genesis','lab/model',1,1,600,60,123456789);
INSERT INTO "month_rollups" VALUES('model','2026-11','genesis','local/model',1,1,1000,100,0);
INSERT INTO "month_rollups" VALUES('purpose','2026-10','genesis','post',1,1,300,30,15000000);
INSERT INTO "month_rollups" VALUES('purpose','2026-10','genesis','social',1,0,0,0,40000000);
INSERT INTO "month_rollups" VALUES('purpose','2026-10','genesis','thought',2,2,600,60,310000001);
INSERT INTO "month_rollups" VALUES('purpose','2026-11','genesis','thought',2,2,1600,160,123456789);
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
, lived INTEGER NOT NULL DEFAULT 0 CHECK (lived IN (0, 1))) STRICT;
INSERT INTO "months" VALUES('2026-10',5000000000,1500000000,1500000000,4634999999,0,4,1793361600000000,1793538000000000,0);
INSERT INTO "months" VALUES('2026-11',5000000000,1500000000,0,0,0,2,1793538000000000,NULL,0);
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
CREATE TABLE requests (
    key         TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,  -- of its body
    token       TEXT    NOT NULL,  -- of the one try that is under way
    calls       TEXT    NOT NULL,  -- the ids of its calls, as a JSON list
    at          INTEGER NOT NULL,
    answer      BLOB,
    PRIMARY KEY (key, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE reserves (
    mind        TEXT    NOT NULL,
    period      TEXT    NOT NULL,
    words       INTEGER NOT NULL CHECK (words >= 0),
    post        INTEGER NOT NULL CHECK (post >= 0),
    placed      INTEGER NOT NULL CHECK (placed >= 0),
    spent_at    INTEGER,
    PRIMARY KEY (mind, period)
) STRICT, WITHOUT ROWID;
CREATE TABLE restores (
    id          TEXT    NOT NULL PRIMARY KEY,
    backup_at   INTEGER NOT NULL,
    restored_at INTEGER NOT NULL,
    booked_at   INTEGER,
    gap         INTEGER,
    CHECK ((booked_at IS NULL) = (gap IS NULL))
) STRICT;
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
INSERT INTO "rollups" VALUES('life','2026-10-30','genesis','',1,1,300,30,15000000);
INSERT INTO "rollups" VALUES('life','2026-10-30','genesis','1',3,2,600,60,350000001);
INSERT INTO "rollups" VALUES('life','2026-11-01','genesis','1',1,1,1000,100,0);
INSERT INTO "rollups" VALUES('life','2026-11-01','genesis','2',1,1,600,60,123456789);
INSERT INTO "rollups" VALUES('model','2026-10-30','genesis','lab/model',3,2,600,60,350000001);
INSERT INTO "rollups" VALUES('model','2026-10-30','genesis','x/post',1,1,300,30,15000000);
INSERT INTO "rollups" VALUES('model','2026-11-01','genesis','lab/model',1,1,600,60,123456789);
INSERT INTO "rollups" VALUES('model','2026-11-01','genesis','local/model',1,1,1000,100,0);
INSERT INTO "rollups" VALUES('purpose','2026-10-30','genesis','post',1,1,300,30,15000000);
INSERT INTO "rollups" VALUES('purpose','2026-10-30','genesis','social',1,0,0,0,40000000);
INSERT INTO "rollups" VALUES('purpose','2026-10-30','genesis','thought',2,2,600,60,310000001);
INSERT INTO "rollups" VALUES('purpose','2026-11-01','genesis','thought',2,2,1600,160,123456789);
CREATE TABLE runs (
    name        TEXT    NOT NULL PRIMARY KEY,
    budget      INTEGER CHECK (budget >= 0),
    times       INTEGER NOT NULL DEFAULT 0,  -- how often its budget was set; each time is an account of its own
    account     TEXT    NOT NULL DEFAULT '',
    created_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE schema_versions (component TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (component, version)) STRICT, WITHOUT ROWID;
INSERT INTO "schema_versions" VALUES('calls',1);
INSERT INTO "schema_versions" VALUES('calls',2);
INSERT INTO "schema_versions" VALUES('calls',3);
INSERT INTO "schema_versions" VALUES('calls',4);
INSERT INTO "schema_versions" VALUES('calls',5);
INSERT INTO "schema_versions" VALUES('ledger',1);
INSERT INTO "schema_versions" VALUES('ledger',2);
INSERT INTO "schema_versions" VALUES('ledger',3);
INSERT INTO "schema_versions" VALUES('ledger',4);
CREATE TABLE topups (
    id          TEXT    NOT NULL PRIMARY KEY,
    donor       TEXT    NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    at          INTEGER NOT NULL
) STRICT;
INSERT INTO "topups" VALUES('gift-1','Ada',1500000000,1793361600000000);
CREATE TABLE transfers (
    seq     INTEGER PRIMARY KEY CHECK (seq > 0),  -- 1, 2, 3 … without a gap
    id      TEXT NOT NULL UNIQUE CHECK (id <> ''),
    kind    TEXT NOT NULL,
    debit   TEXT NOT NULL,                        -- the account that pays
    credit  TEXT NOT NULL,                        -- the account that is paid
    pending INTEGER NOT NULL,                     -- added to debits_pending and credits_pending
    posted  INTEGER NOT NULL,                     -- added to debits_posted and credits_posted
    hold    TEXT,                                 -- the id of the hold that a capture or a void ends
    memo    TEXT NOT NULL,
    at      INTEGER NOT NULL,                     -- microseconds since 1970, UTC
    CHECK (debit <> credit),
    CHECK (posted BETWEEN 0 AND 1000000000000000000),
    CHECK (pending BETWEEN -1000000000000000000 AND 1000000000000000000),
    CHECK (CASE kind
        WHEN 'post'    THEN hold IS NULL AND pending = 0
        WHEN 'hold'    THEN hold IS NULL AND pending >= 0 AND posted = 0
        WHEN 'capture' THEN hold IS NOT NULL AND id = hold || '/ended' AND pending <= 0 AND posted <= -pending
        WHEN 'void'    THEN hold IS NOT NULL AND id = hold || '/ended' AND pending <= 0 AND posted = 0
        ELSE 0 END)
) STRICT;
INSERT INTO "transfers" VALUES(1,'granted/2026-10/1','post','treasury','month:2026-10',0,5000000000,NULL,'granted',1793361600000000);
INSERT INTO "transfers" VALUES(2,'fill/free:2026-10-30/1','post','allowance:request','free:2026-10-30',0,50,NULL,'free requests',1793361600000000);
INSERT INTO "transfers" VALUES(3,'fill/posts:genesis:2026-10-30/1','post','allowance:post','posts:genesis:2026-10-30',0,4,NULL,'posts',1793361600000000);
INSERT INTO "transfers" VALUES(4,'fill/wishes:2026-10/1','post','allowance:usd','wishes:2026-10',0,500000000,NULL,'wishes',1793361600000000);
INSERT INTO "transfers" VALUES(5,'fill/day:2026-10-30/1','post','allowance:usd','day:2026-10-30',0,2000000000,NULL,'day',1793361600000000);
INSERT INTO "transfers" VALUES(6,'fill/cap:chatter:2026-W44/1','post','allowance:usd','cap:chatter:2026-W44',0,500000000,NULL,'chatter',1793361600000000);
INSERT INTO "transfers" VALUES(7,'topup/gift-1','post','donors','donations',0,1500000000,NULL,'Ada',1793361600000000);
INSERT INTO "transfers" VALUES(8,'donated/2026-10/2','post','donations','month:2026-10',0,1500000000,NULL,'donated',1793361600000000);
INSERT INTO "transfers" VALUES(9,'call-1/0','hold','month:2026-10','spent:2026-10',400000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(10,'call-1/1','hold','day:2026-10-30','used:usd',400000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(11,'call-1/0/ended','capture','month:2026-10','spent:2026-10',-400000000,250000001,'call-1/0','',1793361600000000);
INSERT INTO "transfers" VALUES(12,'call-1/1/ended','capture','day:2026-10-30','used:usd',-400000000,250000001,'call-1/1','',1793361600000000);
INSERT INTO "transfers" VALUES(13,'call-2/0','hold','month:2026-10','spent:2026-10',100000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(14,'call-2/1','hold','free:2026-10-30','used:request',1,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(15,'call-2/2','hold','day:2026-10-30','used:usd',100000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(16,'call-2/0/ended','capture','month:2026-10','spent:2026-10',-100000000,0,'call-2/0','',1793361600000000);
INSERT INTO "transfers" VALUES(17,'call-2/1/ended','capture','free:2026-10-30','used:request',-1,1,'call-2/1','',1793361600000000);
INSERT INTO "transfers" VALUES(18,'call-2/2/ended','capture','day:2026-10-30','used:usd',-100000000,0,'call-2/2','',1793361600000000);
INSERT INTO "transfers" VALUES(19,'call-3/0','hold','month:2026-10','spent:2026-10',15000000,0,NULL,'x/post',1793361600000000);
INSERT INTO "transfers" VALUES(20,'call-3/1','hold','posts:genesis:2026-10-30','used:post',1,0,NULL,'x/post',1793361600000000);
INSERT INTO "transfers" VALUES(21,'call-3/2','hold','day:2026-10-30','used:usd',15000000,0,NULL,'x/post',1793361600000000);
INSERT INTO "transfers" VALUES(22,'call-3/0/ended','capture','month:2026-10','spent:2026-10',-15000000,15000000,'call-3/0','',1793361600000000);
INSERT INTO "transfers" VALUES(23,'call-3/1/ended','capture','posts:genesis:2026-10-30','used:post',-1,1,'call-3/1','',1793361600000000);
INSERT INTO "transfers" VALUES(24,'call-3/2/ended','capture','day:2026-10-30','used:usd',-15000000,15000000,'call-3/2','',1793361600000000);
INSERT INTO "transfers" VALUES(25,'call-4/0','hold','month:2026-10','spent:2026-10',100000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(26,'call-4/1','hold','day:2026-10-30','used:usd',100000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(27,'call-4/2','hold','cap:chatter:2026-W44','used:usd',100000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(28,'call-5/0','hold','month:2026-10','spent:2026-10',50000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(29,'call-5/1','hold','wishes:2026-10','used:usd',50000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(30,'call-5/2','hold','day:2026-10-30','used:usd',50000000,0,NULL,'lab/model',1793361600000000);
INSERT INTO "transfers" VALUES(31,'call-5/0/ended','capture','month:2026-10','spent:2026-10',-50000000,50000000,'call-5/0','',1793361600000000);
INSERT INTO "transfers" VALUES(32,'call-5/1/ended','capture','wishes:2026-10','used:usd',-50000000,50000000,'call-5/1','',1793361600000000);
INSERT INTO "transfers" VALUES(33,'call-5/2/ended','capture','day:2026-10-30','used:usd',-50000000,50000000,'call-5/2','',1793361600000000);
INSERT INTO "transfers" VALUES(34,'charge/call-5/beyond/month:2026-10','post','month:2026-10','spent:2026-10',0,10000000,NULL,'above the hold',1793361600000000);
INSERT INTO "transfers" VALUES(35,'use/wishes:2026-10/2','post','wishes:2026-10','used:usd',0,10000000,NULL,'call-5/beyond',1793361600000000);
INSERT INTO "transfers" VALUES(36,'use/day:2026-10-30/2','post','day:2026-10-30','used:usd',0,10000000,NULL,'call-5/beyond',1793361600000000);
INSERT INTO "transfers" VALUES(37,'call-4/0/ended','capture','month:2026-10','spent:2026-10',-100000000,100000000,'call-4/0','',1793451600000000);
INSERT INTO "transfers" VALUES(38,'call-4/1/ended','capture','day:2026-10-30','used:usd',-100000000,100000000,'call-4/1','',1793451600000000);
INSERT INTO "transfers" VALUES(39,'call-4/2/ended','capture','cap:chatter:2026-W44','used:usd',-100000000,100000000,'call-4/2','',1793451600000000);
INSERT INTO "transfers" VALUES(40,'refund/call-4/correction/1/0','post','spent:2026-10','month:2026-10',0,60000000,NULL,'refund',1793451600000000);
INSERT INTO "transfers" VALUES(41,'refund/call-4/correction/1/1','post','used:usd','day:2026-10-30',0,60000000,NULL,'refund',1793451600000000);
INSERT INTO "transfers" VALUES(42,'refund/call-4/correction/1/2','post','used:usd','cap:chatter:2026-W44',0,60000000,NULL,'refund',1793451600000000);
INSERT INTO "transfers" VALUES(43,'granted/2026-11/1','post','treasury','month:2026-11',0,5000000000,NULL,'granted',1793538000000000);
INSERT INTO "transfers" VALUES(44,'rolled/2026-10/3','post','month:2026-10','donations',0,1500000000,NULL,'rolled',1793538000000000);
INSERT INTO "transfers" VALUES(45,'expired/2026-10/4','post','month:2026-10','treasury',0,4634999999,NULL,'expired',1793538000000000);
INSERT INTO "transfers" VALUES(46,'donated/2026-11/2','post','donations','month:2026-11',0,1500000000,NULL,'donated',1793538000000000);
INSERT INTO "transfers" VALUES(47,'fill/free:2026-11-01/1','post','allowance:request','free:2026-11-01',0,50,NULL,'free requests',1793538000000000);
INSERT INTO "transfers" VALUES(48,'fill/posts:genesis:2026-11-01/1','post','allowance:post','posts:genesis:2026-11-01',0,4,NULL,'posts',1793538000000000);
INSERT INTO "transfers" VALUES(49,'fill/wishes:2026-11/1','post','allowance:usd','wishes:2026-11',0,500000000,NULL,'wishes',1793538000000000);
INSERT INTO "transfers" VALUES(50,'fill/day:2026-11-01/1','post','allowance:usd','day:2026-11-01',0,2000000000,NULL,'day',1793538000000000);
INSERT INTO "transfers" VALUES(51,'call-6/0','hold','month:2026-11','spent:2026-11',300000000,0,NULL,'lab/model',1793538000000000);
INSERT INTO "transfers" VALUES(52,'call-6/1','hold','day:2026-11-01','used:usd',300000000,0,NULL,'lab/model',1793538000000000);
INSERT INTO "transfers" VALUES(53,'call-6/0/ended','capture','month:2026-11','spent:2026-11',-300000000,123456789,'call-6/0','',1793538000000000);
INSERT INTO "transfers" VALUES(54,'call-6/1/ended','capture','day:2026-11-01','used:usd',-300000000,123456789,'call-6/1','',1793538000000000);
INSERT INTO "transfers" VALUES(55,'call-7/0','hold','month:2026-11','spent:2026-11',20000000,0,NULL,'lab/model',1793538000000000);
INSERT INTO "transfers" VALUES(56,'call-7/1','hold','day:2026-11-01','used:usd',20000000,0,NULL,'lab/model',1793538000000000);
INSERT INTO "transfers" VALUES(57,'call-8/0','hold','month:2026-11','spent:2026-11',30000000,0,NULL,'lab/model',1793538000000000);
INSERT INTO "transfers" VALUES(58,'call-8/1','hold','day:2026-11-01','used:usd',30000000,0,NULL,'lab/model',1793538000000000);
INSERT INTO "transfers" VALUES(59,'call-9/0','hold','month:2026-11','spent:2026-11',10,0,NULL,'lab/model',1793538000000000);
INSERT INTO "transfers" VALUES(60,'call-9/1','hold','day:2026-11-01','used:usd',10,0,NULL,'lab/model',1793538000000000);
INSERT INTO "transfers" VALUES(61,'call-9/0/ended','void','month:2026-11','spent:2026-11',-10,0,'call-9/0','',1793538000000000);
INSERT INTO "transfers" VALUES(62,'call-9/1/ended','void','day:2026-11-01','used:usd',-10,0,'call-9/1','',1793538000000000);
INSERT INTO "transfers" VALUES(63,'call-10/0','hold','month:2026-11','spent:2026-11',0,0,NULL,'local/model',1793538000000000);
INSERT INTO "transfers" VALUES(64,'call-10/0/ended','capture','month:2026-11','spent:2026-11',0,0,'call-10/0','',1793538000000000);
CREATE TRIGGER transfers_never_change BEFORE UPDATE ON transfers
BEGIN SELECT RAISE(ABORT, 'a transfer never changes'); END;
CREATE TRIGGER transfers_are_never_deleted BEFORE DELETE ON transfers
BEGIN SELECT RAISE(ABORT, 'a transfer is never deleted'); END;
CREATE TRIGGER accounts_begin_empty BEFORE INSERT ON accounts
BEGIN
    SELECT RAISE(ABORT, 'this account exists') WHERE EXISTS (SELECT 1 FROM accounts WHERE id = NEW.id);

    SELECT RAISE(ABORT, 'an account begins empty')
    WHERE NEW.debits_pending <> 0 OR NEW.debits_posted <> 0 OR NEW.credits_pending <> 0
       OR NEW.credits_posted <> 0 OR NEW.last_transfer <> 0;
END;
CREATE TRIGGER accounts_are_never_deleted BEFORE DELETE ON accounts
BEGIN SELECT RAISE(ABORT, 'an account is never deleted'); END;
CREATE INDEX months_open ON months (period) WHERE closed_at IS NULL;
CREATE INDEX calls_open ON calls (mind, seq) WHERE state IN ('held', 'sent', 'unknown');
CREATE INDEX calls_unknown ON calls (period, held) WHERE state = 'unknown';
CREATE INDEX reconciliations_period ON reconciliations (period, seq);
CREATE INDEX calls_doubtful ON calls (period, settled_at) WHERE state IN ('refused', 'voided') OR estimated = 1;
CREATE TRIGGER transfers_are_lawful BEFORE INSERT ON transfers
BEGIN
    SELECT RAISE(ABORT, 'this transfer exists') WHERE EXISTS (SELECT 1 FROM transfers WHERE id = NEW.id);

    SELECT RAISE(ABORT, 'transfers are numbered without a gap')  -- NEW.seq is -1 where none was given
    WHERE NEW.seq > 0 AND NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM transfers);

    SELECT RAISE(ABORT, 'a capture or a void takes back exactly what its hold held')
    WHERE NEW.hold IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM transfers AS held
        WHERE held.id = NEW.hold AND held.kind = 'hold' AND held.pending = -NEW.pending
          AND held.debit = NEW.debit AND held.credit = NEW.credit);
END;
CREATE TRIGGER transfers_are_counted AFTER INSERT ON transfers
BEGIN
    UPDATE accounts
    SET debits_pending = debits_pending + NEW.pending, debits_posted = debits_posted + NEW.posted,
        last_transfer = NEW.seq
    WHERE id = NEW.debit;

    UPDATE accounts
    SET credits_pending = credits_pending + NEW.pending, credits_posted = credits_posted + NEW.posted,
        last_transfer = NEW.seq
    WHERE id = NEW.credit AND unit = (SELECT unit FROM accounts WHERE id = NEW.debit);

    SELECT RAISE(ABORT, 'both accounts must exist, in one unit') WHERE changes() <> 1;
END;
CREATE TRIGGER accounts_follow_their_transfers BEFORE UPDATE ON accounts
BEGIN
    SELECT RAISE(ABORT, 'an account changes by a transfer, and by nothing else')
    WHERE NEW.id <> OLD.id OR NEW.unit <> OLD.unit OR NEW.may_go_negative <> OLD.may_go_negative
       OR NEW.last_transfer <= OLD.last_transfer
       OR NOT EXISTS (
        SELECT 1 FROM transfers AS one
        WHERE one.seq = NEW.last_transfer AND OLD.id IN (one.debit, one.credit)
          AND NEW.debits_pending = OLD.debits_pending + iif(one.debit = OLD.id, one.pending, 0)
          AND NEW.debits_posted = OLD.debits_posted + iif(one.debit = OLD.id, one.posted, 0)
          AND NEW.credits_pending = OLD.credits_pending + iif(one.credit = OLD.id, one.pending, 0)
          AND NEW.credits_posted = OLD.credits_posted + iif(one.credit = OLD.id, one.posted, 0));

    SELECT RAISE(ABORT, 'the debited account must have the funds')
    WHERE NEW.may_go_negative = 0 AND NEW.credits_posted - NEW.debits_posted - NEW.debits_pending < 0;
END;
CREATE TRIGGER rollups_begin_in_a_month AFTER INSERT ON rollups
BEGIN
    INSERT INTO month_rollups (dimension, month, mind, key, calls, measured, prompt_tokens, completion_tokens, cost)
    VALUES (NEW.dimension, substr(NEW.day, 1, 7), NEW.mind, NEW.key, NEW.calls, NEW.measured, NEW.prompt_tokens,
        NEW.completion_tokens, NEW.cost)
    ON CONFLICT (dimension, month, mind, key) DO UPDATE SET calls = month_rollups.calls + excluded.calls,
        measured = month_rollups.measured + excluded.measured,
        prompt_tokens = month_rollups.prompt_tokens + excluded.prompt_tokens,
        completion_tokens = month_rollups.completion_tokens + excluded.completion_tokens,
        cost = month_rollups.cost + excluded.cost;
END;
CREATE TRIGGER rollups_grow_in_their_month AFTER UPDATE ON rollups
BEGIN
    UPDATE month_rollups
    SET calls = calls + NEW.calls - OLD.calls,
        measured = measured + NEW.measured - OLD.measured,
        prompt_tokens = prompt_tokens + NEW.prompt_tokens - OLD.prompt_tokens,
        completion_tokens = completion_tokens + NEW.completion_tokens - OLD.completion_tokens,
        cost = cost + NEW.cost - OLD.cost
    WHERE dimension = OLD.dimension AND month = substr(OLD.day, 1, 7) AND mind = OLD.mind AND key = OLD.key;
END;
CREATE TRIGGER rollups_end_in_their_month AFTER DELETE ON rollups
BEGIN
    UPDATE month_rollups
    SET calls = calls - OLD.calls,
        measured = measured - OLD.measured,
        prompt_tokens = prompt_tokens - OLD.prompt_tokens,
        completion_tokens = completion_tokens - OLD.completion_tokens,
        cost = cost - OLD.cost
    WHERE dimension = OLD.dimension AND month = substr(OLD.day, 1, 7) AND mind = OLD.mind AND key = OLD.key;
END;
CREATE TRIGGER rollups_stay_on_their_day BEFORE UPDATE OF dimension, day, mind, key ON rollups
BEGIN SELECT RAISE(ABORT, 'a sum stays on its day'); END;
CREATE INDEX key_topups_of_account ON key_topups (account);
CREATE INDEX calls_of_key ON calls (key, period, held_at) WHERE key <> '';
CREATE INDEX calls_of_run ON calls (run, period, held_at) WHERE run <> '';
CREATE INDEX calls_of_callers_open ON calls (key, run)
    WHERE state IN ('held', 'sent', 'unknown') AND (key <> '' OR run <> '');
CREATE INDEX caller_rollups_of_run ON caller_rollups (run, period);
CREATE INDEX requests_by_age ON requests (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('calls',10);
COMMIT;
