"""What the AI can do: its replies read tolerantly, its actions checked, carried out and answered in one line."""

from ai.actions.action import Action, NoParams, Params, Refused
from ai.actions.context import ActionContext
from ai.actions.parsing import Reply, parse_reply
from ai.actions.registry import ActionResult, Registry

__all__ = [
    "Action",
    "ActionContext",
    "ActionResult",
    "NoParams",
    "Params",
    "Refused",
    "Registry",
    "Reply",
    "parse_reply",
]
