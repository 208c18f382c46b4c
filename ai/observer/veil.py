"""What PUBLIC_BUDGET=off hides from visitors: every figure of ours, and amounts in anybody's words. The one place."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

HIDDEN = "$…"
# Fields of ours that say an amount, whatever document they stand in; those of events end in `_nanos`.
FIGURES = frozenset({
    "amount", "amount_told", "available", "balance", "cost", "costs", "donated", "gap", "granted", "held",
    "held_unknown", "left", "price", "price_completion", "price_prompt", "prices", "runway_days", "spent",
})  # fmt: skip
OURS = ("_nanos", "_usd")

_SIGN = r"(?:(?:US|A|C|NZ|HK)?[$＄﹩]|[€£¥₹₽₿₩¢])"
_WORD = (
    r"(?:US[- ]?dollars?|dollars?|bucks?|cents?|euros?|pounds? sterling|pounds?|quid|francs?|yen|rupees?|credits?|"
    r"(?:nano|micro|milli)-?(?:dollars?|USD)|nanos|"
    r"USD|EUR|GBP|JPY|CHF|CAD|AUD|NZD|CNY|INR|SEK|NOK|DKK|PLN|BRL|BTC|ETH)(?![^\W\d_])"
)
_NUMBER = r"[+-]?(?:\d[\d.,'’_]*|[.,]\d[\d_]*)(?:[eE][+-]?\d+)?(?:\s?(?:k|thousand|million|billion|bn)\b)?"
_SPELT = (
    r"(?:an?|half|quarter|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|"
    r"million|zero|no|point|and|of)"
)
_GAP = r"[\s*_`~\-]{0,3}"  # blanks, and what Markdown sets between a sign and its number
# Each alternative begins where its like does not go on, so that no long run is tried from every letter of it.
AMOUNTS = re.compile(
    rf"{_SIGN}{_GAP}{_NUMBER}(?:{_GAP}{_WORD})?"
    rf"|(?<![^\W\d_]){_WORD}{_GAP}{_SIGN}?{_NUMBER}"
    rf"|(?<![\d.,'’_]){_NUMBER}{_GAP}(?:{_SIGN}|{_WORD})"
    rf"|(?<!\w)(?:{_SPELT}[\s-]{{1,3}}){{1,10}}{_WORD}",
    re.IGNORECASE,
)


def veiled(document: Any) -> Any:
    """Return a document for visitors: our figures are None, or gone where they are an event's, and no text has any."""
    if isinstance(document, str):
        return AMOUNTS.sub(HIDDEN, document)
    if isinstance(document, Mapping):
        return {
            key: None if key in FIGURES and not isinstance(value, Mapping | list) else veiled(value)
            for key, value in document.items()
            if not str(key).endswith(OURS)
        }
    if isinstance(document, Sequence) and not isinstance(document, bytes):
        return [veiled(item) for item in document]
    return document
