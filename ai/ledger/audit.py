"""The audit: every counter recomputed from the transfers alone, by other SQL than keeps it."""

from dataclasses import dataclass

from ai.ledger.transaction import Transaction

MAX_NAMED = 100  # mismatches named in one report; more of them say nothing more

_COUNTERS = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")

_RECOMPUTED = """
SELECT id, sum(debits_pending), sum(debits_posted), sum(credits_pending), sum(credits_posted) FROM (
    SELECT debit AS id, sum(pending) AS debits_pending, sum(posted) AS debits_posted,
           0 AS credits_pending, 0 AS credits_posted
    FROM transfers GROUP BY debit
    UNION ALL
    SELECT credit, 0, 0, sum(pending), sum(posted) FROM transfers GROUP BY credit
) AS sides GROUP BY id ORDER BY id
"""
_HOLDS_OPEN = """
SELECT count(*) FROM transfers AS held WHERE held.kind = 'hold'
AND NOT EXISTS (SELECT 1 FROM transfers AS ended WHERE ended.id = held.id || '/ended')
"""
_ENDS_AMISS = """
SELECT ended.id FROM transfers AS ended LEFT JOIN transfers AS held ON held.id = ended.hold
WHERE ended.hold IS NOT NULL AND (held.id IS NULL OR held.kind <> 'hold' OR held.pending <> -ended.pending
    OR held.debit <> ended.debit OR held.credit <> ended.credit OR ended.id <> held.id || '/ended')
"""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found; `mismatches` has one line for people each, naming the account or the transfer."""

    accounts: int
    transfers: int
    holds_open: int
    mismatches: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Return whether every balance is what its transfers say."""
        return not self.mismatches


def audit(transaction: Transaction) -> AuditReport:
    """Recompute every balance; reads each transfer once, so it takes seconds at millions (give it `Ledger.read`)."""
    found: list[str] = []
    damage = transaction.check()
    if damage is not None:
        found.append(f"the database is damaged: {damage}")
    transfers, last = transaction.execute("SELECT count(*), coalesce(max(seq), 0) FROM transfers")[0]
    if transfers != last:
        found.append(f"{last - transfers} transfers are missing of {last}")
    accounts = transaction.execute(
        "SELECT id, debits_pending, debits_posted, credits_pending, credits_posted, may_go_negative "
        "FROM accounts ORDER BY id"
    )
    recomputed = {row[0]: tuple(row)[1:] for row in transaction.execute(_RECOMPUTED)}
    for row in accounts:
        account_id, stored = row[0], tuple(row)[1:5]
        true = recomputed.pop(account_id, (0, 0, 0, 0))
        found += [
            f"account {account_id}: {counter} is {has:,} and its transfers say {says:,}"
            for counter, has, says in zip(_COUNTERS, stored, true, strict=True)
            if has != says
        ]
        if not row["may_go_negative"] and true[3] - true[1] - true[0] < 0:
            found.append(f"account {account_id}: overdrawn by {true[1] + true[0] - true[3]:,}")
    found += [f"account {account_id}: has transfers and does not exist" for account_id in recomputed]
    found += [f"transfer {row[0]}: does not match the hold that it ends" for row in transaction.execute(_ENDS_AMISS)]
    holds_open = transaction.execute(_HOLDS_OPEN)[0][0]
    return AuditReport(len(accounts), transfers, holds_open, tuple(found[:MAX_NAMED]))
