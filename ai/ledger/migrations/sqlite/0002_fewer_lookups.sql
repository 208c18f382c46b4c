-- The same law with fewer lookups. A transfer that numbers itself is the next one, as SQLite gives rowids; one that
-- brings its number must bring the next. Accounts and units are judged as the counters move, funds as an
-- account changes: a RAISE(ABORT) takes back the whole statement wherever it stands, whatever OR clause it has.

DROP TRIGGER transfers_are_lawful;
DROP TRIGGER transfers_are_counted;
DROP TRIGGER accounts_follow_their_transfers;

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
