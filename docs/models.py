"""Writes docs/OPENROUTER_MODELS.md from the shipped catalogue, and the shipped catalogue from a new recording.

python -m docs.models                      # write the page anew (`make docs` does it too)
python -m docs.models --ship FILE          # trim a recorded /models document into ai/model_config/models.json first
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ai.asking import Purpose
from ai.model_config import CHEAP_USD, ULTRA_CHEAP_USD, Model, Tier, parse_openrouter
from ai.model_config.catalogue import shipped_models
from ai.model_config.intelligence import known_quality
from ai.model_config.listing import read_json, trimmed
from ai.model_rotator.policy import DEFAULT_RATES, NO_REPEAT, START_B, WEIGHTS
from ai.model_rotator.table import per_million

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "OPENROUTER_MODELS.md"
SHIPPED = ROOT / "ai" / "model_config" / "models.json"
EXAMPLES = 3  # of what was left out, by reason

INTRODUCTION = """# Models: tiers, prices, intelligence

<!-- made by `python -m docs.models` from ai/model_config/models.json; do not edit -->

The daemon reads OpenRouter's live listing at every start and every six hours, keeps a copy in
`DATA_DIR/models/catalogue.json`, and ships one of May 2026 for a start without a network. A model leaves only when
it is absent from a whole live listing, or when its announced expiry has passed; one that fails rests for a while
and is tried again. This page is made from the shipped listing: `python -m ai models` shows yours, with each model's
health and whether it is affordable now.

## Who thinks next

Tiers are what people see; only where a beat idles do they decide. Before each beat every model that could be asked is
weighed as

    weight of the moment × quality of the model − λ × expected cost

and the best of those not among the last {no_repeat} different ones thinks. λ is what a dollar is worth for the rest of
the month: b × the weight still to come / what is left, with b = {b} at the start, corrected a little each hour. So
with money to spare dear models think what matters, and with none free and local ones think everything; nobody has
to set a threshold.

| moment | weight | expected a day, until observed |
| --- | ---: | ---: |
{weights}

- A thought takes a free request only on an even plan for the rest of the day; the other moments take theirs at once.
- The embedded local model (quality 2, cost 0) is always among the candidates: what is not worth more than it is not
  asked.
- If the choice fails, the next best, two free models, an ultra-cheap one and the local one stand in, in this order.
- An idle beat, where the last thought brought nothing new and nothing calls, is thought by the best of a cheaper tier
  than the rule takes, else by what costs less; nobody dearer than the rule's choice stands in.
- `switch_model`, the AI's own wish, holds for its next beats. What is dearer than the rule's choice comes out of a
  tenth of the month's grant.
- `OPENROUTER_MODEL` pins one model: it is asked first at every call, and free and local models stand in.

### What it gains

Simulated months of 4,320 thoughts and the moments above on the shipped listing, 50 free requests a day, 15 % of the
attempts failing: the share of what nobody could exceed even if they knew the month beforehand. The bound knows which
attempts will fail and does not ask them, so a few points are out of anybody's reach. Made by
`python -m benchmarks.pacing --seeds 2`, seeds 1 and 2; the spread between them is below half a point, bands at $5 one.

| rule, at a month's budget of | $0 | $1 | $5 | $20 | $100 |
| --- | ---: | ---: | ---: | ---: | ---: |
| fixed: ultra-cheap above $3, else free | 80 % | 45 % | 69 % | 84 % | 80 % |
| bands of the balance mapped to tiers | 80 % | 57 % | 70 % | 88 % | 83 % |
| even pacing by a price ceiling | 80 % | 73 % | 96 % | 97 % | 95 % |
| **the price of money** | **91 %** | **97 %** | **98 %** | **97 %** | **95 %** |
| the same, but every draft is posted | 91 % | 66 % | 97 % | 97 % | 95 % |

## Tiers

The blended price counts three tokens read to one written, in USD per million.

| tier | blended price | models in the listing | for example |
| --- | --- | ---: | --- |
{tiers}

## Intelligence

A number from 1 to 10; inside, it keeps its fraction. {known} of the {usable} usable models belong to a family in
`ai/model_config/intelligence.json`, which is a judgement and easy to correct. The rest is a guess from what a listing
says:

    7.8 + 0.6 · log10(USD per million, blended) − 1.85 · age in years + 0.9 · log10(parameters / 50 billion)

with one point more for Anthropic, Google and OpenAI. Age counts from the newest models of the same listing, and a
`:free` variant is as clever as its paid twin. What is observed counts as well: of a model's last sixty answers, the
share that could be read and did not say again what had just been said scales its figure.

## What is never asked, and why

A call is paid only where the most that it can cost is known beforehand.

| reason | models | for example |
| --- | ---: | --- |
{excluded}

Free models that always reason may be asked, since their reasoning costs nothing. Whose reasoning cannot be switched
off is what the listing says (`reasoning.mandatory`); where it says nothing, a list of families.

Several names of one model (`-fast`, `:nitro`, dated ones) are one model: the cheapest is asked, the others only where
a person or a caller names them. A price that is left open is not free.

