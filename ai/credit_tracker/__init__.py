"""The AI's purse on the ledger: months, caps, holds, what was spent on what, and how long it lasts."""

from ai.credit_tracker.bands import Band
from ai.credit_tracker.books import Books
from ai.credit_tracker.provider_clock import ProviderClock
from ai.credit_tracker.records import (
    Balance,
    CallRecord,
    CallState,
    Expense,
    NotAffordable,
    RunUsage,
    Settlement,
    Usage,
)
from ai.credit_tracker.schema import open_credit_ledger
from ai.credit_tracker.tracker import CreditTracker

__all__ = [
    "Balance",
    "Band",
    "Books",
    "CallRecord",
    "CallState",
    "CreditTracker",
    "Expense",
    "NotAffordable",
    "ProviderClock",
    "RunUsage",
    "Settlement",
    "Usage",
    "open_credit_ledger",
]
