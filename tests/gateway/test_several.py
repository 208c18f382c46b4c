"""Several gateways are one gateway: on one PostgreSQL they agree to the nano-dollar, as workers they share a socket."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

from ai.gateway.slot import Slot, folder_id, running
from ai.ledger import audit
from ai.ledger.money import nanos
from tests.gateway.conftest import serving
from tests.gateway.test_exec import environ
from tests.world.openrouter import FakeOpenRouter
from tests.world.postgres import PostgresServer, postgres_server
from tests.world.waiting import until

__all__ = ["postgres_server"]
BODY = {"model": "acme/small-1", "messages": [{"role": "user", "content": "Say hello"}], "max_tokens": 60}


@pytest.mark.postgres
async def test_two_gateways_on_one_purse_cannot_be_played_against_each_other(
    tmp_path: Path, provider: FakeOpenRouter, postgres_server: PostgresServer
) -> None:
    url, cap = postgres_server.purse("gateways"), nanos("0.02")
    async with (
        serving(tmp_path / "a", provider, database_url=url) as one,
        serving(tmp_path / "b", provider, database_url=url) as two,
    ):
        secret = await one.key(budget=cap)

        async def loop(number: int) -> list[int]:
            gateway = (one, two)[number % 2]
            return [(await gateway.post("/v1/chat/completions", secret, BODY)).status_code for _ in range(8)]

        statuses = [status for found in await asyncio.gather(*(loop(n) for n in range(32))) for status in found]
        assert set(statuses) <= {200, 402, 429}
        assert 402 in statuses or 429 in statuses
        assert provider.billed_nanos <= cap
        assert await one.spent(key="agent") == await two.spent(key="agent") == provider.billed_nanos
        ledger = one.alone.gateway.rooms.tracker._ledger
        assert not (await ledger.read(audit)).mismatches
        await two.books.revoke_key("agent")  # and what one is told, the other knows
        assert (await one.post("/v1/chat/completions", secret, BODY)).status_code == 401


async def test_a_request_answered_by_one_gateway_is_replayed_by_the_other(
    tmp_path: Path, provider: FakeOpenRouter
) -> None:
    folder = tmp_path / "data"
    async with serving(folder, provider) as one, serving(folder, provider) as two:
        secret = await one.key()
        first = await one.post("/v1/chat/completions", secret, BODY, **{"Idempotency-Key": "same"})
        again = await two.post("/v1/chat/completions", secret, BODY, **{"Idempotency-Key": "same"})
        assert again.headers["x-genesis-replayed"] == "true"
        assert again.content == first.content
        assert len(provider.bills) == 1


async def test_workers_share_the_address_are_started_again_and_end_with_their_parent(
    tmp_path: Path, provider: FakeOpenRouter
) -> None:
    env = environ(provider, tmp_path, OBSERVER_PORT="0")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ai", "gateway", "--workers", "2"), env=env, cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await until(lambda: len(list(running(tmp_path / "data"))) == 2 or process.returncode is not None)
        urls = list(running(tmp_path / "data"))
        assert (len(urls), len(set(urls))) == (2, 1)
        made = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ai", "keys", "create", "agent", "--budget", "none", "--json"), env=env,
            stdout=asyncio.subprocess.PIPE, cwd=tmp_path,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(made.communicate(), 90)
        headers = {"Authorization": f"Bearer {json.loads(out)['key']}"}
        async with httpx2.AsyncClient(timeout=60, trust_env=False) as http:
            answers = await asyncio.gather(
                *(http.post(f"{urls[0]}/v1/chat/completions", json=BODY, headers=headers) for _ in range(8))
            )
            assert {answer.status_code for answer in answers} == {200}
            parent = psutil.Process(process.pid)
            workers = set(parent.children())
            for worker in workers:  # whoever dies is started again, and the address lives on
                worker.kill()
            await until(lambda: not workers & set(parent.children()) and len(list(running(tmp_path / "data"))) == 2)
            assert (await http.post(f"{urls[0]}/v1/chat/completions", json=BODY, headers=headers)).status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 60)
    assert process.returncode == 0
    assert not list(running(tmp_path / "data"))


def test_a_slot_tells_what_its_last_holder_left(tmp_path: Path) -> None:
    first, second = Slot.take(tmp_path), Slot.take(tmp_path)
    assert (first.number, second.number) == (0, 1)
    first.publish("http://127.0.0.1:1")
    assert list(running(tmp_path)) == ["http://127.0.0.1:1"]
    first.close()
    assert not list(running(tmp_path))
    assert Slot.take(tmp_path).number == 0
    assert folder_id(tmp_path) == folder_id(tmp_path)
    assert (tmp_path / "gateway").stat().st_mode & 0o077 == 0
