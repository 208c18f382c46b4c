"""No way to a paid model but through a hold: by the imports, by the calls in the code, and by what the server sees."""

import ast
import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest

from ai.credit_tracker import CallState
from ai.credit_tracker.calls import open_calls
from ai.credit_tracker.records import OPEN_STATES
from ai.llm import Limits, NoAnswer, Payer
from tests.world import openrouter_faults as faults

AI = Path(__file__).resolve().parents[2] / "ai"
SOURCES = {path.relative_to(AI): ast.parse(path.read_text(encoding="utf-8")) for path in AI.rglob("*.py")}
ASKERS = {Path("llm/client.py"), Path("llm/fallback.py"), Path("gateway/attempt.py")}
PAYING = ("pay", "start_paying", "unpaid")
UPSTREAM = Path("gateway/local.py")  # the embedded model as the gateway's attempt asks it: by `_upstream.send`, below


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, f"{node.module}.{alias.name}") for alias in node.names)


def test_the_sdk_is_imported_in_this_package_alone():
    users = {path for path, tree in SOURCES.items() for name, _ in _imports(tree) if name.split(".")[0] == "openai"}
    assert users
    assert {path.parts[0] for path in users} == {"llm"}


@pytest.mark.parametrize("package", ["litellm", "anthropic", "aiohttp"])
def test_no_other_way_to_a_provider_is_imported(package):
    for path, tree in SOURCES.items():
        assert package not in {name.split(".")[0] for name, _ in _imports(tree)}, path


def test_only_what_a_payment_sends_asks_an_endpoint():
    """`endpoint.complete`, `endpoint.embed` and `upstream.send` stand in what is handed to a payment, nowhere else."""
    asking = 0
    for path, tree in SOURCES.items():
        for call in _asks(tree) if path != UPSTREAM else ():
            assert path in ASKERS, f"{path}:{call.lineno} asks an endpoint without a hold"
            asking += 1
            assert any(call in ast.walk(send) for send in _sent_by_payments(tree)), f"{path}:{call.lineno}"
    assert asking == len(ASKERS)


def _asks(tree):
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("complete", "embed", "send")
        ):
            owner = node.func.value
            named = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if "endpoint" in named or "upstream" in named or named in ("provider", "_provider"):
                yield node


def _sent_by_payments(tree):
    """The functions that stand as the last argument of a call in PAYING on the payments."""
    names = {
        node.args[-1].id if isinstance(node.args[-1], ast.Name) else node.args[-1].attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PAYING
    }
    return [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef) and node.name in names]


@pytest.fixture
async def watched(build):
    """Rooms whose provider looks into the books at every paid request, before it answers."""
    rooms = await build(limits=Limits(max_attempts=6))
    unheld = []

    def look(request):
        def held(tx):
            return [call for call in open_calls(tx, "genesis", OPEN_STATES, 100) if call.remote_id is None]

        wanted = (request.json["model"], request.headers["authorization"][-4:] == rooms.provider.key[-4:])
        if wanted not in {(call.subject, True) for call in rooms.ledger.read_now(held)}:
            unheld.append(request)

    rooms.provider.watch = look
    yield rooms
    assert rooms.provider.calls
    assert unheld == []


async def test_no_request_arrives_without_an_open_hold(watched):
    rng = random.Random(7)
    mixed = [None, faults.status(502), faults.status(429, retry_after="1"), faults.cut(), faults.no_usage(),
             faults.empty(), faults.error_200(500)]  # fmt: skip
    watched.provider.fault_for = lambda _: rng.choice(mixed)
    models = ["acme/tiny-1", "acme/tiny-2", "acme/free-1:free", "acme/small-1"]
    for _ in range(25):
        rng.shuffle(models)
        with suppress(NoAnswer):
            await watched.ask(*models)
        watched.clock.advance(600)
        await watched.client.settle_unknowns()
    watched.provider.fault_for = None
    watched.clock.advance(86_400)
    await watched.client.settle_unknowns()
    await watched.client.embed(watched.models["openai/text-embedding-3-small"], ["a", "b"], payer=Payer("embedding"))


async def test_no_request_of_many_at_once_arrives_without_a_hold(watched):
    await asyncio.gather(*(watched.ask("acme/tiny-1") for _ in range(30)))
    assert all(call.state is CallState.CAPTURED for call in watched.calls())
    assert await watched.spent() == watched.provider.billed_nanos
