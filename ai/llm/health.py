"""How models and providers are doing: cooldowns with one probe at their end, kept across restarts."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.credit_tracker import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ai.mind.database import MindDatabase
    from ai.model_config import Model

LONGEST_COOLDOWN = timedelta(hours=6)  # a model that came back is noticed the same day
LONGEST_ASKED = timedelta(days=1)  # where the provider itself said when
DOUBLINGS = 12  # 2^12 seconds and more are beyond the longest cooldown already
LATENCY_SMOOTHING = 0.2  # about the last five answers count
MAX_REASON_CHARS = 300
BILL_ABOVE = "model.bill_above:"  # and the model's id: what mind.db keeps of a bill above its bound


@dataclass(frozen=True, slots=True)
class Health:
    """How one subject (a model, a provider's tier, a provider) is doing; `failures` are those in a row."""

    subject: str
    failures: int = 0
    until: datetime | None = None
    reason: str | None = None
    barred: str | None = None
    told: bool = False
    answers: int = 0
    latency_seconds: float | None = None
    last_answer_at: datetime | None = None
    last_failure_at: datetime | None = None


def tier_subject(model: Model) -> str:
    """Return the name under which a provider's free, paid, or unmetered models rest together."""
    kind = "unmetered" if model.unmetered else "free" if model.free else "paid"
    return f"tier:{model.endpoint}/{kind}"


def maker_subject(model: Model) -> str:
    """Return the name under which all models of one maker rest at a provider."""
    return f"maker:{model.endpoint}/{model.id.split('/', 1)[0]}"


def endpoint_subject(endpoint: str) -> str:
    """Return the name under which a whole provider rests."""
    return f"endpoint:{endpoint}"


class ModelHealth:
    """The health of every subject; every change is written at once to mind.db."""

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock
        rows = mind.connection.execute("SELECT * FROM model_health").fetchall()
        self._healths = {row["subject"]: _from_row(dict(row)) for row in rows}
        self._probing: set[str] = set()

    def snapshot(self) -> dict[str, Health]:
        """Return the health of all that ever answered or failed."""
        return dict(self._healths)

    def available(self, model: Model | str, now: datetime) -> bool:
        """Return whether it may be asked at `now`; for a Model, its tier and its provider are looked at too."""
        return all(self._rested(subject, now) for subject in subjects(model))

    def begin(self, model: Model) -> bool:
        """Take the right to ask `model`; False while it rests or another caller's probe of it is under way."""
        now = self._clock.now()
        if not self.available(model, now):
            return False
        half_open = {subject for subject in subjects(model) if self._get(subject).failures}
        if half_open & self._probing:
            return False
        self._probing |= half_open
        return True

    def end(self, model: Model) -> None:
        """Give back the right that `begin` gave, however the call ended."""
        self._probing -= set(subjects(model))

    def succeeded(self, model: Model, latency_seconds: float) -> None:
        """The model answered: it, its tier and its provider are well again."""
        now = self._clock.now()
        with self._mind.transaction():
            for subject in subjects(model):
                health = self._get(subject)
                before = health.latency_seconds
                smoothed = (
                    latency_seconds if before is None else before + LATENCY_SMOOTHING * (latency_seconds - before)
                )
                well = replace(health, failures=0, until=None, reason=None, told=False)
                self._put(replace(well, answers=health.answers + 1, latency_seconds=smoothed, last_answer_at=now))

    def cooldown(
        self, subject: str, seconds: float, reason: str, *, at_least_seconds: float = 0.0, steady: bool = False
    ) -> None:
        """Let `subject` rest: `seconds`, doubled for each failure in a row before this one (never, where `steady`).

        `at_least_seconds` is what the provider asked for: it prolongs the rest, and never shortens it. 0 seconds of
        both only note the failure.
        """
        now = self._clock.now()
        health = self._get(subject)
        doublings = 0 if steady else min(health.failures, DOUBLINGS)
        own = min(timedelta(seconds=seconds * 2**doublings), LONGEST_COOLDOWN)
        rest = max(own, min(timedelta(seconds=at_least_seconds), LONGEST_ASKED))
        failures = health.failures + (1 if rest else 0)
        until = now + rest if rest else health.until
        said = reason[:MAX_REASON_CHARS]
        self._put(replace(health, failures=failures, until=until, reason=said, last_failure_at=now))

    def bar(self, model_id: str, reason: str, bill: tuple[int, Usage] | None = None) -> None:
        """Do not ask this model again: it billed more than its bound.

        `bill` is what it billed, in nano-dollars, for which tokens, where its listed price did not explain that: then
        a listing that does lifts the bar again; else only a person does.
        """
        with self._mind.transaction():
            self._put(replace(self._get(model_id), barred=reason[:MAX_REASON_CHARS]))
            kept = None if bill is None else [bill[0], *astuple(bill[1])]
            self._mind.remember(f"{BILL_ABOVE}{model_id}", kept)

    def unbar(self, model_id: str) -> bool:
        """Let a barred model be asked again; False where it was not barred."""
        health = self._get(model_id)
        if health.barred is None:
            return False
        with self._mind.transaction():
            self._put(replace(health, barred=None, failures=0, until=None, reason=None, told=False))
            self._mind.remember(f"{BILL_ABOVE}{model_id}", None)
        return True

    def unbar_where_explained(self, models: Mapping[str, Model]) -> list[str]:
        """Lift the bars of models whose listed price explains by now what they billed; return their ids."""
        barred = [models[id_] for id_, health in self._healths.items() if health.barred is not None and id_ in models]
        return [model.id for model in barred if self._explains(model) and self.unbar(model.id)]

    def _explains(self, model: Model) -> bool:
        kept = self._mind.recall(f"{BILL_ABOVE}{model.id}")
        if not isinstance(kept, list) or not model.prices.known:
            return False
        cost, *counts = map(int, kept)
        usage = Usage(*counts)
        listed = model.prices.cost(usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens)
        return listed >= cost

    def barred(self, model_id: str) -> str | None:
        """Return why this model may not be asked again, or None."""
        return self._get(model_id).barred

    def why_resting(self, model: Model) -> str:
        """Return in one line why `begin` refused this model."""
        now = self._clock.now()
        for health in map(self._get, subjects(model)):
            if not self._rested(health.subject, now):
                return f"resting: {health.barred or health.reason}"
        return "another call is trying whether it is back"

    def tell_once(self, subject: str) -> bool:
        """Return True the first time in the present trouble of `subject`."""
        health = self._get(subject)
        if health.told:
            return False
        self._put(replace(health, told=True))
        return True

    def probe_endpoints(self) -> None:
        """Let providers that are off be asked again now: at a start, which may follow a person's repair."""
        for health in list(self._healths.values()):
            if health.subject.startswith("endpoint:") and health.until is not None:
                self._put(replace(health, until=None))

    def _rested(self, subject: str, now: datetime) -> bool:
        health = self._get(subject)
        if health.barred is not None:
            return False
        # a clock set back must not silence anyone for longer than the longest rest
        return health.until is None or health.until <= now or health.until - now > LONGEST_ASKED

    def _get(self, subject: str) -> Health:
        return self._healths.get(subject) or Health(subject)

    def _put(self, health: Health) -> None:
        self._healths[health.subject] = health
        self._mind.connection.execute(
            "INSERT OR REPLACE INTO model_health (subject, failures, until, reason, barred, told, answers,"
            " latency_seconds, last_answer_at, last_failure_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                health.subject,
                health.failures,
                _text(health.until),
                health.reason,
                health.barred,
                int(health.told),
                health.answers,
                health.latency_seconds,
                _text(health.last_answer_at),
                _text(health.last_failure_at),
            ),
        )


def subjects(model: Model | str) -> tuple[str, ...]:
    """Return the names that a model rests under, its own first; of a bare id or subject, that alone."""
    if isinstance(model, str):
        return (model,)
    return (model.id, maker_subject(model), tier_subject(model), endpoint_subject(model.endpoint))


def _text(when: datetime | None) -> str | None:
    return None if when is None else rfc3339(when)


def _from_row(row: dict[str, object]) -> Health:
    times = {
        name: parse_rfc3339(str(row[name])) if row[name] is not None else None
        for name in ("until", "last_answer_at", "last_failure_at")
    }
    fields = {name: value for name, value in row.items() if name not in times and name != "told"}
    return Health(**fields, **times, told=bool(row["told"]))  # type: ignore[arg-type]
