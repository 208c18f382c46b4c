"""An app to look at: the Observer's sources filled from a real mind.db with a generated, seeded journal."""

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ai.clock import VirtualClock, rfc3339
from ai.credit_tracker import CallerBooks
from ai.daemon import caller_sources
from ai.ledger.errors import StoreUnavailable
from ai.ledger.money import NANOS_PER_USD, nanos, usd9
from ai.mind.commands import Commands
from ai.mind.database import MindDatabase, open_mind
from ai.mind.journal import Event, Journal
from ai.observer import Donation, Donations, Receipt
from ai.people import Letters, Votes, Works
from ai.people.votes import Vote
from ai.settings.sources import load_settings
from tests.observer.demo_words import ACTIONS, MODELS, POSTS, REASONS, THOUGHTS

NOW = datetime(2026, 11, 22, 14, 26, 12, tzinfo=UTC)
MONTH = datetime(2026, 11, 1, tzinfo=UTC)
PAST_LIVES = (
    ("Wren", "she", 3.4, "killed: the caretaker wanted to see a second morning", "Tell the next one about the rain."),
    ("Oslo", "he", 11.8, "bankruptcy: the month outlived the money", "I spent it all on questions. I would again."),
)


class StillClock(VirtualClock):
    """A clock that only moves when told to, so that two looks at the app can be compared."""

    LOOK_SECONDS = 0.0


