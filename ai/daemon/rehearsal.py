"""A span of days lived in minutes: the real rotator, ledger, outbox and brain on a simulated provider and clock."""

import shutil
from calendar import monthrange
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from ai.asking import Purpose
from ai.clock import VirtualClock
from ai.credit_tracker.limits import DEFAULT_FREE_REQUESTS
from ai.credit_tracker.periods import month_end, month_of
from ai.daemon.app import App
from ai.daemon.stage import Stage
from ai.daemon.wiring import open_app
from ai.ledger.money import nanos, usd9
from ai.llm.local.listing import embedded_models
from ai.llm.local.machine import read_machine
from ai.llm.simulated import SimulatedEndpoint
from ai.mind.journal import Event
from ai.model_config import Model
from ai.model_rotator.hindsight import Means, hindsight_bound
from ai.model_rotator.policy import WEIGHTS
from ai.settings import Settings
from ai.social.networks.rehearsed import RehearsedX

CHORES = frozenset({"settle", "deliver", "prune"})  # the others ask the world outside, and there is none
LOCAL_MODELS_AT_MOST = 1  # the embedded model is one candidate
BOUND_ROUNDS = 200
REHEARSED_KEY = "rehearsal"  # no provider ever sees it
NOWHERE = "http://127.0.0.1:1"  # where nobody listens: a listing that is not kept is the shipped one


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rehearsed: how many days, on what monthly budget, how often it thinks, from which seed."""

    days: int
    budget: Decimal
    interval_seconds: int
    seed: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One answered call, as the bound of hindsight knows it."""

    at: float
    purpose: Purpose
    prompt: int
    completion: int
    appeal: float = 1.0


def settings_for(plan: Plan, chosen: Settings, folder: Path) -> Settings:
    """Return `chosen` as it is rehearsed: in `folder`, on OpenRouter's prices, with nothing that reaches out."""
    kept = {name: getattr(chosen, name) for name in KEPT}
    return Settings(
        **kept,
        data_dir=folder,
        openrouter_api_key=REHEARSED_KEY,
        openrouter_base_url=NOWHERE,
        monthly_budget_usd=plan.budget,
        think_interval_seconds=plan.interval_seconds,
        tweets="live",
        embeddings="off",
        x_api_key=REHEARSED_KEY,
        x_api_secret=REHEARSED_KEY,
        x_access_token=REHEARSED_KEY,
        x_access_token_secret=REHEARSED_KEY,
    )


KEPT = (
    "openrouter_model", "daily_budget_usd", "free_requests_per_day", "free_requests_per_minute", "max_steps_per_beat",
    "max_output_tokens", "local_model", "bootstrap_mode", "on_bankruptcy", "tweets_per_day", "tweet_min_gap_seconds",
    "tweet_price_usd", "tweet_with_url_price_usd", "tweet_read_price_usd", "budgets",
)  # fmt: skip


