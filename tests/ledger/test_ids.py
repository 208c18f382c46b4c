"""An id that repeats would be taken for the same call, which is then not paid; one out of order makes a purse slow."""

import time
from uuid import RFC_4122, UUID

from ai.ledger.ids import new_id


def test_an_id_is_a_uuid_that_begins_with_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = UUID(new_id())
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_no_id_comes_twice_and_later_ones_come_later() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert len(set(ids)) == len(ids)
    assert all(len(made) == 32 for made in ids)
    times = [made[:12] for made in ids]
    assert times == sorted(times)