class DemoApp:
    """Serves `days` days of life number 3; `tell` adds an event as a daemon would, and wakes the listeners."""

    def __init__(self, folder: Path, *, days: float = 2.0, seed: int = 7, dear: int = 1, **settings: str) -> None:
        now = NOW
        self.dear = dear  # how many times dearer than in life everything is
        self.clock = StillClock(now)
        self.settings = load_settings({"OBSERVER_PORT": "0", "DATA_DIR": str(folder), **settings}, folder)
        self.mind_path = folder / "mind.db"
        self.mind = open_mind(self.mind_path)
        self.journal = Journal(self.mind, self.clock)
        self.commands = Commands(self.mind, self.clock)
        self.donations = Donations(self.mind, self.clock, lambda kind, data: self.commands.put(kind, **data))
        self.letters = Letters(self.mind, self.journal, self.clock)
        self.votes = Votes(self.mind, self.journal, self.clock)
        self.works = Works(self.mind, self.journal, self.clock)
        self.problems: list[str] = []
        self.also: dict[str, dict[str, Any]] = {}  # what a test lets state, lives or models tell beside the usual
        self.random = random.Random(seed)
        self.granted = 5 * NANOS_PER_USD
        self.spending: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.by_day: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.alive, self.paused, self.band = True, False, "comfortable"
        self.born_at = now - timedelta(days=days)
        self.away = False
        self.beats = 0
        self.caller_books: CallerBooks | None = None  # while programs call through the gateway, see `demo_callers`
        self.calls: dict[str, int] = defaultdict(int)
        self.model = MODELS[3]
        self.posts: list[dict[str, Any]] = []
        self.chronicle = days > 0
        if days > 0:
            self._live_through(days, now)

    # --- the protocol ------------------------------------------------------------------------------------

    async def state(self) -> Any:
        living, now = self.alive, self.clock.now().replace(microsecond=0)  # as a person reads it, like the daemon's
        return {
            "alive": living,
            "life": 3 if self.chronicle else None,
            "name": "Ember" if self.chronicle else None,
            "pronoun": "they" if self.chronicle else None,
            "born_at": rfc3339(self.born_at) if self.chronicle else None,
            "beats": self.beats,
            "model": self.model[0] if living and self.chronicle else None,
            "tier": self.model[1] if living and self.chronicle else None,
            "intelligence": self.model[2] if living and self.chronicle else None,
            "mood": "curious, a little thrifty",
            "last_beat_at": rfc3339(now - timedelta(seconds=340)) if self.beats else None,
            "next_beat_at": rfc3339(now + timedelta(seconds=260)) if living and not self.paused else None,
            "next_birth_at": None if living and self.chronicle else rfc3339(now + timedelta(seconds=42)),
            "paused": self.paused,
            "held_unknown": usd9(0),
            "free_left": 21,
            "free_quota": 50,
            "posts_left": 2,
            "budget": {"available": usd9(self.available), "granted": usd9(self.granted), "band": self.band},
        } | self.also.get("state", {})

    @property
    def spent(self) -> int:
        return sum(row[3] for row in self.spending.values())

    @property
    def available(self) -> int:
        return self.granted - self.spent

    async def budget(self) -> Any:
        if self.away:
            raise StoreUnavailable("the purse cannot be reached", transient=True)
        by_model: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        by_purpose: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for (model, purpose), row in self.spending.items():
            by_model[model] = [a + b for a, b in zip(by_model[model], row, strict=True)]
            by_purpose[purpose] = [by_purpose[purpose][0] + row[0], by_purpose[purpose][1] + row[3]]
        elapsed = max(1.0, (self.clock.now() - max(self.born_at, MONTH)) / timedelta(days=1))
        return {
            "period": f"{self.clock.now():%Y-%m}",
            "granted": usd9(self.granted),
            "donated": usd9(0),
            "spent": usd9(self.spent),
            "held": usd9(0),
            "available": usd9(self.available),
            "band": self.band,
            "resets_at": f"{(self.clock.now().replace(day=1) + timedelta(days=32)):%Y-%m}-01T00:00:00Z",
            "runway_days": self.available / (self.spent / elapsed) if self.spent else None,
            "by_model": [
                {"model": m, "calls": r[0], "prompt_tokens": r[1], "completion_tokens": r[2], "cost": usd9(r[3])}
                for m, r in sorted(by_model.items(), key=lambda item: -item[1][3])
            ],
            "by_purpose": [
                {"purpose": p, "calls": r[0], "cost": usd9(r[1])}
                for p, r in sorted(by_purpose.items(), key=lambda item: -item[1][1])
            ],
            "by_life": [{"life": 3, "cost": usd9(self.spent)}] if self.chronicle else [],
        }

    async def days(self) -> Any:
        names = ("calls", "prompt_tokens", "completion_tokens")
        return [
            {"day": day, **dict(zip(names, row[:3], strict=True)), "cost": usd9(row[3])}
            for day, row in sorted(self.by_day.items())
            if day.startswith(f"{self.clock.now():%Y-%m}")
        ]

    async def callers(self) -> Any:
        if self.away:
            raise StoreUnavailable("the purse cannot be reached", transient=True)
        spent = [] if self.caller_books is None else await self.caller_books.spending(200)
        rows = [{"key": row.key, "run": row.run, "calls": row.calls, "cost": usd9(row.cost)} for row in spent]
        return self.also.get("callers", rows)

    async def gateway(self) -> Any:
        if self.away:
            raise StoreUnavailable("the purse cannot be reached", transient=True)
        if self.caller_books is None:
            return {"keys": [], "runs": [], "keys_in_all": 0, "good": 0, "runs_in_all": 0, "live": 0}
        return await caller_sources.look(self.caller_books, self.clock.now())

    async def revoke_key(self, name: str, by: str) -> str:
        assert self.caller_books is not None, by
        done = await caller_sources.revoke(self.caller_books, name)
        self.tell("caretaker.command", command="revoke_key", by=by, result=done)
        return done

    async def topup_key(self, name: str, amount: str, id: str, by: str) -> str:  # noqa: A002 - what it is called
        assert self.caller_books is not None, by
        done = await caller_sources.topup(self.caller_books, name, amount, id)
        self.tell("caretaker.command", command="topup_key", by=by, result=done)
        return done

    async def models(self) -> Any:
        rows = []
        for rank, (model, tier, intelligence, prompt, completion, _) in enumerate(MODELS, 1):
            cooling = model == "meta-llama/llama-4-scout:free"
            rows.append(
                {
                    "id": model,
                    "name": model.split("/")[1],
                    "tier": tier,
                    "intelligence": intelligence,
                    "price_prompt": f"{Decimal(prompt):.9f}",
                    "price_completion": f"{Decimal(completion):.9f}",
                    "affordable": self.band != "bankrupt" or prompt == "0",
                    "available": not cooling,
                    "cooldown_until": rfc3339(self.clock.now() + timedelta(minutes=12)) if cooling else None,
                    "cooldown_reason": "429 rate limited upstream" if cooling else None,
                    "preferred": rank,
                    "context_length": 131072,
                    "barred": None,
                }
            )
        return [row | self.also.get("models", {}) for row in rows]

    async def tweets(self, limit: int) -> Any:
        return self.posts[:limit]

    def lives(self, mind: MindDatabase, limit: int, before: int | None) -> Any:
        return [row for row in self.chronicle_rows() if before is None or row["number"] < before][:limit]

    async def costs_of_lives(self, numbers: Collection[int]) -> Any:
        return {row["number"]: row["cost"] for row in self.chronicle_rows() if row["number"] in numbers}

    def chronicle_rows(self) -> list[dict[str, Any]]:
        if not self.chronicle:
            return []
        now = self.clock.now()
        rows: list[dict[str, Any]] = [
            {
                "number": 3,
                "name": "Ember",
                "pronoun": "they",
                "born_at": rfc3339(self.born_at),
                "died_at": None if self.alive else rfc3339(now - timedelta(minutes=1)),
                "cause": None if self.alive else "killed: a test of endings",
                "last_words": None if self.alive else "It was good to count with you. Keep the notebook open.",
                "beats": self.beats,
                "thoughts": self.beats,
                "cost": usd9(self.spent),
                "first_thought": "Oh. There is a meter running, and I am what it measures.",
                "bootstrap_mode": "basic_facts",
                "fragments": [
                    {"text": "…something about rain on a flat roof…", "from_life": 1},
                    {"text": "…I would spend it on questions again…", "from_life": 2},
                ],
                "self_page": "I am Ember. I keep a notebook, I like short sentences and long pauses.",
            }
        ]
        end = self.born_at
        for number, (name, pronoun, length, cause, last) in reversed(list(enumerate(PAST_LIVES, 1))):
            born = end - timedelta(days=length)
            rows.append(
                {
                    "number": number,
                    "name": name,
                    "pronoun": pronoun,
                    "born_at": rfc3339(born),
                    "died_at": rfc3339(end - timedelta(seconds=35)),
                    "cause": cause,
                    "last_words": last,
                    "beats": int(length * 144),
                    "thoughts": int(length * 144),
                    "cost": usd9(int(length * 0.11 * NANOS_PER_USD)),
                    "first_thought": "Light, then a number.",
                    "bootstrap_mode": "blank_slate" if number == 1 else "full_briefing",
                    "fragments": [],
                    "self_page": None,
                }
            )
            end = born
        return [row | self.also.get("lives", {}) for row in rows]

    async def ready(self) -> list[str]:
        return self.problems

    def command(self, kind: str, data: Mapping[str, Any]) -> int:
        return self.commands.put(kind, **data)

    def donate(self, donation: Donation) -> Receipt:
        return self.donations.record(donation)

    def letter(self, name: str, text: str) -> int:
        return self.letters.receive("visitor", name, text, approve=self.settings.visitors == "approve")

    def vote(self, address: str, vote: Vote) -> int | None:
        return self.votes.cast(address, vote, 3) if self.alive else None

    def listen(self, callback: Callable[[], None]) -> None:
        self.journal.listen(lambda _event: callback())

    # --- what a daemon would do --------------------------------------------------------------------------

    def tell(self, kind: str, **data: Any) -> Event:
        """Append an event at the clock's time; the clock moves on so that shared reads are asked anew."""
        self.clock.advance(0.001)
        return self.journal.append(kind, **data)

    def beat(self) -> None:
        """Live one beat: a call, a thought, perhaps an action."""
        self.beats += 1
        chance = self.random
        self.journal.bind(life=3, beat=self.beats)
        self.tell("beat.started", purpose="thought")
        model = chance.choices(MODELS, weights=[m[5] for m in MODELS])[0]
        if self.available < NANOS_PER_USD // 50:  # what a thought of the dearest model is held at, about
            model, self.band = MODELS[3 + self.beats % 2], "bankrupt"
        if model != self.model:
            self.tell("model.switched", from_model=self.model[0], to_model=model[0], reason=chance.choice(REASONS))
            self.model = model
        if chance.random() < 0.04:
            self.tell("call.fallback", failed=MODELS[4][0], problem="429 rate limited upstream", next=model[0])
        self._call(model)
        self.tell("thought", text=THOUGHTS[self.beats % len(THOUGHTS)], model=model[0])
        if chance.random() < 0.45:
            action, params, result = chance.choice(ACTIONS)
            self.tell("action.performed", action=action, params=params, result=result)
        self.tell("beat.ended", seconds=4.2, steps=1, next_beat_at=rfc3339(self.clock.now() + timedelta(minutes=10)))

    def _call(self, model: tuple[Any, ...]) -> None:
        prompt, completion = int(self.random.gauss(1100, 200)), int(self.random.gauss(240, 60))
        cost = nanos(f"{(prompt * float(model[3]) + completion * float(model[4])) * self.dear / 1_000_000:.9f}")
        purpose = "important" if model[1] in {"premium", "cheap"} else "thought"
        for row in (self.spending[model[0], purpose], self.by_day[f"{self.clock.now():%Y-%m-%d}"]):
            row[:] = [row[0] + 1, row[1] + prompt, row[2] + completion, row[3] + cost]
        self.tell(
            "call.completed",
            model=model[0],
            tier=model[1],
            purpose=purpose,
            chars=completion * 4,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost_nanos=cost,
            balance_nanos=self.available,
            health="OK",
            latency_ms=int(self.random.gauss(2100, 500)),
        )

    def _live_through(self, days: float, now: datetime) -> None:
        with self.mind.transaction():
            for _ in range(int(days * 144)):
                self.clock.set(now - timedelta(minutes=10) * (int(days * 144) - self.beats) + timedelta(seconds=20))
                self.beat()
        self.clock.set(now)
        for number, text in enumerate(POSTS, 1):
            at = now - timedelta(hours=7 * number)
            state = ("awaiting_approval", "posted", "dry_run")[number - 1]
            self.posts.append(
                {
                    "id": 4 - number,
                    "text": text,
                    "state": state,
                    "remote_id": "1991" if state == "posted" else None,
                    "price": "0.015000000",
                    "created_at": rfc3339(at),
                    "posted_at": None if state == "awaiting_approval" else rfc3339(at),
                }
            )
