"""A reconciliation in words, for whoever reads its JSON: a terminal, and the page of the caretaker."""

from collections.abc import Mapping
from typing import Any

from ai.ledger.money import dollars, nanos


def reconciliation_lines(found: Mapping[str, Any]) -> list[str]:
    """Return what a reconciliation found (`reconciliation_json`), in sentences; what is nothing is left out."""

    def money(name: str) -> str:
        return dollars(nanos(found[name]))

    said = "" if found["provider"] is None else f", the provider says {money('provider')}"
    lines = [f"{found['period']}: {money('booked')} are booked for models{said}: {found['cause']}"]
    if found["drift"] is not None and nanos(found["drift"]):
        lines.append(f"drift: {money('drift')} (the provider's figure less the books')")
    for name, meaning in (
        ("pending", "held by calls that have not ended"),
        ("doubtful", "at most, what calls booked at nothing or by estimate may have cost beyond it"),
        ("others", "spent with this key by others"),
        ("gap_booked", "booked as spent since the backup"),
    ):
        if found[name] is not None and nanos(found[name]):
            lines.append(f"{name.replace('_', ' ')}: {money(name)} {meaning}")
    if found["settled"]:
        lines.append(f"settled: {found['settled']:,} calls, whose true cost was learnt just now")
    if found["lost"]:
        lines.append(f"lost: {', '.join(found['lost'])} were billed although booked at nothing")
    if found["warn"]:
        lines.append("this is more than should pass unseen: look at the key's activity page, and for other users of it")
    return lines
