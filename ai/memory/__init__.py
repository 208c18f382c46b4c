"""What the mind remembers: the memory stream, its archive, retrieval, reflection and condensing."""

import os

# Before anything here imports NumPy: OpenBLAS's threads spin while they wait for each other, and on two busy cores
# 50 short texts then took MiniLM 188 s and 18 s of CPU; on one thread they take 0.9 s of CPU.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from ai.memory.memory import Kind, Memory, Origin
from ai.memory.stream import MemoryStream
from ai.memory.untrusted import clean, cut, inline, quote

__all__ = ["Kind", "Memory", "MemoryStream", "Origin", "clean", "cut", "inline", "quote"]
