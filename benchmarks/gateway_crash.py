"""Kill a gateway with `kill -9` amid streams, again and again; then hold its books against the provider's record.

    python -m benchmarks.gateway_crash --kills 200 [--seed N] [--callers 8] [--minutes 10] [--json]

How far it is is told on stderr; after so many minutes no more kills follow. Every request has an Idempotency-Key and is
asked again after each kill until it has an answer for good. Exits 1 where the provider billed what the books do not
know, where a request was sent twice, or where the audit finds a mismatch.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2

from ai.clock import SystemClock
from ai.credit_tracker import open_credit_ledger
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.callers import KeyTerms
from ai.gateway.slot import running
from ai.ledger import Ledger, audit
from ai.settings import Settings
from tests.world.openrouter import FakeOpenRouter

START_SECONDS = 60.0
LIFE_SECONDS = 0.6  # of a gateway that answers, at most
TOLD_KILLS = 5
ASK_AGAIN_SECONDS = 0.1
PATIENCE_SECONDS = 20.0  # for an answer for good; where no id was committed the outcome stays unknown for a day
MODEL = "acme/small-1"
FINAL = frozenset({200, 410})  # an answer, or one that was lost and paid for


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found over all kills; amounts in nano-dollars."""

    seed: int
    kills: int
    requests: int
    replayed: int
    answer_lost: int
    sent_twice: int
    billed: int
    booked: int
    still_held: int
    unknown_to_the_books: int
    audit_failures: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Return whether every promise was kept."""
        known = self.booked <= self.billed <= self.booked + self.still_held
        return known and not (self.sent_twice or self.unknown_to_the_books or self.audit_failures)


class Clients:
    """Programs that stream answers and ask again for each one that they did not get whole."""

    def __init__(self, secret: str, callers: int) -> None:
        self.secret = secret
        self.names = itertools.count()
        self.callers = callers
        self.statuses: Counter[int] = Counter()
        self.replayed = 0
        self.url = ""
        self.stopping = False

    async def run(self) -> None:
        """Call until told to stop; what was begun is carried to its end."""
        async with httpx2.AsyncClient(timeout=30, trust_env=False) as http:
            await asyncio.gather(*(self._call_on(http) for _ in range(self.callers)))

    async def _call_on(self, http: httpx2.AsyncClient) -> None:
        while not self.stopping:
            await self._until_final(http, f"request-{next(self.names)}")

    async def _until_final(self, http: httpx2.AsyncClient, name: str) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            status = await self._try(http, name)
            if status in FINAL:
                self.statuses[status] += 1
                return
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        self.statuses[0] += 1

    async def _try(self, http: httpx2.AsyncClient, name: str) -> int:
        """Ask once; return the status, 0 where no whole answer came."""
        body = {"model": MODEL, "max_tokens": 60, "stream": True, "messages": [{"role": "user", "content": name}]}
        headers = {"Authorization": f"Bearer {self.secret}", "Idempotency-Key": name}
        try:
            answer = await http.post(f"{self.url}/v1/chat/completions", json=body, headers=headers)
        except httpx2.HTTPError:
            return 0
        whole = answer.status_code != 200 or answer.content.rstrip().endswith(b"[DONE]")
        self.replayed += answer.headers.get("x-genesis-replayed") == "true"
        return answer.status_code if whole else 0


async def crash(folder: Path, kills: int, seed: int, callers: int, seconds: float = float("inf")) -> Outcome:
    """Kill a gateway so many times under load, and look at what its last successor has settled."""
    began, chance = time.perf_counter(), random.Random(seed)  # noqa: S311 - a replayable order of kills
    with FakeOpenRouter(reply="word " * 60) as provider:
        settings = Settings(
            openrouter_api_key=provider.key, openrouter_base_url=provider.base_url, data_dir=folder, local_model="off",
            monthly_budget_usd="100",
        )  # fmt: skip
        (folder / "credits").mkdir(parents=True)
        ledger = open_credit_ledger(settings.purse_url, SystemClock())
        books = CallerBooks(ledger, settings, SystemClock())
        _, secret = await books.create_key("crash", KeyTerms())
        clients = Clients(secret, callers)
        calling, killed = None, 0
        while True:
            gateway = await _start(provider, folder)
            clients.url = await _found(folder)
            calling = calling or asyncio.create_task(clients.run())
            passed = time.perf_counter() - began
            if killed % TOLD_KILLS == 0:
                done = clients.statuses.total()
                sys.stderr.write(f"{killed} of {kills} kills, {done:,} requests answered for good, {passed:.0f} s\n")
            if killed == kills or passed > seconds:
                break
            await asyncio.sleep(chance.uniform(0.01, LIFE_SECONDS))
            gateway.kill()
            await gateway.wait()
            killed += 1
        clients.stopping = True
        assert calling is not None
        await calling
        await _settled(books)
        gateway.terminate()
        await gateway.wait()
        outcome = await _compare(provider, books, ledger, clients, (seed, killed, began))
        ledger.close()
        return outcome


async def _start(provider: FakeOpenRouter, folder: Path) -> asyncio.subprocess.Process:
    env = {
        **os.environ, "DATA_DIR": str(folder), "OPENROUTER_API_KEY": provider.key, "LOCAL_MODEL": "off",
        "OPENROUTER_BASE_URL": provider.base_url, "OBSERVER_PORT": "0", "MONTHLY_BUDGET_USD": "100",
    }  # fmt: skip
    command = (sys.executable, "-m", "ai", "gateway")
    return await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.DEVNULL)


async def _found(folder: Path) -> str:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        for url in running(folder):
            return url
        await asyncio.sleep(0.02)
    raise SystemExit("the gateway did not start")


async def _settled(books: CallerBooks) -> None:
    """Wait until the books of callers stand still: what can be asked for has been."""
    held, still = -1, 0
    while still < 10:
        now = (await books.statement()).held
        held, still = now, still + 1 if now == held else 0
        await asyncio.sleep(0.5)


async def _compare(
    provider: FakeOpenRouter, books: CallerBooks, ledger: Ledger, clients: Clients, run: tuple[int, int, float]
) -> Outcome:
    statement = await books.statement()
    by_id, seq = {}, 0
    while page := await books.statement_calls(after_seq=seq):
        by_id.update({call.remote_id: call for call in page if call.remote_id})
        seq = page[-1].seq
    nameless = [bill for bill in provider.bills if bill.id not in by_id]
    wrong = [bill for bill in provider.bills if bill.id in by_id and by_id[bill.id].cost not in (bill.nanos, None)]
    covered = sum(bill.nanos for bill in nameless) <= statement.held
    asked = Counter(request.json["messages"][0]["content"] for request in provider.calls)
    return Outcome(
        seed=run[0],
        kills=run[1],
        requests=clients.statuses.total(),
        replayed=clients.replayed,
        answer_lost=clients.statuses[410],
        sent_twice=sum(count > 1 for count in asked.values()),
        billed=provider.billed_nanos,
        booked=statement.cost,
        still_held=statement.held,
        unknown_to_the_books=len(wrong) + (0 if covered else len(nameless)),
        audit_failures=len(ledger.read_now(audit).mismatches),
        seconds=round(time.perf_counter() - run[2], 1),
    )


def main() -> None:
    """Parse the command line, kill, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(
            crash(Path(folder) / "data", options.kills, options.seed, options.callers, options.minutes * 60)
        )
    if options.json:
        print(json.dumps(asdict(outcome)))
    else:
        print("\n".join(f"{name.replace('_', ' ')}: {value:,}" for name, value in asdict(outcome).items()))
    raise SystemExit(0 if outcome.ok else 1)


if __name__ == "__main__":
    main()
