"""The AI's purse on the ledger: months, caps, holds, what was spent on what, and how long it lasts.

Read it from the ground up, for a file imports those before it alone: the accounts there are (`periods`, `accounts`,
`records`), a call's row (`calls`), what fills the accounts (`months`, `limits`), what was spent (`rollups`), who else
spends (`callers`, `admission`), a call's two ends (`holding`, `settling`), what can be known (`spending`, `books`,
`statement`), the doors of the mind (`tracker`) and of the gateway (`caller_books`), and what checks all that (`audit`,
`reconciliation`).
"""

from ai.credit_tracker.accounts import open_credit_ledger
from ai.credit_tracker.admission import Answered, AnswerLost, OtherBody, RequestKnown, TooManyRequests, UnderWay
from ai.credit_tracker.books import Books
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.callers import Key, KeyEnded, KeyTerms, Run
from ai.credit_tracker.periods import ProviderClock
from ai.credit_tracker.records import (
    Balance,
    Band,
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
