"""Weights in a safetensors file, left on the disk: mapped where all of a tensor is used, read where few rows are."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy is imported when the first text is embedded
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

HEADER_LENGTH_BYTES = 8
FLOAT_BYTES = 4
Place = tuple[int, tuple[int, ...]]  # where a tensor begins in the file, in bytes, and its shape


def tensors_in(path: Path) -> dict[str, Place]:
    """Return where each float32 tensor of a safetensors file begins, in bytes, and its shape, by name.

    The format: the length of a JSON header, the header, the data.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")
        header = json.loads(file.read(length))
    start = HEADER_LENGTH_BYTES + length
    return {
        name: (start + about["data_offsets"][0], tuple(about["shape"]))
        for name, about in header.items()
        if name != "__metadata__" and about["dtype"] == "F32"
    }


def mapped(path: Path, places: Mapping[str, Place]) -> dict[str, Matrix]:
    """Return tensors that are read from the disk where they are used, and shared with whoever else maps them."""
    import numpy as np  # noqa: PLC0415 - only when needed

    data = np.memmap(path, np.uint8, "r")
    return {
        name: data[start : start + FLOAT_BYTES * math.prod(shape)].view(np.float32).reshape(shape)
        for name, (start, shape) in places.items()
    }


@dataclass(frozen=True, slots=True)
class Rows:
    """A matrix of which few rows are wanted at a time: they are read, not mapped.

    Mapped, each row draws its neighbours in, and a mind of many words the whole table, 47 MB, into the process.
    """

    path: Path
    start: int
    shape: tuple[int, ...]

    def __getitem__(self, numbers: Sequence[int]) -> Matrix:
        """Return the rows with these numbers, shape (len(numbers), columns)."""
        import numpy as np  # noqa: PLC0415 - only when needed

        size = self.shape[1] * FLOAT_BYTES
        with self.path.open("rb") as file:
            read = b"".join(os.pread(file.fileno(), size, self.start + number * size) for number in numbers)
        return np.frombuffer(read, np.float32).reshape(len(numbers), self.shape[1])
