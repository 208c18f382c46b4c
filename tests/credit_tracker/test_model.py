"""A model of the purse beside the purse: whatever is done in whatever order, the two agree to the nano-dollar."""

import asyncio
import copy
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ai.clock import VirtualClock
from ai.credit_tracker import (
    Caller,
    CallerBooks,
    Category,
    CreditTracker,
    Expense,
    KeyEnded,
    KeyTerms,
    NotAffordable,
    ProviderClock,
    Usage,
)
from ai.credit_tracker.accounts import open_credit_ledger
from ai.credit_tracker.audit import check_records
from ai.credit_tracker.holding import MAX_UNKNOWN_CALLS
from ai.credit_tracker.months import RESERVE_SHARE, Reserve, find_reserve
from ai.ledger.audit import audit
from ai.ledger.money import nanos
from ai.settings import Settings
from tests.social.conftest import KEYS

GRANT, DAY_CAP = 1_000, 700
THOUGHT, LEAST, WORDS, POST = 20, 10, 30, 15  # what a thought and a death must hold; of 1,000 a twentieth is 50
AMOUNTS = st.integers(min_value=0, max_value=600)
NAMES = ("ada", "bob")  # of keys
ACCOUNTS = (
    "SELECT id, filled, debits_pending AS held, credits_posted - debits_posted - debits_pending AS free "
    "FROM accounts JOIN caps ON account = id WHERE id LIKE 'key:%' OR id LIKE 'run:%'"
)


@dataclass
class CapModel:
    """What a key or a run was given once: `filled = spent + held + available`, whatever happens to it."""

    filled: int = 0
    spent: int = 0
    held: int = 0

    @property
    def available(self) -> int:
        return self.filled - self.spent - self.held

    def fill(self, level: int) -> None:
        self.filled = max(level, self.spent + self.held)

    def end(self, held: int, cost: int) -> None:
        self.held -= held
        self.spent += min(cost, held)
        self.spent += min(max(0, cost - held), self.available)