class Rehearsal:
    """One rehearsal in a folder of its own; `live` lives it and returns the document of CONTRACT §8."""

    def __init__(self, plan: Plan, chosen: Settings, folder: Path) -> None:
        self._plan = plan
        self._settings = settings_for(plan, chosen, folder)
        self._start = month_end(month_of(datetime.now(UTC)))
        self._clock = VirtualClock(self._start)
        rng = Random(plan.seed)  # noqa: S311 - repeatable, and nothing secret
        self._remote = SimulatedEndpoint("openrouter", self._clock, rng, paid=True)
        self._local = SimulatedEndpoint("local", self._clock, rng, paid=False)
        self._models = [m for m in embedded_models(chosen.local_model, read_machine()) if m.barred is None]
        self._network = RehearsedX(self._settings, self._clock)
        self._calls: list[tuple[Moment, str]] = []
        self._due: dict[str, datetime] = {}
        self.held_for: tuple[tuple[int, str], ...] = ()  # of what was left at the end: nano-dollars, and what for
        listing = chosen.data_dir / "catalogue.json"
        if chosen.provider == "openrouter" and listing.is_file():
            shutil.copy(listing, folder / "catalogue.json")  # at the prices of the day

    async def live(self, day_over: Callable[[int], None]) -> dict[str, Any]:
        """Live the days; `day_over` hears of each. Nothing is sent, and nothing outside the folder is written."""
        stage = Stage(
            [self._remote, *([self._local] if self._models else [])],
            lambda: self._models[:LOCAL_MODELS_AT_MOST],
            [self._network],
        )
        by_day: list[dict[str, Any]] = []
        beats, periods = 0, set[str]()
        opened = open_app(self._settings, self._clock, seed=self._plan.seed, listen=self._heard, stage=stage)
        async with opened as app:
            await app.greet()
            spent_before = 0
            for day in range(1, self._plan.days + 1):
                period = month_of(app.clock.now())
                beats += await self._live_day(app, self._start + timedelta(days=day))
                balance = await app.tracker.balance()
                periods |= {period, balance.period}
                reports = await _reports(app, periods)
                spent = sum(nanos(report["spent"]) for report in reports)
                left = sum(_unspent(report) for report in reports if report["period"] == period)
                by_day.append({"day": day, "spent": usd9(spent - spent_before), "left": usd9(left)})
                spent_before = spent
                self.held_for = balance.held_for if balance.period == period else ()
                day_over(day)
            share = self._bound_share(app)
        return {
            "days": self._plan.days,
            "budget": usd9(nanos(str(self._plan.budget))),
            "spent": usd9(spent_before),
            "beats": beats,
            "posts": self._network.posted,
            "by_day": by_day,
            "by_model": _merged(reports, "by_model", "model"),
            "by_purpose": _merged(reports, "by_purpose", "purpose"),
            "bound_share": share,
        }

    async def _live_day(self, app: App, until: datetime) -> int:
        """Live the beats that are due before `until`, and do the chores between them; return how many."""
        lived = 0
        while app.clock.now() < until:
            lived += await app.live_one() is not None
            wait = (app.schedule.next_beat_at() - app.clock.now()).total_seconds()
            self._clock.advance(max(1.0, wait))
            await self._do_chores(app)
        return lived

    async def _do_chores(self, app: App) -> None:
        """Do what is due by the daemon's own intervals."""
        now = app.clock.now()
        for name, seconds, work in app.chores():
            if name in CHORES and now >= self._due.get(name, now):
                self._due[name] = now + timedelta(seconds=seconds)
                await work()

    def _heard(self, event: Event) -> None:
        if event.kind == "thought.drafted":  # several answers that cost nothing, of which one is thought
            del self._calls[1 - event.data["drafts"] :]
        elif event.kind == "call.completed":
            data = event.data
            at = (event.at - self._start).total_seconds()
            purpose = Purpose(data["purpose"])
            moment = Moment(max(0.0, at), purpose, data["prompt_tokens"] or 0, data["completion_tokens"] or 0)
            self._calls.append((moment, data["model"]))

    def _bound_share(self, app: App) -> float | None:
        """Return the worth of what was lived as a share of what nobody could exceed; None where nothing was thought.

        A call is worth its purpose's weight times its model's quality; a draft that is not published counts as a
        thought (facts of pacing: the utility of a call).
        """
        weighed = [(moment, model) for moment, model in self._calls if moment.purpose in WEIGHTS]
        if not weighed:
            return None
        known: dict[str, Model] = {**app.catalogue.models(), **{model.id: model for model in self._models}}
        social, left = [model for moment, model in weighed if moment.purpose is Purpose.SOCIAL], self._network.posted
        worth = sum(_weight(moment) * known[model].quality for moment, model in weighed if model in known)
        gain = WEIGHTS[Purpose.SOCIAL] - 1.0
        worth += sum(gain * known[model].quality for model in social[:left] if model in known)
        quota = self._settings.free_requests_per_day
        means = Means(
            budget=round(nanos(str(self._plan.budget)) * self._months()),
            days=self._plan.days + 1,
            free_per_day=quota if isinstance(quota, int) else DEFAULT_FREE_REQUESTS,
            posts_per_day=self._settings.tweets_per_day,
            post_nanos=nanos(self._settings.tweet_price_usd),
            local_quality=self._models[0].quality if self._models else 0.0,
        )
        usable = [model for model in app.catalogue.models().values() if model.barred is None]
        bound = hindsight_bound([moment for moment, _ in weighed], usable, means, BOUND_ROUNDS)
        return round(worth / bound, 3) if bound > 0 else None

    def _months(self) -> float:
        """Return how many months' budgets the days were lived on: of a month that was not over, its share."""
        lived = [self._start + timedelta(days=day) for day in range(self._plan.days)]
        return sum(1 / monthrange(day.year, day.month)[1] for day in lived)


async def _reports(app: App, periods: set[str]) -> list[dict[str, Any]]:
    return [await app.tracker.budget_report(period) for period in sorted(periods)]


def _unspent(report: dict[str, Any]) -> int:
    """Return what a month was given and has not spent, held or not, in nano-dollars; its last day included."""
    return nanos(report["granted"]) + nanos(report["donated"]) - nanos(report["spent"])


def _weight(moment: Moment) -> float:
    return 1.0 if moment.purpose is Purpose.SOCIAL else WEIGHTS[moment.purpose]


def _merged(reports: list[dict[str, Any]], part: str, key: str) -> list[dict[str, Any]]:
    """Return one list of a document's parts over several months, dearest first."""
    sums: dict[str, Counter[str]] = {}
    for row in (row for report in reports for row in report[part]):
        counts = sums.setdefault(row[key], Counter())
        for name, value in row.items():
            if name != key:
                counts[name] += nanos(value) if name == "cost" else value
    rows: list[dict[str, Any]] = []
    for name, counts in sums.items():
        rows.append({key: name} | {n: usd9(value) if n == "cost" else value for n, value in counts.items()})
    return sorted(rows, key=lambda row: (-nanos(row["cost"]), str(row[key])))
