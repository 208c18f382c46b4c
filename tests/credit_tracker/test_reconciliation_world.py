"""Reconciliation against a provider that keeps its own record: calls lost on the way are found, others' are named."""

from contextlib import closing, suppress
from datetime import UTC, datetime
from decimal import Decimal

from ai.clock import VirtualClock
from ai.credit_tracker import open_credit_ledger
from ai.credit_tracker.reconciliation import Reconciler
from ai.llm import NoAnswer, open_purse
from ai.llm.account import generation, key_info
from ai.llm.providers import configured_endpoint
from ai.settings import Settings
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_faults import cut, status

MODEL = "acme/small-1"
USD = 1_000_000_000


async def test_the_books_come_into_step_with_the_providers_record(tmp_path):
    clock = VirtualClock(datetime(2026, 11, 10, 12, tzinfo=UTC))
    with FakeOpenRouter(date=clock.now, unseen_asks=1) as provider:
        settings = Settings(
            openrouter_api_key=provider.key, openrouter_base_url=provider.base_url, data_dir=tmp_path, local_model="off"
        )
        endpoint = configured_endpoint(settings, clock)
        assert endpoint is not None

        async def month():
            _, info = await key_info(endpoint)
            return info.usage_monthly_nanos if info else None

        async def one(generation_id):
            return await generation(endpoint, generation_id)

        async with open_purse(settings, clock=clock) as purse:
            with closing(open_credit_ledger(settings.purse_url, clock)) as ledger:
                reconciler = Reconciler(ledger, purse.tracker, clock, ask_month=month, ask_generation=one)
                provider.then(None, cut(billed=True, where="mid_stream"), status(400))
                for _ in range(3):
                    with suppress(NoAnswer):
                        await purse.ask("What do you see?", model=MODEL)
                found = await reconciler.reconcile()
                assert found.drift is not None
                assert 0 < found.drift <= found.pending + found.doubtful
                assert (found.settled, found.warn) == (0, False)

                found = await reconciler.reconcile()
                assert (found.settled, found.lost, found.pending) == (1, (), 0)
                assert found.booked == provider.billed_nanos
                assert found.cause == "in step with the provider"

                provider.key_document = {"usage_monthly": str(provider.billed + Decimal(2))}
                clock.advance(3600)
                found = await reconciler.reconcile()
                assert found.warn
                assert abs(found.others - 2 * USD) < 10
                assert "was spent with this key by others" in found.cause
        await endpoint.close()
