"""The door to keys, runs, statements and named requests of a purse, for the gateway and the commands about it."""

from collections.abc import Sequence
from datetime import datetime

from ai.clock import Clock, microseconds
from ai.credit_tracker.accounts import USD, month_account
from ai.credit_tracker.admission import keep_answer
from ai.credit_tracker.callers import (
    Key,
    KeyTerms,
    Run,
    all_keys,
    create_key,
    find_key,
    find_run,
    foreseen,
    hash_of,
    key_of_secret,
    new_secret,
    renew_key,
    revoke_key,
    run_limit,
    set_run_budget,
    topup_key,
)
from ai.credit_tracker.calls import usage_of_run
from ai.credit_tracker.limits import Limit, cap_states, limits_at, share_limit
from ai.credit_tracker.months import find_month
from ai.credit_tracker.periods import month_end, month_of, month_start
from ai.credit_tracker.records import CallRecord, CapState, NamedRequest, RunUsage
from ai.credit_tracker.statement import (
    Callers,
    CallerSpending,
    Look,
    Statement,
    count_callers,
    look_at_all_keys,
    look_at_callers,
    read_statement,
    spending_by_caller,
    statement_calls,
)
from ai.ledger.ledger import Ledger
from ai.ledger.money import nanos
from ai.ledger.transaction import Transaction
from ai.settings import Settings

PAGE = 1_000  # calls of a statement read in one go


