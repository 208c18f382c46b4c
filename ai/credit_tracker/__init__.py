"""The AI's purse on the ledger: months, caps, holds, what was spent on what, and how long it lasts."""

from ai.credit_tracker.bands import Band
from ai.credit_tracker.books import Books
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.callers import TooManyRequests
from ai.credit_tracker.keys import Key, KeyEnded, KeyTerms
from ai.credit_tracker.provider_clock import ProviderClock
from ai.credit_tracker.records import (
    Balance,
    Caller,
    CallRecord,
    CallState,
    CapState,
    Category,
    Expense,
    NamedRequest,
    NotAffordable,
    RunUsage,
    Settlement,
    Usage,
)
from ai.credit_tracker.requests import Answered, AnswerLost, OtherBody, RequestKnown, UnderWay
from ai.credit_tracker.runs import Run
from ai.credit_tracker.schema import open_credit_ledger
from ai.credit_tracker.statement import Statement, statement_json
from ai.credit_tracker.tracker import CreditTracker

__all__ = [
    "AnswerLost",
    "Answered",
    "Balance",
    "Band",
    "Books",
    "CallRecord",
    "CallState",
    "Caller",
    "CallerBooks",
    "CapState",
    "Category",
    "CreditTracker",
    "Expense",
    "Key",
    "KeyEnded",
    "KeyTerms",
    "NamedRequest",
    "NotAffordable",
    "OtherBody",
    "ProviderClock",
    "RequestKnown",
    "Run",
    "RunUsage",
    "Settlement",
    "Statement",
    "TooManyRequests",
    "UnderWay",
    "Usage",
    "open_credit_ledger",
    "statement_json",
]
