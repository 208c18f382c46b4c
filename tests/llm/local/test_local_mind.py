"""The embedded model as an endpoint: with a real 135m child, and with children that fail in each way."""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from ai.actions import Registry, parse_reply
from ai.actions.everyday import ALL
from ai.asking import Message
from ai.clock import VirtualClock
from ai.llm.calls import ModelRequest, Outcome, Wire
from ai.llm.local.child import (
    SOCKET_PATH_BYTES,
    Child,
    ChildFailed,
    LocalModel,
    default_places,
    socket_folder,
    socket_path,
)
from ai.llm.local.model_store import Environment
from ai.llm.local.sources import HubSource
from ai.llm.local.supervisor import LocalEndpoint
from ai.llm.local.table import WEIGHTS, Weight
from ai.llm.local.weights import find
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.model_config import Model, Tier
from tests.llm.local.test_machine import machine
from tests.world import local_children as children
from tests.world.held_clock import WAIT_SECONDS, Heard, HeldClock
from tests.world.hub import Hub
from tests.world.weights import noise, weight_of

MODELS = Path(os.environ.get("GENESIS_MODELS_DIR", Path(__file__).parents[3] / ".cache/models"))
SMALL, LARGE = noise(1_000), noise(3_000, seed=3)
TABLE = (weight_of(LARGE, "large", memory=2_000), weight_of(SMALL, "small", memory=1_000))
FILES = {TABLE[0].files[0].hub: LARGE, TABLE[1].files[0].hub: SMALL}
SCHEMA = {
    "type": "object",
    "properties": {
        "thought": {"type": "string", "maxLength": 80},
        "action": {"enum": ["think", "sleep"]},
        "params": {"type": "object", "properties": {"why": {"type": "string", "maxLength": 40}}, "required": ["why"],
                   "additionalProperties": False},
    },
    "required": ["thought", "action", "params"],
    "additionalProperties": False,
}  # fmt: skip

real_model = pytest.mark.local_model


def request(model: Model, text: str = "Say hello.", **changes: Any) -> ModelRequest:
    messages = [{"role": "system", "content": "You are a mind."}, {"role": "user", "content": text}]
    return replace(ModelRequest(model, messages, 24, timeout_seconds=WAIT_SECONDS), **changes)  # type: ignore[arg-type]


async def ask(mind: LocalEndpoint, text: str = "Say hello.", **changes: Any) -> Outcome:
    return await mind.complete(request(mind.models()[0], text, **changes))


def mind_of(
    tmp_path: Path, journal: Journal, clock: VirtualClock, choice: str = "auto", **changes: Any
) -> LocalEndpoint:
    """A mind with small false weights in `tmp_path/models` and a program that a test names."""
    around: dict[str, Any] = {"machine": machine(), "sources": (), "shelves": (), "table": TABLE, **changes}
    return LocalEndpoint(choice, tmp_path / "models", Environment(journal, clock, **around))


def stocked(tmp_path: Path, *weights: Weight) -> None:
    (tmp_path / "models").mkdir()
    for weight in weights:
        (tmp_path / "models" / weight.files[0].name).write_bytes(FILES[weight.files[0].hub])


