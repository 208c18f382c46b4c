-- The same law for many transfers in one statement: they are counted together, one UPDATE for each account, instead of
-- each by its own. Funds are judged as before, after every single transfer in the order of their numbers: what a later
-- one brings does not cover an earlier one.

DROP TRIGGER transfers_are_counted ON transfers;

CREATE OR REPLACE FUNCTION ledger_counted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    counted BIGINT;
    touched BIGINT;
BEGIN
    WITH sides AS (
        SELECT seq, debit AS account, pending AS debit_pending, posted AS debit_posted,
               0::BIGINT AS credit_pending, 0::BIGINT AS credit_posted
        FROM fresh
        UNION ALL
        SELECT seq, credit, 0, 0, pending, posted FROM fresh
    ), ran AS (
        SELECT *, sum(credit_posted - debit_posted - debit_pending) OVER (PARTITION BY account ORDER BY seq) AS change
        FROM sides
    ), summed AS (
        SELECT account, max(seq) AS newest, min(change) AS lowest,
               sum(debit_pending)::BIGINT AS debit_pending, sum(debit_posted)::BIGINT AS debit_posted,
               sum(credit_pending)::BIGINT AS credit_pending, sum(credit_posted)::BIGINT AS credit_posted
        FROM ran GROUP BY account
    ), moved AS (
        UPDATE accounts
        SET debits_pending  = debits_pending  + debit_pending,
            debits_posted   = debits_posted   + debit_posted,
            credits_pending = credits_pending + credit_pending,
            credits_posted  = credits_posted  + credit_posted,
            last_transfer = newest
        FROM summed
        WHERE id = account
          AND (may_go_negative = 1 OR credits_posted - debits_posted - debits_pending + lowest >= 0)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM summed) INTO counted, touched;

    IF counted <> touched THEN
        RAISE EXCEPTION 'both accounts must exist, and the debited one must have the funds'
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT debit, credit FROM fresh) AS ways
        JOIN accounts AS payer ON payer.id = ways.debit JOIN accounts AS payee ON payee.id = ways.credit
        WHERE payer.unit <> payee.unit)
    THEN
        RAISE EXCEPTION 'both accounts must be in one unit' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER transfers_are_counted AFTER INSERT ON transfers
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_counted();

-- Counters move in no statement but the one above: an UPDATE by hand is not within another trigger.
CREATE OR REPLACE FUNCTION ledger_followed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (pg_trigger_depth() > 1 AND NEW.last_transfer > OLD.last_transfer
        AND NEW.id = OLD.id AND NEW.unit = OLD.unit AND NEW.may_go_negative = OLD.may_go_negative
        AND EXISTS (
            SELECT 1 FROM transfers AS one WHERE one.seq = NEW.last_transfer AND OLD.id IN (one.debit, one.credit))
        ) IS NOT TRUE
    THEN
        RAISE EXCEPTION 'an account changes by a transfer, and by nothing else' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
