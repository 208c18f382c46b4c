"""The purse for one's own program: ask a model, pay out of the same budget as the mind, and see what it cost."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ai.asking import Purpose
from ai.clock import Clock, SystemClock
from ai.credit_tracker import CreditTracker, ProviderClock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.durable import refuse_half_a_restore
from ai.llm.answers import Completion, Limits, NoAnswer
from ai.llm.candidates import Attempt
from ai.llm.client import PaidClient
from ai.llm.health import ModelHealth
from ai.llm.payment import Payer
from ai.llm.providers import configured_endpoint
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.model_config.catalogue import Catalogue
from ai.model_config.holds import smallest_hold, thought_size
from ai.settings import Settings
from ai.settings.sources import SettingsError, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ai.asking import Message
    from ai.credit_tracker import Balance

ABANDONED_AFTER_TIMEOUTS = 2  # no call lives longer than its time-out; an older open hold is a crashed program's


@dataclass(frozen=True, slots=True)
class Purse:
    """An open purse; `client` is for what `ask` does not do (several candidates, schemas, embeddings)."""

    client: PaidClient
    catalogue: Catalogue
    tracker: CreditTracker
    name: str

    async def ask(
        self, question: str | Sequence[Message], *, model: str, max_tokens: int | None = None,
        purpose: Purpose = Purpose.THOUGHT,
    ) -> Completion:  # fmt: skip
        """Return the answer of the model with this id, and its cost in nano-dollars.

        Raises NoAnswer: the model is unknown, does not answer, or what it could cost is not covered.
        """
        known = self.catalogue.models().get(model)
        if known is None:
            raise NoAnswer([Attempt(model, "unknown", "no such model in the catalogue", sent=False)])
        messages: Sequence[Message] = [{"role": "user", "content": question}] if isinstance(question, str) else question
        payer = Payer(purpose, client=self.name)
        return await self.client.complete([known], messages, payer=payer, max_tokens=max_tokens)

    async def balance(self) -> Balance:
        """Return what is left, in nano-dollars."""
        return await self.tracker.balance()


@asynccontextmanager
async def open_purse(
    settings: Settings | None = None, *, client: str = "purse", clock: Clock | None = None
) -> AsyncIterator[Purse]:
    """Open the purse that `settings` (default: the environment, `.env`, the vault) name, beside a daemon or alone.

    `client` names the program in the books; BUDGETS may give it a cap of its own. Calls of it that a crash left
    open are asked about. Raises SettingsError where no provider is configured, StoreUnavailable, NewerSchema,
    RestoreCutShort.
    """
    settings, clock = settings or load_settings(), clock or SystemClock()
    endpoint = configured_endpoint(settings, clock)
    if endpoint is None:
        raise SettingsError("OPENROUTER_API_KEY is not set: nobody could be paid; set it to a key like sk-or-v1-…")
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_half_a_restore(settings.data_dir)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(endpoint.close)
        mind = open_mind(settings.data_dir / "mind.db", secrets=settings.secrets())
        stack.callback(mind.close)
        ledger = open_credit_ledger(settings.purse_url, clock)
        stack.callback(ledger.close)
        provider_clock = ProviderClock(clock, required=settings.asks_for_date)
        name = f"{settings.mind}/{client}"  # so that the daemon does not take up this program's calls as its own
        tracker = CreditTracker(ledger, settings, clock, mind_name=name, provider_clock=provider_clock)
        journal = Journal(mind, clock)
        catalogue = Catalogue(settings, clock, provider_clock, journal)
        await catalogue.refresh()  # also tells the provider's date, without which no month opens
        await tracker.open()
        hold = smallest_hold(catalogue.models().values(), settings, thought_size(mind))
        if hold is not None:
            tracker.set_smallest_hold(hold)
        limits = Limits.of(settings)
        paid = PaidClient(
            {endpoint.name: endpoint}, tracker, ModelHealth(mind, clock), journal, clock,
            provider_clock=provider_clock, limits=limits,
        )  # fmt: skip
        stack.push_async_callback(paid.close)
        await paid.resolve_open(older_than_seconds=ABANDONED_AFTER_TIMEOUTS * limits.timeout_seconds)
        await paid.settle_unknowns()
        yield Purse(paid, catalogue, tracker, client)
