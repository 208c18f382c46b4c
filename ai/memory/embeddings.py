"""Texts as vectors, so that memories can be compared by meaning: all-MiniLM-L6-v2 with tokenizers and NumPy alone."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ai.llm.local.table import WEIGHTS
from ai.llm.local.weight_store import RETRY_SECONDS, WeightStore
from ai.memory.safetensors import Rows, mapped, tensors_in

if TYPE_CHECKING:  # numpy and tokenizers take 40 MB: they are imported when the first text is embedded
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from ai.clock import Clock
    from ai.llm.local.sources import Source
    from ai.llm.local.weight_store import Recorder

    Vector = NDArray[np.float32]

# The shape of all-MiniLM-L6-v2, from its config.json.
LAYERS = 6
HEADS = 12
DIMENSIONS = 384
MAX_TOKENS = 256  # what the model was trained to compare; longer texts are cut
MAX_CHARS = 8_000  # far more than MAX_TOKENS tokens of any language; the rest need not be looked at
EPSILON = 1e-12
LEAST_LENGTH = 1e-12  # of a vector that is to be divided by its length
IDLE_SECONDS = 300.0  # then the weights' memory is given back; loading them again takes 0.1 s


class EmbeddingsUnavailable(Exception):
    """Texts cannot be embedded now; the message is one line that says why. Words alone must do meanwhile."""


class Embedder(Protocol):
    """Something that makes comparable vectors of texts; vectors of different `name`s cannot be compared."""

    name: str

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one normalised float32 vector a text, in order; raises EmbeddingsUnavailable."""
        ...


class MiniLM:
    """The embedded embedder: free, 384 dimensions, some 5 ms a short text, loaded when asked, dropped when idle.

    `folder` is DATA_DIR/models; `shelves` are folders that may hold the weights already.
    """

    name = "all-minilm-l6-v2"

    def __init__(
        self, folder: Path, shelves: Sequence[Path], sources: Sequence[Source], recorder: Recorder, clock: Clock
    ) -> None:
        self._supply = WeightStore(folder, shelves, sources, recorder, clock)
        self._clock = clock
        self._turn = asyncio.Lock()  # one text at a time: two would only share the same cores
        self._task: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()  # the disk was looked at; a download may still take long
        self._files: tuple[Path, ...] | None = None
        self._network: Network | None = None
        self._rest: asyncio.TimerHandle | None = None

    def prepare(self) -> None:
        """Begin to find or fetch the weights in the background, once."""
        if self._task is None:
            self._task = asyncio.create_task(self._provide(), name="embedder's weights")

    async def settled(self) -> None:
        """Wait until the background work has found the weights or given up."""
        self.prepare()
        assert self._task is not None  # noqa: S101 - prepare has just set it
        await asyncio.wait([self._task])

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one vector a text, made off the loop; raises EmbeddingsUnavailable while the weights are not here."""
        self.prepare()
        await self._looked.wait()
        if self._files is None:
            raise EmbeddingsUnavailable("the weights of all-MiniLM-L6-v2 are not here yet")
        async with self._turn:
            try:
                if self._network is None:
                    self._network = await asyncio.to_thread(load, *self._files)
                network = self._network
                vectors = await asyncio.to_thread(lambda: [network.vector(text) for text in texts])
            except OSError as error:
                raise EmbeddingsUnavailable(f"all-MiniLM-L6-v2 cannot be read: {error}") from None
            self._rest_later()
        return vectors

    async def close(self) -> None:
        """End the background work and give the memory back."""
        if self._rest is not None:
            self._rest.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._network = None

    def _rest_later(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._rest = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.release)

    def release(self) -> None:
        """Give the weights' memory back; the next text loads them again."""
        self._network = None

    async def _provide(self) -> None:
        weight = WEIGHTS["minilm"]
        try:
            self._files = await self._supply.find(weight)
        finally:
            self._looked.set()
        for delay in (0.0, *RETRY_SECONDS):
            if self._files is not None:
                return
            if delay:
                await self._clock.sleep(delay)
            self._files = await self._supply.fetch(weight)


def load(weights: Path, tokenizer: Path) -> Network:
    """Return the network in the two files; about 0.1 s. The weights stay on disk and are mapped, not copied."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - see above: only when needed

    cutter = Tokenizer.from_file(str(tokenizer))
    cutter.enable_truncation(MAX_TOKENS)
    cutter.no_padding()
    places = tensors_in(weights)
    words = Rows(weights, *places.pop("embeddings.word_embeddings.weight"))
    return Network(cutter, words, mapped(weights, places))


@dataclass(frozen=True, slots=True)
class Network:
    """BERT's forward pass, as in https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2, one text at a time."""

    tokenizer: Tokenizer
    words: Rows
    tensors: Mapping[str, Vector]

    def vector(self, text: str) -> Vector:
        """Return the normalised mean of the last layer's vectors over the text's tokens, shape (384,)."""
        import numpy as np  # noqa: PLC0415 - see above: only when needed

        readable = text[:MAX_CHARS].encode("utf-8", "replace").decode()  # a lone surrogate is no text to a tokenizer
        tokens = self.tokenizer.encode(readable).ids
        tensors = self.tensors
        seen = self.words[tokens] + tensors["embeddings.position_embeddings.weight"][: len(tokens)]
        seen = seen + tensors["embeddings.token_type_embeddings.weight"][0]
        seen = self._normalised(seen, "embeddings.LayerNorm")
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            attended = self._linear(self._attended(seen, layer), f"{layer}.attention.output.dense")
            seen = self._normalised(seen + attended, f"{layer}.attention.output.LayerNorm")
            wide = _gelu(self._linear(seen, f"{layer}.intermediate.dense"))
            seen = self._normalised(seen + self._linear(wide, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        mean = seen.mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), EPSILON), dtype=np.float32)

    def _attended(self, seen: Vector, layer: str) -> Vector:
        """Let each token look at all: shape (tokens, 384) in and out; one text alone needs no mask."""
        import numpy as np  # noqa: PLC0415 - see above: only when needed

        size = DIMENSIONS // HEADS
        query, key, value = (
            self._linear(seen, f"{layer}.attention.self.{part}").reshape(-1, HEADS, size).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / math.sqrt(size)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        joined: Vector = (shares @ value).swapaxes(0, 1).reshape(-1, DIMENSIONS)
        return joined

    def _linear(self, seen: Vector, name: str) -> Vector:
        product: Vector = seen @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]
        return product

    def _normalised(self, seen: Vector, name: str) -> Vector:
        centred = seen - seen.mean(axis=-1, keepdims=True)
        spread = ((centred * centred).mean(axis=-1, keepdims=True) + EPSILON) ** 0.5
        scaled: Vector = centred / spread * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]
        return scaled


def _gelu(x: Vector) -> Vector:
    """Return x·Φ(x), with erf by Abramowitz and Stegun 7.1.26 (error below 1.5e-7, float32's own grain)."""
    import numpy as np  # noqa: PLC0415 - see above: only when needed

    z = np.abs(x) / np.float32(math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1 - poly * np.exp(-z * z))
    return np.asarray(x * 0.5 * (1 + erf), dtype=np.float32)


class PaidEmbedder:
    """An `Embedder` on a paid model.

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