class Purse(RuleBasedStateMachine):
    """Drives one tracker and an independent account of what should be there."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.clock = VirtualClock(datetime(2026, 11, 27, 12, tzinfo=UTC))
        self.url = f"sqlite:///{Path(self.folder.name) / 'ledger.db'}"
        self.ledger = open_credit_ledger(self.url, self.clock)
        self.tracker: CreditTracker
        self.number = 0
        self.open: dict[str, Any] = {}  # call id → (held, month, day, unknown?)
        self.spent: dict[str, int] = {}  # month → nano-dollars
        self.day_spent: dict[str, int] = {}
        self.gifts = 0  # ever given
        self.estimates: dict[str, tuple[int, int, str, str]] = {}
        self.overran = False
        self.kept = Reserve("genesis", "")  # as it was after the last step
        self.keys: dict[str, tuple[int, int]] = {}  # name → how often it was made, and its budget; until it is revoked
        self.made: dict[str, int] = {}
        self.added: dict[str, int] = {}  # account → top-ups
        self.town = ""  # the account of the run of that name
        self.towns = 0
        self.accounts: dict[str, CapModel] = {}
        self.turned: dict[str, str] = {}  # key → the account it had last
        self.callers: dict[str, tuple[str, str, list[str]]] = {}  # call → key, run and the accounts it is held on
        self.billed: dict[tuple[str, str], int] = {}  # key, run → nano-dollars
        self.died: dict[str, int] = {}  # month → what it had been given when a death last took of the reserve

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    @property
    def month(self) -> str:
        return f"{self.clock.now():%Y-%m}"

    @property
    def day(self) -> str:
        return f"{self.clock.now():%Y-%m-%d}"

    @property
    def reserve(self) -> Reserve:
        return self.ledger.read_now(lambda tx: find_reserve(tx, "genesis", self.month))

    def opened(self, mind: str, on_bankruptcy: str) -> CreditTracker:
        made = Settings(
            monthly_budget_usd=Decimal(GRANT) / 10**9,
            daily_budget_usd=Decimal(DAY_CAP) / 10**9,
            on_bankruptcy=on_bankruptcy,
            openrouter_api_key="sk-or-test",
            tweets="live",
            tweet_price_usd=Decimal(POST) / 10**9,
            tweets_per_day=1_000,
            **KEYS,
        )
        provider_clock = ProviderClock(self.clock, required=False)
        tracker = CreditTracker(self.ledger, made, self.clock, mind_name=mind, provider_clock=provider_clock)
        self.run(tracker.open())
        tracker.set_smallest_hold(THOUGHT)
        tracker.set_last_words(LEAST, WORDS)
        self.run(tracker.may_pay())
        return tracker

    @initialize(on_bankruptcy=st.sampled_from(["die", "survive"]))
    def begin(self, on_bankruptcy: str) -> None:
        self.mortal = on_bankruptcy == "die"
        self.tracker = self.opened("genesis", on_bankruptcy)

    @rule()
    def another_mind_starts(self) -> None:
        self.opened("bob", "die")

    @rule(amount=AMOUNTS, life=st.sampled_from([None, 1, 2]), purpose=st.sampled_from(["thought", "social"]))
    def hold(self, amount: int, life: int | None, purpose: str) -> None:
        self.number += 1
        expense = Expense(f"call-{self.number}", f"lab/{self.number % 3}", purpose, amount, life, None)
        self.run(self.tracker.may_pay())  # enters the month, which fills the reserve
        self.admitted_as_it_should(expense, self.run(self.tracker.balance()).available)

    @rule(left=st.integers(0, 40))
    def the_month_is_spent(self, left: int) -> None:
        for _ in range(3):  # the day's cap is less than a month
            self.run(self.tracker.may_pay())
            amount = min(600, self.run(self.tracker.room("thought")), self.run(self.tracker.balance()).available - left)
            before = set(self.open)
            if amount > 0:
                self.hold(amount, 1, "thought")
            for call in set(self.open) - before:
                self.run(self.tracker.settle(call, amount))
                self._ended(call, amount)
            if self.run(self.tracker.balance()).available > left:
                self.time_passes(24)

    @rule(amount=st.integers(1, 60), posts=st.sampled_from([0, 1]))
    def hold_for_a_death(self, amount: int, posts: int) -> None:
        self.number += 1
        subject, purpose = ("x/post", "post") if posts else ("lab/1", "death")
        expense = Expense(
            f"call-{self.number}",
            subject,
            purpose,
            amount,
            1,
            None,
            posts=posts,
            last=True,
            category=Category.POST if posts else Category.MODEL,
        )
        self.run(self.tracker.may_pay())
        before, balance = self.reserve, self.run(self.tracker.balance())
        part = before.post if posts else before.words
        admitted = self.admitted_as_it_should(expense, balance.available + part, thinking=not posts)
        after, taken = self.reserve, max(0, amount - balance.available) if admitted else 0
        assert (after.words, after.post) == (before.words - taken * (1 - posts), before.post - taken * posts)
        if taken:
            self.died[self.month] = balance.granted + balance.donated
        rows = self.ledger.read_now(lambda tx: tx.execute("SELECT * FROM reserves WHERE words + post > 0"))
        assert all(row["period"] >= self.month for row in rows), "a month that is over keeps nothing"

    def admitted_as_it_should(self, expense: Expense, left: int, *, thinking: bool = True) -> bool:
        amount, before = expense.amount_nanos, self.run(self.tracker.balance())
        held_today = sum(call[0] for call in self.open.values() if call[2] == self.day)
        fits_day = self.day_spent.get(self.day, 0) + held_today + amount <= DAY_CAP
        minds = [call for name, call in self.open.items() if name not in self.callers]
        unknown_count = sum(call[3] for call in minds)
        unknown_held = sum(call[0] for call in minds if call[3] and call[1] == self.month)
        calm = unknown_count < MAX_UNKNOWN_CALLS and (
            unknown_held * 20 < before.granted + before.donated or unknown_held == 0
        )
        if amount == 0 or (left >= amount and fits_day and (calm or not thinking) and before.overrun == 0):
            self.run(self.tracker.hold(expense))
            self.open[expense.id] = (amount, self.month, self.day, False)
            return True
        try:
            self.run(self.tracker.hold(expense))
        except NotAffordable:
            return False
        raise AssertionError(f"{expense} was held against {before}")

    # --- keys and runs ---------------------------------------------------------------------------------

    @property
    def books(self) -> CallerBooks:
        return CallerBooks(self.ledger, Settings(), self.clock)

    def turn(self, key: str) -> str:
        """Give a key the account of its month, filled; that of another month is emptied."""
        times, budget = self.keys[key]
        account = f"key:{key}:{times}:{self.month}"
        if self.turned.get(key) != account:
            if key in self.turned:
                self.accounts[self.turned[key]].fill(0)
            self.accounts.setdefault(account, CapModel()).fill(budget + self.added.get(account, 0))
            self.turned[key] = account
        return account

    @rule(key=st.sampled_from(NAMES), budget=st.integers(0, 300))
    def a_key_is_made(self, key: str, budget: int) -> None:
        if key not in self.keys:
            self.run(self.books.create_key(key, KeyTerms(budget=budget)))
            self.made[key] = self.made.get(key, 0) + 1
            self.keys[key] = (self.made[key], budget)
            self.turn(key)

    @rule(key=st.sampled_from(NAMES), amount=st.integers(1, 100))
    def a_key_is_topped_up(self, key: str, amount: int) -> None:
        if key in self.keys:
            self.number += 1
            account = self.turn(key)
            for _ in range(2):
                self.run(self.books.topup_key(key, amount, f"topup-{self.number}"))
            self.added[account] = self.added.get(account, 0) + amount
            self.accounts[account].fill(self.keys[key][1] + self.added[account])

    @rule(key=st.sampled_from(NAMES))
    def a_key_is_revoked(self, key: str) -> None:
        if key in self.keys:
            self.run(self.books.revoke_key(key))
            del self.keys[key]
            self.accounts[self.turned[key]].fill(0)

    @rule(budget=st.one_of(st.none(), st.integers(0, 300)))
    def a_run_is_given_a_budget(self, budget: int | None) -> None:
        self.run(self.books.set_run_budget("town", budget))
        if self.town:
            self.accounts[self.town].fill(0)
        self.town = ""
        if budget is not None:
            self.towns += 1
            self.town = f"run:town:{self.towns}"
            self.accounts[self.town] = CapModel(budget)

    @rule(key=st.sampled_from(("", *NAMES)), run=st.sampled_from(("", "town")), amount=st.integers(0, 200))
    def hold_for_a_caller(self, key: str, run: str, amount: int) -> None:
        self.number += 1
        expense = Expense(f"call-{self.number}", "lab/1", "gateway", amount, None, None, caller=Caller(key, run))
        if key and key not in self.keys:
            with pytest.raises((KeyEnded, NotAffordable)):
                self.run(self.tracker.hold(expense))
            return
        self.run(self.tracker.may_pay())  # enters the month
        before = self.run(self.tracker.balance())
        was, had = dict(self.turned), copy.deepcopy(self.accounts)
        accounts = ([self.turn(key)] if key else []) + ([self.town] if run and self.town else [])
        caps = [self.accounts[account] for account in accounts]
        held_today = sum(call[0] for call in self.open.values() if call[2] == self.day)
        fits = amount <= before.available and self.day_spent.get(self.day, 0) + held_today + amount <= DAY_CAP
        left, no = None, None
        try:
            left = self.run(self.tracker.hold(expense))
        except NotAffordable as refusal:
            no = refusal
        if no is not None:
            assert not fits or before.overrun or any(cap.available < amount for cap in caps), str(no)
            for account, cap in zip(accounts, caps, strict=True):
                if no.cap == " ".join(account.split(":")[:2]):
                    assert (no.available, no.held, no.spent) == (cap.available, cap.held, cap.spent)
            self.turned, self.accounts = was, had  # what was refused turned no key
            return
        assert amount == 0 or (fits and not before.overrun)
        for cap in caps:
            cap.held += amount
            assert left is not None
            assert 0 <= left <= cap.available
        self.open[expense.id] = (amount, self.month, self.day, False)
        self.callers[expense.id] = (key, run, accounts)

    @invariant()
    def each_key_and_run_adds_up(self) -> None:
        rows = self.ledger.read_now(lambda tx: tx.execute(ACCOUNTS))
        found = {row["id"]: (row["filled"], row["held"], row["free"]) for row in rows}
        assert found == {name: (cap.filled, cap.held, cap.available) for name, cap in self.accounts.items()}
        for key in NAMES:
            found_of = self.run(self.books.statement(key=key))
            calls = [self.open[call] for call, who in self.callers.items() if who[0] == key]
            assert found_of.cost == sum(cost for who, cost in self.billed.items() if who[0] == key)
            assert found_of.held == sum(call[0] for call in calls)
            assert found_of.unknown == sum(call[3] for call in calls)
        town = self.run(self.books.statement(run="town"))
        assert town.cost == sum(cost for who, cost in self.billed.items() if who[1] == "town")

    def _ended(self, call: str, cost: int) -> None:
        held, month, day, _ = self.open.pop(call)
        if call in self.callers:
            key, run, accounts = self.callers.pop(call)
            self.billed[key, run] = self.billed.get((key, run), 0) + cost
            for account in accounts:
                self.accounts[account].end(held, cost)
        self.spent[month] = self.spent.get(month, 0) + cost
        self.day_spent[day] = min(DAY_CAP, self.day_spent.get(day, 0) + cost)
        self.overran = self.overran or cost > held

    @rule(pick=st.randoms(use_true_random=False), share=st.integers(0, 120), estimated=st.booleans())
    def settle(self, pick: Any, share: int, *, estimated: bool) -> None:
        if self.open:
            call = pick.choice(sorted(self.open))
            cost = self.open[call][0] * share // 100
            estimated = estimated and call not in self.callers
            if estimated and cost <= self.open[call][0]:
                self.estimates[call] = (cost, *self.open[call][1:3], "")
            self.run(self.tracker.settle(call, cost, Usage(10, 2), estimated=estimated))
            self._ended(call, cost)

    @rule(pick=st.randoms(use_true_random=False))
    def refund(self, pick: Any) -> None:
        if self.estimates:
            call = pick.choice(sorted(self.estimates))
            cost, month, day, _ = self.estimates.pop(call)
            self.run(self.tracker.settle(call, cost // 2))
            self.spent[month] -= cost - cost // 2
            self.day_spent[day] -= cost - cost // 2

    @rule(pick=st.randoms(use_true_random=False), how=st.sampled_from(["refuse", "void", "leave_unknown"]))
    def end(self, pick: Any, how: str) -> None:
        if not self.open:
            return
        call = pick.choice(sorted(self.open))
        if how == "leave_unknown":
            self.run(self.tracker.leave_unknown(call, "cut"))
            self.open[call] = (*self.open[call][:3], True)
        else:
            self.run(getattr(self.tracker, how)(call))
            self._ended(call, 0)

    @rule(amount=st.integers(1, 500))
    def topup(self, amount: int) -> None:
        self.number += 1
        self.run(self.tracker.topup(amount, "Ada", f"gift-{self.number}"))
        self.gifts += amount

    @rule(hours=st.sampled_from([1, 7, 24, 24 * 20]))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(hours * 3600)
        for call in self.run(self.tracker.capture_overdue()):
            self.estimates.pop(call.id, None)
            self._ended(call.id, call.held)

    @rule(days=st.sampled_from([-40, -1, 40]))
    def clock_jumps(self, days: int) -> None:
        when = datetime.fromtimestamp(self.clock.now().timestamp() + days * 86_400, UTC)
        self.clock.set(max(when, datetime(2026, 11, 1, tzinfo=UTC)))

    @rule(on_bankruptcy=st.sampled_from(["die", "survive"]))
    def restart(self, on_bankruptcy: str) -> None:
        self.ledger.close()
        self.ledger = open_credit_ledger(self.url, self.clock)
        self.begin(on_bankruptcy)

    @invariant()
    def the_sums_agree(self) -> None:
        if not hasattr(self, "tracker"):
            return
        balance = self.run(self.tracker.balance())
        assert balance.spent == self.spent.get(self.month, 0)
        assert balance.held - balance.reserved == sum(call[0] for call in self.open.values() if call[1] == self.month)
        report = self.run(self.tracker.budget_report())
        for part in ("by_model", "by_purpose", "by_life"):
            assert sum(nanos(entry["cost"]) for entry in report[part]) == balance.spent
        assert balance.available >= 0
        if not self.overran:
            assert balance.overrun == 0
            assert balance.available + balance.held + balance.spent == balance.granted + balance.donated
        assert balance.granted == GRANT

    @invariant()
    def the_reserve_is_small_and_only_money_fills_it(self) -> None:
        if not hasattr(self, "tracker"):
            return
        now, balance = self.reserve, self.run(self.tracker.balance())
        given = balance.granted + balance.donated
        assert now.held <= balance.reserved <= given // RESERVE_SHARE
        assert now.words <= WORDS
        assert now.post in {0, POST} or self.died
        assert self.mortal or now.held == 0
        assert balance.held_unknown <= balance.held - balance.reserved
        if now.held > self.kept.held or now.period != self.kept.period:
            assert now.held == 0 or balance.available >= THOUGHT or now.period != self.month
        if now.period == self.kept.period and now.held > self.kept.held:
            assert given > self.died.pop(self.month, -1), "held anew although no money came"
        self.kept = now

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        report = self.ledger.read_now(audit)
        assert report.ok
        assert self.ledger.read_now(check_records) == ()
        accounts = {row["id"]: row for row in self.ledger.read_now(lambda tx: tx.execute("SELECT * FROM accounts"))}
        if "donors" in accounts:
            assert accounts["donors"]["debits_posted"] == self.gifts

    def teardown(self) -> None:
        self.ledger.close()
        self.loop.close()
        self.folder.cleanup()


Purse.TestCase.settings = settings(
    max_examples=min(20, settings().max_examples),
    stateful_step_count=20,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestPurse = Purse.TestCase
