"""There is one way out to X, and money is held for before anything takes it."""

import ast
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import ai
from ai.social import PostState
from tests.social.conftest import Rooms
from tests.world import x as world
from tests.world.wire import Request
from tests.world.x import POST_NANOS, READ_NANOS

ROOT = Path(ai.__file__).parent


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_tweepy_is_imported_in_one_file_of_one_room() -> None:
    users = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if "tweepy" in imported(path)}
    assert users == {"social/networks/x_client.py"}


def test_no_other_room_names_the_client_or_opens_it_for_anything_but_the_outbox() -> None:
    for path in ROOT.rglob("*.py"):
        if path.is_relative_to(ROOT / "social"):
            continue
        names = {
            node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)
        }
        assert "XClient" not in names, path
        assert "open_networks" not in names or "Outbox" in names, path


class Inspector:
    """Looks into the purse, as X would have to, whenever a request arrives there."""

    def __init__(self, ledger: Path) -> None:
        self.ledger = ledger
        self.seen: list[tuple[str, int]] = []
        self.uncovered: list[str] = []

    def __call__(self, request: Request) -> None:
        subject, price = ("x/post", POST_NANOS) if request.method == "POST" else ("x/read", READ_NANOS)
        connection = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)
        rows = connection.execute(
            "SELECT state, held FROM calls WHERE subject = ? ORDER BY seq DESC LIMIT 1", (subject,)
        )
        row = rows.fetchone()
        connection.close()
        if row is None or row[0] != "sent" or row[1] < price:
            self.uncovered.append(f"{request.method} {request.path}: {row}")
        else:
            self.seen.append((subject, row[1]))


@pytest.mark.parametrize("tweets", ["live", "approve"])
async def test_whatever_reaches_x_was_held_for_before(rooms: Rooms, tweets: str) -> None:
    rooms.x.watch = inspector = Inspector(rooms.folder / "ledger.db")
    rooms.x.then(None, world.cut(published=True), world.answer(500), world.rate_limited(None), world.NOT_THIS_TEXT)
    rooms.x.then_reading(world.answer(503), world.answer(429))
    outbox = await rooms.outbox(tweets=tweets, x=rooms.client(x_access_token="names-nobody"), tweets_per_day=100)
    for n in range(8):
        post = await outbox.queue(f"Number {n} of eight.", source="birth", life=n)
        outbox.approve(post.id)
        await outbox.deliver_due()
        rooms.clock.advance(700)
    for _ in range(30):
        await outbox.deliver_due()
        rooms.clock.advance(3600)
    assert inspector.uncovered == []
    assert {subject for subject, _ in inspector.seen} == {"x/post", "x/read"}
    assert len(inspector.seen) == len(rooms.x.requests)
    assert {post.state for post in outbox.posts()} == {PostState.POSTED, PostState.REFUSED}
    assert len(set(rooms.x.texts)) == len(rooms.x.texts) == 7
    assert rooms.x.unsigned == 0


async def test_a_text_longer_than_x_takes_never_leaves(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    await outbox.queue("🙂" * 141, source="birth", life=1)
    await outbox.deliver_due()
    assert rooms.x.requests == []


def test_a_dry_run_does_not_even_load_the_client() -> None:
    names = ("tweepy", "requests", "oauthlib")
    seen = f"import sys, ai.daemon.wiring; print([name for name in {names} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "[]"