def gone(pid: int) -> bool:
    """Wait for a process that is not our child to end."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], WAIT_SECONDS)[0])
    finally:
        os.close(handle)


@pytest.fixture(scope="module")
def shelf() -> Path:
    if find(WEIGHTS["135m"], [MODELS]) is None:
        pytest.fail(f"no 135m weights in {MODELS}; run: python -m ai.llm.local fetch 135m --to {MODELS}")
    return MODELS


@real_model
async def test_a_real_model_answers_and_is_restarted_when_killed(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock, shelf: Path
) -> None:
    mind = LocalEndpoint("135m", tmp_path, Environment(journal, clock, sources=(), shelves=(shelf,)))
    first = await ask(mind)
    assert first.error is None
    assert first.text
    assert first.usage is not None
    assert first.answered_by == "local/smollm2-135m"
    pid = mind.status().pid
    assert pid is not None
    process = psutil.Process(pid)
    assert process.net_connections(kind="inet") == []
    folder = Path(process.net_connections(kind="unix")[0].laddr).parent
    assert folder.stat().st_mode & 0o777 == 0o700

    os.kill(pid, signal.SIGKILL)
    again = await ask(mind)
    assert again.error is None
    assert again.text
    assert heard.of("local.died")[0]["how"] == "killed by SIGKILL"
    assert not folder.exists()

    too_long = await ask(mind, "word " * 6_000)
    assert too_long.status == 400
    assert too_long.error is not None
    assert too_long.error.type == "exceed_context_size_error"

    shaped = await ask(mind, schema=SCHEMA, max_tokens=300)
    assert set(json.loads(shaped.text)) == {"thought", "action", "params"}

    await mind.close()
    assert heard.kinds() == ["local.started", "local.died", "local.started", "local.stopped"]
    assert not mind.status().running


@real_model
async def test_the_smallest_model_gives_every_action_its_parameters(
    tmp_path: Path, journal: Journal, clock: HeldClock, shelf: Path
) -> None:
    mind = LocalEndpoint("135m", tmp_path, Environment(journal, clock, sources=(), shelves=(shelf,)))
    other = open_mind(tmp_path / "other.db")
    registry = Registry(other, clock)
    wanted = {action.name: action for action in ALL}
    for scene in ("Begin a poem in the file poem.txt.", "Rest for an hour.", "Look for whales in your memories."):
        answer = await ask(mind, scene, schema=registry.local_schema(), max_tokens=400)
        reply = parse_reply(answer.text)
        assert reply.action is not None
        wanted[reply.action].read(dict(reply.params))
    other.close()
    await mind.close()


@real_model
async def test_killed_while_it_thinks_the_call_is_made_again(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock, shelf: Path
) -> None:
    mind = LocalEndpoint("135m", tmp_path, Environment(journal, clock, sources=(), shelves=(shelf,)))
    headers: list[str | None] = []

    async def killed_at_first_headers(generation: str | None) -> None:
        if not headers:
            os.kill(mind.status().pid or 0, signal.SIGKILL)
        headers.append(generation)

    wire = Wire(record=killed_at_first_headers)
    outcome = await mind.complete(request(mind.models()[0], "Count to a hundred.", max_tokens=60, wire=wire))
    await mind.close()
    assert outcome.error is None
    assert len(headers) == 2
    assert heard.of("local.died") == [{"model": "local/smollm2-135m", "how": "killed by SIGKILL"}]


@real_model
def test_the_child_dies_with_its_parent(shelf: Path) -> None:
    weight = WEIGHTS["135m"]
    code = f"""
