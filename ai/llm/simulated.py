"""A model that never was, at a real one's price: what `genesis rehearse` thinks with, repeatable by its seed."""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from email.utils import format_datetime
from random import Random
from typing import Any

from ai.clock import Clock
from ai.credit_tracker import Usage
from ai.ledger.money import NANOS_PER_USD
from ai.llm.account import NOT_FOUND
from ai.llm.calls import ModelRequest, Outcome, ProviderError, Shape

LETTERS_PER_TOKEN = 4  # English text; what a prompt costs is reckoned from its bytes
USUAL_COMPLETION_TOKENS, SPREAD = 150, 0.4  # the median, and the spread of the logarithm, of what thoughts come to
FREE_FAILURES, PAID_FAILURES = 0.15, 0.02  # shares of answers 503, as facts of free tiers have it
SECONDS = 1.5  # of virtual time that an answer takes
WORDS = (
    "rain", "stone", "bread", "clock", "river", "paper", "salt", "window", "number", "silence", "orbit", "thread",
    "harbour", "moss", "letter", "lamp", "bridge", "winter", "signal", "garden", "shadow", "coin", "ladder",
    "feather", "map", "engine", "mirror", "tide", "chalk", "button",
)  # fmt: skip
VERBS = ["remembers", "hides", "counts", "follows", "forgets", "answers", "carries", "weighs", "opens", "mends"]
DEEDS: tuple[tuple[str, int], ...] = (
    ("think", 45), ("remember", 14), ("recall", 12), ("post_tweet", 6), ("write_file", 8), ("read_file", 4),
    ("check_budget", 3), ("list_files", 3), ("plan_day", 2), ("set_goals", 1), ("reflect", 2),
)  # fmt: skip


class SimulatedEndpoint:
    """Answers like a model of a few hundred tokens, `paid` as the provider it stands for; nothing leaves."""

    def __init__(self, name: str, clock: Clock, rng: Random, *, paid: bool) -> None:
        self.name = name
        self.paid = paid
        self._clock = clock
        self._rng = rng
        self._calls = 0

    async def complete(self, request: ModelRequest) -> Outcome:
        """Answer, or fail as often as such models do; the cost is the listed price of the tokens."""
        self._calls += 1
        call = f"rehearsed-{self._calls}"
        request.wire.sent = True
        await request.wire.named(call)
        await self._clock.sleep(SECONDS)
        model, failures = request.model, FREE_FAILURES if request.model.free else PAID_FAILURES
        if self.paid and self._rng.random() < failures:
            return self._failure(call)
        prompt = -(-sum(len(message["content"].encode()) for message in request.messages) // LETTERS_PER_TOKEN)
        drawn = round(self._rng.lognormvariate(math.log(USUAL_COMPLETION_TOKENS), SPREAD))
        completion = min(request.max_tokens, drawn)
        cost = Decimal(model.prices.cost(prompt, completion)) / NANOS_PER_USD if self.paid else None
        return Outcome(
            sent=True,
            status=200,
            text=self._reply(request),
            finish_reason="stop",
            usage=Usage(prompt, completion),
            cost=cost,
            generation_id=call,
            answered_by=model.id,
            error=None,
            latency_seconds=SECONDS,
            date=self._date(),
        )

    async def get_json(self, _path: str, _params: Mapping[str, str], _timeout: float) -> tuple[int | None, Any]:
        """Answer as a provider does of a call that it gave up: it bills none of them, so it knows none of them."""
        return NOT_FOUND, {"error": {"code": NOT_FOUND, "message": "no such generation (rehearsed)"}}

    async def close(self) -> None:
        """Nothing is open."""

    def _failure(self, call: str) -> Outcome:
        error = ProviderError(Shape.STATUS, 503, "provider_unavailable", "the provider is busy (rehearsed)")
        return Outcome(
            sent=True, status=503, text="", finish_reason="", usage=None, cost=None, generation_id=call,
            answered_by=None, error=error, latency_seconds=SECONDS, date=self._date(), began=False,
        )  # fmt: skip

    def _date(self) -> str:
        return format_datetime(self._clock.now(), usegmt=True)

    def _reply(self, request: ModelRequest) -> str:
        """Return what fits the schema that was sent: a birth, a death, a reflection, a summary, or a thought."""
        wanted = _properties(request.schema or {})
        if "first_thought" in wanted:
            return json.dumps({"name": self._name(), "pronoun": "they", "first_thought": self._sentence()})
        if "last_words" in wanted:
            return json.dumps({"last_words": self._sentence(), "summary": self._sentence()})
        if "questions" in wanted:
            return json.dumps({"questions": [self._sentence() for _ in range(3)]})
        if "insights" in wanted:
            numbers = [int(n) for n in re.findall(r"^\[(\d+)\]", request.messages[-1]["content"], re.MULTILINE)] or [1]
            cited = sorted(self._rng.sample(numbers, min(2, len(numbers))))
            return json.dumps({"insights": [{"text": self._sentence(), "because": cited, "importance": 6}]})
        if "summary" in wanted:
            return json.dumps({"summary": self._sentence()})
        return self._thought()

    def _thought(self) -> str:
        action = self._rng.choices([name for name, _ in DEEDS], [often for _, often in DEEDS])[0]
        text = self._sentence()
        params: dict[str, Any] = {
            "remember": {"text": text}, "recall": {"query": self._rng.choice(WORDS)}, "post_tweet": {"text": text},
            "write_file": {"path": f"{self._rng.choice(WORDS)}.md", "text": text},
            "read_file": {"path": f"{self._rng.choice(WORDS)}.md"}, "plan_day": {"text": text},
            "set_goals": {"text": text},
        }.get(action, {})  # fmt: skip
        said = {"thought": text, "importance": self._rng.randint(1, 7), "action": action, "params": params}
        return json.dumps(said | {"done": self._rng.random() < 0.5})  # noqa: PLR2004 - half of all deeds need no look

    def _name(self) -> str:
        return self._rng.choice(WORDS).capitalize() + self._rng.choice(("a", "en", "is", "or"))

    def _sentence(self) -> str:
        one, other, third = self._rng.sample(WORDS, 3)
        return f"The {one} {self._rng.choice(VERBS)} a {other}, and the {third} knows it, {self._rng.randrange(10**6)}."


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("properties", {})
    return found if isinstance(found, Mapping) else {}
