"""Embeddings from a paid model, through whoever holds and pays for the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

LEAST_LENGTH = 1e-12


class PaidEmbedder:
    """An `ai.memory.embeddings.Embedder` on a paid model.

    `embed` takes texts and returns one vector a text; it holds, pays and raises what it likes: the memory stream takes
    any failure as "not now" and finds by words.
    """

    def __init__(self, name: str, embed: Callable[[Sequence[str]], Awaitable[list[list[float]]]]) -> None:
        self.name = name
        self._embed = embed

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one float32 vector of length 1 a text, in order."""
        import numpy as np  # noqa: PLC0415 - 20 MB of memory, only where vectors are used

        made = [np.asarray(vector, dtype=np.float32) for vector in await self._embed(texts)]
        return [vector / np.float32(max(float(np.linalg.norm(vector)), LEAST_LENGTH)) for vector in made]
