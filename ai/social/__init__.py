"""Posting to X: written down first, held for, sent once, and never twice."""

from ai.social.near import SameMeaning
from ai.social.opening import missing_keys, open_x
from ai.social.outbox import Outbox, table
from ai.social.post import Post, PostRefusal, PostState
from ai.social.x import X

__all__ = ["Outbox", "Post", "PostRefusal", "PostState", "SameMeaning", "X", "missing_keys", "open_x", "table"]