## The shipped listing

Prices are USD per million tokens, read / written; context is in tokens.
"""


def page() -> str:
    """Return docs/OPENROUTER_MODELS.md as the shipped catalogue and the code have it."""
    models = shipped_models()
    usable = [model for model in models if model.barred is None]
    text = INTRODUCTION.format(
        no_repeat=NO_REPEAT,
        b=START_B,
        weights=_weights(),
        tiers=_tiers(usable),
        known=sum(known_quality(model.id.removesuffix(":free")) is not None for model in usable),
        usable=len(usable),
        excluded=_excluded([model for model in models if model.barred is not None]),
    )
    return text + "".join(_listing(tier, usable) for tier in (Tier.FREE, Tier.ULTRA_CHEAP, Tier.CHEAP, Tier.PREMIUM))


def ship(recording: Path) -> int:
    """Trim a recorded `/models` document into the shipped catalogue; return how many models it lists.

    Raises ValueError where the file is no listing.
    """
    document = read_json(recording.read_bytes()) or {}
    entries = sorted((trimmed(entry) for entry in document.get("data") or []), key=lambda entry: str(entry.get("id")))
    if not parse_openrouter({"data": entries}):
        raise ValueError(f"{recording} lists no models; give what GET /models answered")
    rows = ",\n".join(json.dumps(entry, ensure_ascii=False, default=str) for entry in entries)
    SHIPPED.write_text('{"data": [\n' + rows + "\n]}\n", encoding="utf-8")
    return len(entries)


def _weights() -> str:
    rows = []
    for purpose, weight in sorted(WEIGHTS.items(), key=lambda item: item[1]):
        rate = DEFAULT_RATES[purpose]
        often = f"{rate:g}" if rate >= 1 else f"1 in {1 / rate:.0f} days"
        rows.append(f"| {_meaning(purpose)} | {weight:g} | {often} |")
    return "\n".join(rows)


def _meaning(purpose: Purpose) -> str:
    return {
        Purpose.THOUGHT: "a thought",
        Purpose.SOCIAL: "a draft of a post",
        Purpose.REFLECTION: "a reflection",
        Purpose.IMPORTANT: "important: a message of the caretaker, the first beat of a day",
        Purpose.CRISIS: "a crisis: the budget becomes critical, death is near",
        Purpose.BIRTH: "a birth",
        Purpose.DEATH: "a death",
    }[purpose]


def _tiers(usable: Sequence[Model]) -> str:
    ranges = {
        Tier.LOCAL: "costs nothing, needs no network",
        Tier.FREE: "costs nothing, has a daily quota",
        Tier.ULTRA_CHEAP: f"up to ${ULTRA_CHEAP_USD}",
        Tier.CHEAP: f"up to ${CHEAP_USD}",
        Tier.PREMIUM: f"above ${CHEAP_USD}",
    }
    rows = ["| `local` | " + ranges[Tier.LOCAL] + " | – | `local/qwen2.5-1.5b` |"]
    for tier in (Tier.FREE, Tier.ULTRA_CHEAP, Tier.CHEAP, Tier.PREMIUM):
        mine = _best_first([model for model in usable if model.tier is tier])
        rows.append(f"| `{tier.value}` | {ranges[tier]} | {len(mine)} | {_examples(mine)} |")
    return "\n".join(rows)


def _excluded(barred: Sequence[Model]) -> str:
    by_reason: dict[str, list[Model]] = {}
    for model in barred:
        by_reason.setdefault(str(model.barred), []).append(model)
    most_first = sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0]))
    return "\n".join(f"| {reason} | {len(models)} | {_examples(models)} |" for reason, models in most_first)


def _examples(models: Sequence[Model]) -> str:
    return ", ".join(f"`{model.id}`" for model in models[:EXAMPLES])


def _listing(tier: Tier, usable: Sequence[Model]) -> str:
    rows = [
        f"| `{model.id}` | {model.intelligence} ({model.quality:.1f}) | {_price(model)} | {_context(model)} |"
        for model in _best_first([model for model in usable if model.tier is tier])
    ]
    head = f"\n### {tier.value}\n\n| model | intelligence | price | context |\n| --- | --- | --- | ---: |\n"
    return head + "\n".join(rows) + "\n"


def _best_first(models: Sequence[Model]) -> list[Model]:
    return sorted(models, key=lambda model: (-model.quality, model.id))


def _price(model: Model) -> str:
    if model.free:
        return "–"
    return f"{per_million(model.prices.prompt)} / {per_million(model.prices.completion)}"


def _context(model: Model) -> str:
    return "unknown" if model.context_length is None else f"{model.context_length:,}"


def main(arguments: Sequence[str]) -> int:
    """Write the page, after shipping a recording where one is given; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.models")
    parser.add_argument("--ship", type=Path, metavar="FILE", help="a recorded /models document to ship from now on")
    given = parser.parse_args(arguments)
    try:
        if given.ship is not None:
            ship(given.ship)
        PAGE.write_text(page(), encoding="utf-8")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