import asyncio
from pathlib import Path
from ai.llm.local.child import Child, LocalModel, default_places
async def main():
    model = LocalModel("local/x", "x", Path({str(shelf / weight.files[0].name)!r}), 0, 0.0, 0)
    child = await Child.start(model, 1, default_places())
    print(child.pid, child.socket, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, path = parent.stdout.readline().split()
        assert Path(path).is_socket()
        parent.kill()
    assert gone(int(pid))
    assert not Path(path).parent.exists()


async def test_it_stops_when_idle_and_starts_again_when_asked(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock
) -> None:
    stocked(tmp_path, TABLE[1])
    program = children.program(tmp_path, children.ANSWERS_OK)
    around = Environment(journal, clock, machine(), (), (), table=TABLE, program=program)
    mind = LocalEndpoint("small", tmp_path / "models", around, idle_seconds=0.05)
    assert (await ask(mind)).text == "ok"
    assert (await heard.until("local.stopped"))["reason"].startswith("idle for")
    assert not mind.status().running
    assert (await ask(mind)).text == "ok"
    await mind.close()
    assert heard.kinds().count("local.started") == 2


async def test_a_connection_that_its_server_gave_up_costs_no_thought(
    tmp_path: Path, journal: Journal, clock: HeldClock
) -> None:
    """A kept connection was answered with nothing now and then, and the thought of that beat was lost."""
    stocked(tmp_path, TABLE[1])
    program = children.program(tmp_path, children.ANSWERS_ONCE_A_CONNECTION)
    mind = mind_of(tmp_path, journal, clock, "small", program=program)
    assert [(await ask(mind)).text for _ in range(3)] == ["ok"] * 3
    await mind.close()


async def test_the_minds_own_clock_does_not_put_it_to_rest(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock
) -> None:
    stocked(tmp_path, TABLE[1])
    mind = mind_of(tmp_path, journal, clock, "small", program=children.program(tmp_path, children.ANSWERS_OK))
    for _ in range(3):
        assert (await ask(mind)).text == "ok"
        clock.advance(86_400)
    assert heard.kinds() == ["local.started"]
    await mind.close()


async def test_the_smallest_thinks_first_and_the_largest_takes_over(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock
) -> None:
    with Hub(FILES) as hub:
        program = children.program(tmp_path, children.ANSWERS_OK)
        mind = mind_of(tmp_path, journal, clock, sources=(HubSource(hub.url),), program=program)
        assert [model.id for model in mind.models()] == ["local/small"]
        await mind.prepare()
        await mind.settled()
        assert (await ask(mind)).answered_by in {"local/small", "local/large"}
        assert await heard.until("local.takes_over") == {"model": "local/large", "before": "local/small"}
        assert (await ask(mind)).answered_by == "local/large"
        assert [path for path, _ in hub.asked] == [TABLE[1].files[0].hub, TABLE[0].files[0].hub]
        (model,) = mind.models()
        assert (model.endpoint, model.tier, model.free) == ("local", Tier.LOCAL, False)
        await mind.close()


async def test_a_larger_one_that_cannot_be_had_leaves_the_smaller_thinking_and_is_tried_again(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock
) -> None:
    stocked(tmp_path, TABLE[1])
    files: dict[str, bytes] = {}
    with Hub(files) as hub:
        program = children.program(tmp_path, children.ANSWERS_OK)
        mind = mind_of(tmp_path, journal, clock, sources=(HubSource(hub.url),), program=program)
        await mind.prepare()
        await heard.until("local.fetch_failed", count=2)
        assert (await ask(mind)).answered_by == "local/small"
        files |= FILES
        clock.advance(60)
        await heard.until("local.takes_over")
        await mind.close()


async def test_nothing_to_be_had_is_said_once_and_every_call_fails_cleanly(
    tmp_path: Path, journal: Journal, heard: Heard
) -> None:
    clock = VirtualClock(datetime(2026, 11, 22, tzinfo=UTC))  # each wait between tries passes at once
    mind = mind_of(tmp_path, journal, clock)
    model = mind.models()[0]
    await mind.settled()
    assert mind.models() == []
    outcome = await mind.complete(request(model))
    assert outcome.error is not None
    assert outcome.error.message == "no embedded model: no weights could be had of large, small"
    assert not outcome.sent
    assert len(heard.of("local.unavailable")) == 1
    await mind.close()


@pytest.mark.parametrize("program", [children.KILLED_BY_ILLEGAL_INSTRUCTION, children.ILLEGAL_INSTRUCTION_AT_A_CALL])
async def test_an_illegal_instruction_is_final(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock, program: str
) -> None:
    stocked(tmp_path, *TABLE)
    mind = mind_of(tmp_path, journal, clock, program=children.program(tmp_path, program))
    await mind.settled()
    for _ in range(2):
        outcome = await mind.complete(request(model_of_small()))
        assert outcome.error is not None
        assert "SIGILL" in outcome.error.message
    assert mind.models() == []
    assert len(heard.of("local.unavailable")) == 1
    await mind.close()


def model_of_small() -> Model:
    """What the catalogue said before the trouble."""
    clock = VirtualClock(datetime(2026, 11, 22, tzinfo=UTC))
    around = Environment(_Nowhere(), clock, machine(), (), (), (), TABLE)
    return LocalEndpoint("small", Path("/nowhere"), around).models()[0]


class _Nowhere:
    def append(self, kind: str, /, **data: object) -> None:
        """Keep nothing."""


async def test_one_that_dies_at_each_call_is_tried_twice_and_set_aside(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock
) -> None:
    stocked(tmp_path, *TABLE)
    mind = mind_of(tmp_path, journal, clock, program=children.program(tmp_path, children.DIES_AT_EACH_CALL))
    await mind.settled()
    outcome = await ask(mind)
    assert outcome.error is not None
    assert len(heard.of("local.died")) == 2
    assert heard.of("local.set_aside")[0]["model"] == "local/large"
    await mind.close()


async def test_one_that_does_not_load_makes_room_for_a_smaller_one(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock
) -> None:
    stocked(tmp_path, *TABLE)
    mind = mind_of(tmp_path, journal, clock, program=children.program(tmp_path, children.ONLY_SMALL_LOADS))
    await mind.prepare()
    await mind.settled()
    outcome = await ask(mind)
    assert outcome.answered_by == "local/small"
    assert heard.of("local.set_aside")[0]["problem"] == "local/large did not start: ended with 1: out of memory"
    await mind.close()


async def test_one_that_never_answers_is_given_up_in_time(tmp_path: Path, journal: Journal, clock: HeldClock) -> None:
    stocked(tmp_path, TABLE[1])
    mind = mind_of(
        tmp_path, journal, clock, "small", program=children.program(tmp_path, children.NEVER_ANSWERS_NOR_STOPS)
    )
    outcome = await ask(mind, timeout_seconds=0.5)
    assert outcome.error is not None
    assert outcome.error.type == "timeout"
    await mind.close()


async def test_closing_does_not_wait_for_a_thought(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock
) -> None:
    stocked(tmp_path, TABLE[1])
    mind = mind_of(tmp_path, journal, clock, "small", program=children.program(tmp_path, children.NEVER_ANSWERS))
    await mind.settled()
    thought = asyncio.create_task(ask(mind))
    await heard.until("local.started")
    await mind.close()
    outcome = await thought
    assert outcome.error is not None
    assert heard.kinds().count("local.started") == 1
    assert not mind.status().running


async def test_a_child_has_nothing_to_save_and_is_not_waited_for(tmp_path: Path) -> None:
    """Amid a birth on a busy machine two such waits made SIGTERM take twelve seconds, of ten at most."""
    program = children.program(tmp_path, children.STOPS_SLOWLY)
    child = await Child.start(
        LocalModel("local/x", "x", tmp_path / "none.gguf", 0, 0.0, 0), 1, default_places(), program
    )
    await child.stop()
    assert not child.alive
    assert not (tmp_path / "noticed").exists()
    assert not child.socket.parent.exists()


@pytest.mark.parametrize(
    ("choice", "changes", "problem"),
    [
        ("off", {}, "LOCAL_MODEL is off"),
        ("auto", {"flags": frozenset({"avx"})}, "this processor has no AVX2"),
        ("auto", {"runtime": False}, "has no package for this platform"),
        ("large", {"memory_bytes": 150_000_000}, "LOCAL_MODEL large needs 200 MB of memory, 150 MB are free"),
        ("/no/such.gguf", {}, "LOCAL_MODEL /no/such.gguf: No such file or directory"),
        (__file__, {}, "is not a GGUF file; give large, small, auto, off or a GGUF file"),
    ],
)
async def test_what_cannot_think_here_says_why_and_stays_off(  # noqa: PLR0917 - three fixtures and three parameters
    tmp_path: Path, journal: Journal, clock: HeldClock, choice: str, changes: dict[str, Any], problem: str
) -> None:
    mind = mind_of(tmp_path, journal, clock, choice, machine=machine(**changes))
    assert mind.models() == []
    await mind.prepare()
    outcome = await mind.complete(request(model_of_small()))
    assert outcome.error is not None
    assert problem in outcome.error.message
    await mind.close()


async def test_little_memory_chooses_a_smaller_model(tmp_path: Path, journal: Journal, clock: HeldClock) -> None:
    stocked(tmp_path, *TABLE)
    mind = mind_of(tmp_path, journal, clock, machine=machine(memory_bytes=200_001_500))
    await mind.settled()
    assert [model.id for model in mind.models()] == ["local/small"]
    await mind.close()


@real_model
async def test_a_file_of_ones_own_is_named_by_its_stem(
    tmp_path: Path, journal: Journal, clock: HeldClock, shelf: Path
) -> None:
    own = shelf / WEIGHTS["135m"].files[0].name
    mind = mind_of(tmp_path, journal, clock, str(own))
    assert [model.id for model in mind.models()] == ["local/smollm2-135m-instruct-q4_1"]
    await mind.close()


@real_model
async def test_a_reflection_between_two_thoughts_does_not_make_it_read_the_second_anew(
    tmp_path: Path, journal: Journal, clock: HeldClock, shelf: Path
) -> None:
    """Each beat after a reflection would cost a larger model half a minute of the machine before its first word."""
    table = [replace(WEIGHTS["135m"], prompt_cache_mib=WEIGHTS["0.5b"].prompt_cache_mib)]
    mind = mind_of(tmp_path, journal, clock, machine=machine(), shelves=(shelf,), table=table)
    await mind.settled()
    beat, reflection = "The rain is loud tonight. " * 60, "What did I learn of the sea? " * 60
    cached = []
    for prompt in (beat, reflection, beat + "And now?"):
        outcome = await ask(mind, prompt, max_tokens=1, messages=[Message(role="user", content=prompt)])
        assert outcome.usage is not None
        cached.append(outcome.usage.cached_tokens)
    assert cached[1] < 50  # the template and who it is
    assert cached[2] > 300
    await mind.close()


def test_a_socket_lies_where_its_path_is_short_enough(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * SOCKET_PATH_BYTES)
    deep.mkdir()
    shallow: Sequence[Path] = [deep, tmp_path / "missing", Path("/tmp")]  # noqa: S108 - the folder made inside is private
    folder = socket_folder(shallow)
    assert folder.parent == Path("/tmp")  # noqa: S108
    assert len(os.fsencode(socket_path(folder))) <= SOCKET_PATH_BYTES
    folder.rmdir()
    with pytest.raises(ChildFailed, match="path short enough for a socket"):
        socket_folder([deep])
    assert list(deep.iterdir()) == []


async def test_a_child_that_cannot_start_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = children.program(tmp_path, children.CANNOT_LOAD)
    places = tmp_path / "s"
    places.mkdir()
    with pytest.raises(ChildFailed, match="ended with 1: failed to load model: wrong magic"):
        await Child.start(LocalModel("local/x", "x", tmp_path / "x.gguf", 0, 0.0, 0), 1, [places, Path("/tmp")], broken)  # noqa: S108
    assert list(places.iterdir()) == []
