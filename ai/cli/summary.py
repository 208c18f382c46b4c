"""The block that tells what a run of beats, or of a program, used."""

from ai.credit_tracker import RunUsage
from ai.ledger.money import NANOS_PER_USD

RULE = "=" * 50


def summary(usage: RunUsage) -> str:
    """Return the block that ends `run N`, to the letter of CONTRACT §2; the cost in dollars with four places."""
    embedding = f"  Embedding tokens: {usage.embedding_tokens:,}\n" if usage.embedding_tokens else ""
    return (
        f"{RULE}\nLLM Usage Summary\n{RULE}\n"
        f"  Requests:      {usage.requests:,}\n"
        f"  Input tokens:  {usage.input_tokens:,}\n"
        f"  Output tokens: {usage.output_tokens:,}\n{embedding}"
        f"  Est. cost:     ${_four_places(usage.cost_nanos)}\n{RULE}"
    )


def _four_places(amount_nanos: int) -> str:
    """Return nano-dollars as dollars rounded half up to four places, without a float in between."""
    unit = NANOS_PER_USD // 10_000
    whole, rest = divmod((amount_nanos + unit // 2) // unit, 10_000)
    return f"{whole:,}.{rest:04d}"
