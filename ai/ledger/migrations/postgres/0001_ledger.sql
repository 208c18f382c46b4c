-- The same law as for SQLite, where the comments explain it. What differs: transfers are written one
-- transaction at a time (the advisory lock), so that their numbers have no gap and no two of them judge
-- an account at once; and the CHECK on accounts, which nothing softens here, is what stops an overdraft.

CREATE TABLE accounts (
    id              TEXT PRIMARY KEY CHECK (id <> ''),
    unit            TEXT NOT NULL CHECK (unit <> ''),
    may_go_negative INTEGER NOT NULL CHECK (may_go_negative IN (0, 1)),
    debits_pending  BIGINT NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
    debits_posted   BIGINT NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
    credits_pending BIGINT NOT NULL DEFAULT 0 CHECK (credits_pending >= 0),
    credits_posted  BIGINT NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
    last_transfer   BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT no_overdraft
        CHECK (may_go_negative = 1 OR credits_posted - debits_posted - debits_pending >= 0)
) WITH (fillfactor = 50);  -- room beside each row, so that moving counters needs no new index entries

CREATE TABLE transfers (
    seq     BIGINT PRIMARY KEY CHECK (seq > 0),
    id      TEXT NOT NULL UNIQUE CHECK (id <> ''),
    kind    TEXT NOT NULL,
    debit   TEXT NOT NULL,
    credit  TEXT NOT NULL,
    pending BIGINT NOT NULL,
    posted  BIGINT NOT NULL,
    hold    TEXT,
    memo    TEXT NOT NULL,
    at      BIGINT NOT NULL,
    CHECK (debit <> credit),
    CHECK (posted BETWEEN 0 AND 1000000000000000000),
    CHECK (pending BETWEEN -1000000000000000000 AND 1000000000000000000),
    CHECK (CASE kind
        WHEN 'post'    THEN hold IS NULL AND pending = 0
        WHEN 'hold'    THEN hold IS NULL AND pending >= 0 AND posted = 0
        WHEN 'capture' THEN hold IS NOT NULL AND id = hold || '/ended' AND pending <= 0 AND posted <= -pending
        WHEN 'void'    THEN hold IS NOT NULL AND id = hold || '/ended' AND pending <= 0 AND posted = 0
        ELSE false END)
);

CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation';
END $$;

CREATE FUNCTION ledger_alone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4703242331131506);
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_lawful() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.seq := (SELECT coalesce(max(seq), 0) + 1 FROM transfers);

    IF NEW.hold IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM transfers AS held
        WHERE held.id = NEW.hold AND held.kind = 'hold' AND held.pending = -NEW.pending
          AND held.debit = NEW.debit AND held.credit = NEW.credit)
    THEN
        RAISE EXCEPTION 'a capture or a void takes back exactly what its hold held'
            USING ERRCODE = 'check_violation';
    END IF;

    IF NOT EXISTS (
        SELECT 1 FROM accounts AS payer JOIN accounts AS payee ON payee.id = NEW.credit
        WHERE payer.id = NEW.debit AND payer.unit = payee.unit)
    THEN
        RAISE EXCEPTION 'both accounts must exist, in one unit' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION ledger_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts
    SET debits_pending = debits_pending + NEW.pending, debits_posted = debits_posted + NEW.posted,
        last_transfer = NEW.seq
    WHERE id = NEW.debit;

    UPDATE accounts
    SET credits_pending = credits_pending + NEW.pending, credits_posted = credits_posted + NEW.posted,
        last_transfer = NEW.seq
    WHERE id = NEW.credit;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_followed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.unit <> OLD.unit OR NEW.may_go_negative <> OLD.may_go_negative
       OR NEW.last_transfer <= OLD.last_transfer
       OR NOT EXISTS (
        SELECT 1 FROM transfers AS one
        WHERE one.seq = NEW.last_transfer AND OLD.id IN (one.debit, one.credit)
          AND NEW.debits_pending = OLD.debits_pending + CASE WHEN one.debit = OLD.id THEN one.pending ELSE 0 END
          AND NEW.debits_posted = OLD.debits_posted + CASE WHEN one.debit = OLD.id THEN one.posted ELSE 0 END
          AND NEW.credits_pending = OLD.credits_pending + CASE WHEN one.credit = OLD.id THEN one.pending ELSE 0 END
          AND NEW.credits_posted = OLD.credits_posted + CASE WHEN one.credit = OLD.id THEN one.posted ELSE 0 END)
    THEN
        RAISE EXCEPTION 'an account changes by a transfer, and by nothing else' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION ledger_begins_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.debits_pending <> 0 OR NEW.debits_posted <> 0 OR NEW.credits_pending <> 0
       OR NEW.credits_posted <> 0 OR NEW.last_transfer <> 0
    THEN
        RAISE EXCEPTION 'an account begins empty' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER transfers_are_alone BEFORE INSERT ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_alone();
CREATE TRIGGER transfers_are_lawful BEFORE INSERT ON transfers
    FOR EACH ROW EXECUTE FUNCTION ledger_lawful();
CREATE TRIGGER transfers_are_counted AFTER INSERT ON transfers
    FOR EACH ROW EXECUTE FUNCTION ledger_counted();
CREATE TRIGGER transfers_never_change BEFORE UPDATE ON transfers
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('a transfer never changes');
CREATE TRIGGER transfers_are_never_deleted BEFORE DELETE ON transfers
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('a transfer is never deleted');
CREATE TRIGGER transfers_are_never_emptied BEFORE TRUNCATE ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('a transfer is never deleted');
CREATE TRIGGER accounts_begin_empty BEFORE INSERT ON accounts
    FOR EACH ROW EXECUTE FUNCTION ledger_begins_empty();
CREATE TRIGGER accounts_follow_their_transfers BEFORE UPDATE ON accounts
    FOR EACH ROW EXECUTE FUNCTION ledger_followed();
CREATE TRIGGER accounts_are_never_deleted BEFORE DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse('an account is never deleted');
CREATE TRIGGER accounts_are_never_emptied BEFORE TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('an account is never deleted');