class CallerBooks:
    """What the purse knows of those who spend it through the gateway. All amounts are nano-dollars.

    Every method raises StoreUnavailable where the purse is away. What a call of theirs may cost is held with
    `CreditTracker.hold`, whose expense names its `caller`.
    """

    def __init__(self, ledger: Ledger, settings: Settings, clock: Clock) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = clock

    # --- keys ------------------------------------------------------------------------------------------

    async def create_key(self, name: str, terms: KeyTerms) -> tuple[Key, str]:
        """Return a new key and its secret, which is kept nowhere.

        Raises ValueError for a name that is none or belongs to a key that is good.
        """
        secret, now = new_secret(), self._clock.now()
        hashed = hash_of(secret)
        return await self._ledger.transact(lambda tx: create_key(tx, name, hashed, terms, now)), secret

    async def keys(self) -> list[Key]:
        """Return every key, ended ones too, by name."""
        return await self._ledger.read(all_keys)

    async def key_of(self, secret: str) -> Key | None:
        """Return the key of a secret, or None where it is nobody's, was revoked or has expired."""
        hashed, now = hash_of(secret), self._clock.now()
        key = await self._ledger.read(lambda tx: key_of_secret(tx, hashed))
        return key if key is not None and key.ended(now) is None else None

    async def revoke_key(self, name: str) -> Key:
        """End a key from the next hold on, in every replica. Raises KeyEnded where there is none of that name."""
        now = self._clock.now()
        return await self._ledger.transact(lambda tx: revoke_key(tx, name, now))

    async def renew_key(self, name: str, until: datetime) -> Key:
        """Let a key be good until then, also one that has expired. Raises KeyEnded for one unknown or revoked."""
        return await self._ledger.transact(lambda tx: renew_key(tx, name, until))

    async def topup_key(self, name: str, amount_nanos: int, id: str) -> Key:  # noqa: A002 - what callers call it
        """Raise what a key may spend in its current period; the same id again is the same top-up.

        Raises ValueError, KeyEnded, TransferConflict.
        """
        now = self._clock.now()
        return await self._ledger.transact(lambda tx: topup_key(tx, name, amount_nanos, id, now))

    # --- runs ------------------------------------------------------------------------------------------

    async def set_run_budget(self, name: str, budget_nanos: int | None) -> Run:
        """Give a run a budget (None: no cap) from now on, whatever it spent before. Raises ValueError."""
        return await self._ledger.transact(lambda tx: set_run_budget(tx, name, budget_nanos))

    # --- what they have and what they spent -------------------------------------------------------------

    async def caps(self, key: str = "", run: str = "") -> tuple[CapState, ...]:
        """Return how each cap stands that a call of this key and run touches: month, day, key, run.

        Sub-budgets that cover some calls only are not looked at; a hold is.
        """
        now = self._clock.now()

        def query(tx: Transaction) -> tuple[CapState, ...]:
            return cap_states(tx, self._caps(tx, key, run, now))

        return await self._ledger.read(query)

    async def statement(
        self, *, run: str | None = None, key: str | None = None, period: str | None = None
    ) -> Statement:
        """Return what a run, a key, both or (neither) all callers spent in a month like `2026-11`; None: ever.

        Raises ValueError for a period that is no month.
        """
        month = None if period is None else month_of(month_start(period))
        return await self._ledger.read(lambda tx: read_statement(tx, run=run, key=key, period=month))

    async def nobody(self, *, run: str | None = None, key: str | None = None) -> str | None:
        """Return in words which of these there never was: of it a statement would say that nothing was spent."""

        def query(tx: Transaction) -> str | None:
            if key is not None and find_key(tx, key) is None:
                return f"there is no key {key!r}; `genesis keys list` shows those there are"
            if run is not None and find_run(tx, run) is None:
                return f"there is no run {run!r}; nothing was ever called under that name"
            return None

        return await self._ledger.read(query)

    async def spending(self, limit: int) -> list[CallerSpending]:
        """Return who spent what this month, the dearest `limit` first; all others together come last, as OTHERS."""
        period = month_of(self._clock.now())
        return await self._ledger.read(lambda tx: spending_by_caller(tx, period, limit))

    async def looks(self, limit: int) -> tuple[list[Look[Key]], list[Look[Run]]]:
        """Return how keys and runs stand now, `limit` of each at most: the busy, the newest and the dearest."""
        now = self._clock.now()
        return await self._ledger.read(lambda tx: look_at_callers(tx, now, limit))

    async def count(self) -> Callers:
        """Return how many keys and runs there are."""
        now = self._clock.now()
        return await self._ledger.read(lambda tx: count_callers(tx, now))

    async def all_keys(self) -> list[tuple[Key, CapState | None, int]]:
        """Return every key by name, its cap (None: no budget of its own) and what was ever spent with it."""
        now = self._clock.now()
        return await self._ledger.read(lambda tx: look_at_all_keys(tx, now))

    async def statement_calls(
        self, *, run: str | None = None, key: str | None = None, period: str | None = None, after_seq: int = 0
    ) -> list[CallRecord]:
        """Return the next calls behind a statement, oldest first, PAGE at most: those numbered above `after_seq`."""
        return await self._ledger.read(
            lambda tx: statement_calls(tx, run=run, key=key, period=period, limit=PAGE, after_seq=after_seq)
        )

    async def usage_of_run(self, run: str, since: datetime) -> RunUsage:
        """Return what a run's calls since then used."""
        return await self._ledger.read(lambda tx: usage_of_run(tx, run, microseconds(since)))

    # --- requests that may be asked again ----------------------------------------------------------------

    async def keep_answer(self, key: str, request: NamedRequest, answer: bytes) -> None:
        """Keep the whole answer of a request for a day; to be called before its call is settled."""
        await self._ledger.transact(lambda tx: keep_answer(tx, key, request, answer))

    def _caps(self, tx: Transaction, key: str, run: str, now: datetime) -> Sequence[Limit]:
        period = month_of(now)
        month = find_month(tx, period)
        given = nanos(self._settings.monthly_budget_usd) if month is None else month.given
        found: list[Limit | None] = [Limit(month_account(period), "month", "money", USD, given, month_end(period))]
        found += (
            limit
            for limit in limits_at(self._settings, "", now, None)
            if limit.kind == "money" and limit.own is None and limit.covers is None
        )
        found += share_limit(month, self._settings.mind_share)
        known_key = find_key(tx, key) if key else None
        known_run = find_run(tx, run) if run else None
        found.append(foreseen(tx, known_key, now) if known_key else None)
        found.append(run_limit(known_run) if known_run else None)
        return [limit for limit in found if limit is not None]
