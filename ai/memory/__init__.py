"""What the mind remembers: the memory stream, its archive, retrieval, reflection and condensing."""

from ai.memory.memory import Kind, Memory, Origin
from ai.memory.stream import MemoryStream
from ai.memory.untrusted import clean, quote

__all__ = ["Kind", "Memory", "MemoryStream", "Origin", "clean", "quote"]
