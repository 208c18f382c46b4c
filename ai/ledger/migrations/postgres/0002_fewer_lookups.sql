-- The same law with fewer lookups: a hold is looked for only where one ends, and both accounts move in one UPDATE,
-- which finds out whether they exist and are in one unit.

CREATE OR REPLACE FUNCTION ledger_lawful() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.seq := (SELECT coalesce(max(seq), 0) + 1 FROM transfers);

    IF NEW.hold IS NOT NULL THEN
        IF NOT EXISTS (
            SELECT 1 FROM transfers AS held
            WHERE held.id = NEW.hold AND held.kind = 'hold' AND held.pending = -NEW.pending
              AND held.debit = NEW.debit AND held.credit = NEW.credit)
        THEN
            RAISE EXCEPTION 'a capture or a void takes back exactly what its hold held'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION ledger_counted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved BIGINT;
BEGIN
    UPDATE accounts
    SET debits_pending  = debits_pending  + CASE id WHEN NEW.debit  THEN NEW.pending ELSE 0 END,
        debits_posted   = debits_posted   + CASE id WHEN NEW.debit  THEN NEW.posted  ELSE 0 END,
        credits_pending = credits_pending + CASE id WHEN NEW.credit THEN NEW.pending ELSE 0 END,
        credits_posted  = credits_posted  + CASE id WHEN NEW.credit THEN NEW.posted  ELSE 0 END,
        last_transfer = NEW.seq
    WHERE id IN (NEW.debit, NEW.credit) AND unit = (SELECT unit FROM accounts WHERE id = NEW.debit);

    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> 2 THEN
        RAISE EXCEPTION 'both accounts must exist, in one unit' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
