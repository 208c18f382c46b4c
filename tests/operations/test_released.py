"""A folder that an earlier release wrote and lived in, opened by this one: nothing in it is lost, paid or said twice.

`released/2026-11-27.tar.gz` was written by that release itself, as eleven beats on the simulated provider left it: a
post that was published and one that waits for a person, two letters that were not read and one that the daemon had not
taken yet, a top-up, and a call whose outcome nobody knows. `2026-11-27.json` is what both providers had billed then,
and what the purse said of it.
"""

import json
import tarfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ai.clock import VirtualClock
from ai.ledger.audit import audit
from ai.ledger.money import nanos
from ai.social import PostState
from tests.brain.lived import live, mind
from tests.cli.commands import Person
from tests.world.openrouter import FakeOpenRouter
from tests.world.x import KEYS, FakeX

RELEASED = Path(__file__).resolve().parent / "released"
PUBLISHED = "Wren, life #1. So this is being awake."
WAITING = "The salt remembers the sea it came from."
EARLIER = "Good morning, Wren. Did you sleep?"
UNREAD = "Nobody has read this yet. Tell me about the salt."
NOT_TAKEN = "And this was typed as the daemon went down."


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    """Lay the released folder out at `tmp_path`; return what was true when it was left."""
    with tarfile.open(RELEASED / "2026-11-27.tar.gz") as archive:
        archive.extractall(tmp_path)  # noqa: S202 - ours; its filters came with Python 3.11.4
    written: dict[str, Any] = json.loads((RELEASED / "2026-11-27.json").read_text())
    return written


def hearing(heard: list[str]) -> Callable[[dict[str, Any]], str]:
    """Return a model that thinks something new each time and keeps what it was shown."""

    def reply(body: dict[str, Any]) -> str:
        heard.append(json.dumps(body, ensure_ascii=False))
        return json.dumps({"thought": f"Heard {len(heard)} of them.", "importance": 5, "action": "think", "params": {}})

    return reply


async def test_a_life_of_an_earlier_release_goes_on_with_its_money_its_letters_and_its_posts(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    clock = VirtualClock(datetime.fromisoformat(record["at"]))
    heard: list[str] = []
    keys = {name.upper(): value for name, value in KEYS.items()}
    with FakeOpenRouter(reply=hearing(heard), date=clock.now) as provider, FakeX(now=clock.now) as x:
        async with mind(provider, tmp_path, clock, TWEETS="approve", X_API_BASE_URL=x.base_url, **keys) as app:
            report = await app.tracker.budget_report()
            assert [report[name] for name in ("granted", "donated", "spent", "held", "available")] == [
                record[name] for name in ("granted", "donated", "spent", "held", "available")
            ]
            posts = {post.text: post for post in app.outbox.posts()}
            assert posts[PUBLISHED].state is PostState.POSTED
            assert posts[WAITING].state is PostState.AWAITING_APPROVAL

            await app.command_handlers.carry_out_waiting()
            app.commands.put("resume")
            app.commands.put("approve", id=posts[WAITING].id)
            await app.command_handlers.carry_out_waiting()
            await live(app, clock, 6)
            for letter in (EARLIER, UNREAD, NOT_TAKEN):
                assert any(letter in body for body in heard), letter
            assert x.texts == [WAITING]

            clock.advance(timedelta(days=1, hours=1).total_seconds())
            await live(app, clock, 1)
            after = await app.tracker.budget_report()
            billed = record["billed_by_provider_nanos"] + record["billed_by_x_nanos"]
            here = provider.billed_nanos + x.charged_nanos
            assert billed + here <= nanos(after["spent"]) <= nanos(record["spent"]) + nanos(record["held"]) + here
            assert nanos(after["held"]) == 0
            assert (await app.ledger.read(audit)).ok


def test_after_the_first_beat_every_command_shows_what_an_earlier_release_left(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    person = Person(tmp_path)
    before = person.types("lives", "1")
    assert (before.status, before.out) == (1, "")
    assert "`genesis up` or `genesis run 1`" in before.err
    assert " lived in " in person.types("run", "1").out
    audited = person.types("audit")
    assert audited.status == 0, audited
    story = person.types("lives", "1", "--json").document
    assert "So this is being awake." in json.dumps(story)
    letters = person.types("letters", "--json").out
    assert all(letter in letters for letter in (EARLIER, UNREAD))
    posts = person.types("tweets", "--json").out
    assert PUBLISHED in posts
    assert WAITING in posts
    month = person.types("budget", "--month", "2026-11", "--json").document
    assert nanos(month["spent"]) >= nanos(record["spent"])
    assert (tmp_path / "data" / "workspace" / "stones.md").read_text() == "flint, slate, chalk"
    kept = json.loads((tmp_path / "data" / "lives" / "0001.json").read_text())
    assert len(kept["memories"]) >= record["memories"]
