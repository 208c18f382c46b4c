"""Posting to networks: written down first, held for, sent once to each, and never twice."""

from ai.social.network import Network
from ai.social.opening import check_networks, open_networks
from ai.social.outbox import Outbox, table
from ai.social.post import Delivery, Post, PostRefusal, PostState

__all__ = [
    "Delivery",
    "Network",
    "Outbox",
    "Post",
    "PostRefusal",
    "PostState",
    "check_networks",
    "open_networks",
    "table",
]
