"""GET /metrics for Prometheus: gauges read from the app at each scrape, in a registry of their own."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from starlette.requests import Request
from starlette.responses import Response

from ai.clock import parse_rfc3339
from ai.credit_tracker.statement import OTHERS
from ai.observer.answers import Encoded, answer, encoded
from ai.observer.sources import Budget, CallerRow, State
from ai.observer.view import View, view_of

BANDS = ("comfortable", "moderate", "cautious", "critical", "bankrupt")


class _Scrape:
    """One scrape's figures, already read; the client library only writes them out."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        return self._families


async def metrics(request: Request) -> Response:
    """Answer the metrics; amounts only where money is public, by key and run only where it bears ADMIN_TOKEN."""
    view = view_of(request)
    money, names = view.money(request), view.names(request)

    async def ask() -> Encoded:
        families = _of_mind(await view.sight(request).state.get(), view)
        if money:
            families += _of_purse(await view.budget.get())
            families += of_callers(await view.callers.get(), names=names)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Scrape(families))
        return await view.reader.work(lambda: encoded(generate_latest(registry), CONTENT_TYPE_LATEST))

    return answer(request, await view.shared(f"metrics {money} {names}", ask))


def _of_mind(state: State, view: View) -> list[Metric]:
    found: list[Metric] = [
        _gauge("alive", "1 while a life is lived", int(state["alive"])),
        _gauge("paused", "1 while the caretaker holds it", int(state["paused"])),
        _gauge("life_number", "Which life is lived", state["life"]),
        _counter("beats", "Beats of this life", state["beats"]),
        _gauge("last_beat_timestamp_seconds", "When it last thought", _unix(state["last_beat_at"])),
        _gauge("next_beat_timestamp_seconds", "When it thinks next", _unix(state["next_beat_at"])),
        _counter("journal_events", "Number of the newest event", view.tail.newest),
        _gauge("streams_open", "Readers following live", view.tail.readers),
    ]
    calls = CounterMetricFamily("genesis_calls_month", "Calls answered this month", labels=["model"])
    failures = CounterMetricFamily("genesis_failures_month", "Calls failed this month", labels=["model"])
    for model, spent in view.month.figures.models.items():
        calls.add_metric([model], spent.calls)
    for model, count in view.month.figures.failures.items():
        failures.add_metric([model], count)
    band = GaugeMetricFamily("genesis_band", "1 for the band the budget is in", labels=["band"])
    for name in BANDS:
        band.add_metric([name], int(state["budget"]["band"] == name))
    return [*found, calls, failures, band]


def _of_purse(budget: Budget) -> list[Metric]:
    names = ("granted", "donated", "spent", "held", "available")
    figures: dict[str, Any] = dict(budget)
    return [_gauge(f"{name}_usd", f"Of this month: {name}, in dollars", float(figures[name])) for name in names]


def of_callers(callers: Sequence[CallerRow], *, names: bool) -> list[Metric]:
    """Return what programs called and spent through the gateway this month: in sum, or by key and run with `names`.

    Calls of those who are not named one by one are a gauge: they fall as one of them comes among the dearest, which
    in a counter would be read as a start from 0.
    """
    labels = ("key", "run") if names else ()
    calls = CounterMetricFamily("genesis_gateway_calls_month", "Calls paid through the gateway", labels=labels)
    spent = GaugeMetricFamily("genesis_gateway_spent_usd", "Dollars spent this month", labels=labels)
    others = GaugeMetricFamily("genesis_gateway_others_calls_month", "Calls of keys and runs that are not named here")
    if not names:
        callers = [caller_sum(callers)]
    for row in callers:
        caller = [row["key"], row["run"]] if names else []
        if row["key"] == OTHERS:
            others.add_metric([], row["calls"])
        else:
            calls.add_metric(caller, row["calls"])
        spent.add_metric(caller, float(row["cost"]))
    return [calls, spent, others] if others.samples else [calls, spent]


def caller_sum(callers: Sequence[CallerRow]) -> CallerRow:
    """Return what all of them called and spent together."""
    cost = sum((Decimal(row["cost"]) for row in callers), Decimal(0))
    return {"key": "", "run": "", "calls": sum(row["calls"] for row in callers), "cost": f"{cost:.9f}"}


def _gauge(name: str, meaning: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"genesis_{name}", meaning)
    if value is not None:
        family.add_metric([], value)
    return family


def _counter(name: str, meaning: str, value: float) -> Metric:
    family = CounterMetricFamily(f"genesis_{name}", meaning)
    family.add_metric([], value)
    return family


def _unix(text: str | None) -> float | None:
    return None if text is None else parse_rfc3339(text).timestamp()
