-- The whole law of the ledger. Python only names these refusals; raw SQL meets the same walls.
-- Refusals are RAISE(ABORT) before anything is written, because OR IGNORE, OR FAIL and OR REPLACE
-- soften constraints but not RAISE.

-- An account is four counters in one unit. available = credits_posted - debits_posted - debits_pending.
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

-- A transfer never changes. Ending a hold is a new transfer that takes its pending amount back, under the
-- one id that is kept for it: ids are unique, so a hold ends once.
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

CREATE TRIGGER transfers_are_lawful BEFORE INSERT ON transfers
BEGIN
    SELECT RAISE(ABORT, 'this transfer exists')
    WHERE EXISTS (SELECT 1 FROM transfers WHERE id = NEW.id)
       OR EXISTS (SELECT 1 FROM transfers WHERE seq = NEW.seq);

    SELECT RAISE(ABORT, 'a capture or a void takes back exactly what its hold held')
    WHERE NEW.hold IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM transfers AS held
        WHERE held.id = NEW.hold AND held.kind = 'hold' AND held.pending = -NEW.pending
          AND held.debit = NEW.debit AND held.credit = NEW.credit);

    SELECT RAISE(ABORT, 'both accounts must exist, in one unit, and the debited one must have the funds')
    WHERE NOT EXISTS (
        SELECT 1 FROM accounts AS payer JOIN accounts AS payee ON payee.id = NEW.credit
        WHERE payer.id = NEW.debit AND payer.unit = payee.unit
          AND (payer.may_go_negative = 1
               OR payer.credits_posted - payer.debits_posted - payer.debits_pending >= NEW.pending + NEW.posted));
END;

CREATE TRIGGER transfers_are_counted AFTER INSERT ON transfers
BEGIN
    SELECT RAISE(ABORT, 'transfers are numbered without a gap')
    WHERE NEW.seq > 1 AND NOT EXISTS (SELECT 1 FROM transfers WHERE seq = NEW.seq - 1);

    UPDATE accounts
    SET debits_pending = debits_pending + NEW.pending, debits_posted = debits_posted + NEW.posted,
        last_transfer = NEW.seq
    WHERE id = NEW.debit;

    UPDATE accounts
    SET credits_pending = credits_pending + NEW.pending, credits_posted = credits_posted + NEW.posted,
        last_transfer = NEW.seq
    WHERE id = NEW.credit;
END;

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

-- Counters move by exactly one transfer, once: each transfer is counted as it is written, so to anybody
-- else there is never one left to count, and an UPDATE by hand always fails.
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
END;

CREATE TRIGGER accounts_are_never_deleted BEFORE DELETE ON accounts
BEGIN SELECT RAISE(ABORT, 'an account is never deleted'); END;
