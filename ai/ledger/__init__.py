"""The ledger: accounts in their own units that may not go below zero; knows no models and no network.

Read first the schema (`migrations/sqlite/0001_ledger.sql`), which decides, then `transaction`, the verbs, and `audit`,
which recomputes what they left. `ledger` is the door for many callers, `batch` how their writes go in together, `store`
what it asks of a database, answered by `sqlite` and `postgres`, each with its `_store`.
"""

from ai.ledger.audit import AuditReport, audit
from ai.ledger.ledger import Ledger, open_ledger
from ai.ledger.transaction import Account, Leg, Transaction, Transfer

__all__ = ["Account", "AuditReport", "Ledger", "Leg", "Transaction", "Transfer", "audit", "open_ledger"]
