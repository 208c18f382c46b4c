"""An id that repeats would be taken for the same call, which is then not paid; one out of order makes a purse slow."""

import time
from functools import reduce
from operator import and_, or_
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


def test_every_bit_but_time_version_and_variant_is_left_to_chance() -> None:
    ids = [int(new_id(), 16) for _ in range(200)]
    seen, always = reduce(or_, ids), reduce(and_, ids)
    chance = (0xFFF << 64) | ((1 << 62) - 1)
    assert seen & chance == chance
    assert always & chance == 0
