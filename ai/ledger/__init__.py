"""The ledger: accounts in their own units that may not go below zero; knows no models and no network."""

from ai.ledger.audit import AuditReport, audit
from ai.ledger.ledger import Ledger, open_ledger
from ai.ledger.transaction import Account, Leg, Transaction, Transfer

__all__ = ["Account", "AuditReport", "Ledger", "Leg", "Transaction", "Transfer", "audit", "open_ledger"]
