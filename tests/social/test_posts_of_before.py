"""A data folder of the program that knew X alone keeps its posts, their states and what is still to become of them."""

from pathlib import Path

from ai.credit_tracker import Category, Expense
from ai.ledger.sqlite import connect, migrate
from ai.ledger.versions import migrations_in
from ai.mind.database import MIGRATIONS, open_mind
from ai.mind.journal import Journal
from ai.social import PostState
from tests.social.conftest import Rooms
from tests.world.x import POST_NANOS

X_ALONE = 9  # the last version whose outbox knew no other network
BEFORE = """
INSERT INTO tweets (id, text, letters, source, life, beat, state, price_nanos, approved, attempts, asked, doubted,
    after_id, remote_id, problem, created_at, due_at, sent_at, posted_at)
VALUES
    (3, 'I was born.', 'iwasborn', 'birth', 1, NULL, 'posted', 15000000, 0, 1, 0, 0, NULL, '1980000000000000001', NULL,
        '2026-11-09T08:00:00.000000Z', NULL, '2026-11-09T08:00:01.000000Z', '2026-11-09T08:00:01.000000Z'),
    (4, 'Into the dark.', 'intothedark', 'action', 1, 7, 'unknown', 15000000, 0, 1, 1, 0, '1980000000000000001', NULL,
        'the connection to X broke', '2026-11-10T08:55:00.000000Z', '2026-11-10T08:58:00.000000Z',
        '2026-11-10T08:55:01.000000Z', NULL),
    (5, 'May I?', 'mayi', 'action', 1, 9, 'awaiting_approval', 15000000, 0, 0, 0, 0, NULL, NULL, NULL,
        '2026-11-10T08:59:00.000000Z', NULL, NULL, NULL);
INSERT INTO x_calls (id, tweet, kind, held_nanos, cost_nanos, fate, at) VALUES
    ('x-3', 3, 'post', 15000000, 15000000, 'captured', '2026-11-09T08:00:00.000000Z'),
    ('x-4', 4, 'post', 15000000, NULL, 'unknown', '2026-11-10T08:55:00.000000Z');
INSERT INTO x_reads (day, resource) VALUES ('2026-11-10', '1980000000000000001');
"""


def folder_of_before(path: Path, folder: Path) -> None:
    """Write mind.db as the program of that version left it."""
    folder.mkdir()
    for migration in migrations_in(MIGRATIONS):
        if migration.version <= X_ALONE:
            (folder / migration.name).write_text(migration.sql)
    connection = connect(path)
    migrate(connection, "mind", folder)
    connection.executescript(BEFORE)
    connection.close()


async def test_posts_of_a_program_that_knew_x_alone_are_kept_and_go_on(rooms: Rooms, tmp_path: Path) -> None:
    tracker = await rooms.tracker()
    await tracker.hold(Expense("x-4", "x/post", "post", POST_NANOS, 1, 7, posts=1, category=Category.POST))
    await tracker.leave_unknown("x-4", "the connection to X broke")
    folder_of_before(tmp_path / "old.db", tmp_path / "migrations")
    rooms.mind.close()
    rooms.mind = open_mind(tmp_path / "old.db")
    rooms.journal = Journal(rooms.mind, rooms.clock)
    rooms.x.post_elsewhere("Into the dark.", rooms.clock.now())
    outbox = await rooms.outbox(tweets="approve")
    asked, unknown, born = outbox.posts()
    assert (born.id, born.text, born.source, born.life, born.beat) == (3, "I was born.", "birth", 1, None)
    assert (born.state, born.remote_id, born.price_nanos) == (PostState.POSTED, "1980000000000000001", 15_000_000)
    assert [one.network for one in born.deliveries] == ["x"]
    assert (asked.state, unknown.state) == (PostState.AWAITING_APPROVAL, PostState.UNKNOWN)
    await outbox.deliver_due()
    assert rooms.again(outbox, unknown).state is PostState.POSTED
    outbox.approve(asked.id)
    await outbox.deliver_due()
    assert rooms.again(outbox, asked).state is PostState.POSTED
    assert rooms.x.texts == ["Into the dark.", "May I?"]
    assert await rooms.held() == 0
    post = await outbox.queue("A number of its own.", source="birth", life=2)
    assert post.id == 6
