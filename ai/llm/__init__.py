"""The only door to a model: who wants an answer pays here, out of the purse, and never more than it holds."""

from ai.llm.answers import Completion, Limits, NoAnswer
from ai.llm.calls import Endpoint, ModelRequest, Outcome, Wire
from ai.llm.candidates import Attempt
from ai.llm.client import PaidClient
from ai.llm.endpoint import OpenAIEndpoint
from ai.llm.health import Health, ModelHealth
from ai.llm.payment import Paid, Payer, Payments
from ai.llm.purse import Purse, open_purse

__all__ = [
    "Attempt",
    "Completion",
    "Endpoint",
    "Health",
    "Limits",
    "ModelHealth",
    "ModelRequest",
    "NoAnswer",
    "OpenAIEndpoint",
    "Outcome",
    "Paid",
    "PaidClient",
    "Payer",
    "Payments",
    "Purse",
    "Wire",
    "open_purse",
]
