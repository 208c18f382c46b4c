"""What passes into the next life is hazy by rule and says where it comes from."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ai.life.fragments import MAX_FRAGMENTS, MAX_WORDS, choose, haze
from ai.memory.archive import Archive
from ai.memory.memory import Kind
from tests.life.conftest import seeded


@given(st.text(max_size=500), st.integers(0, 1_000))
def test_no_number_and_no_address_survives(text, seed):
    hazy = haze(text, seeded(seed))
    assert not re.search(r"https?://|[0-9]", hazy)
    assert len(hazy.split()) <= MAX_WORDS
    assert hazy == haze(text, seeded(seed))


def test_names_and_sums_become_dim():
    hazy = haze("I spent $0.0042 on a letter to Marlene at marlene@example.org yesterday", seeded(1))
    assert "Marlene" not in hazy
    assert "example" not in hazy
    assert hazy.startswith("…I spent some on a letter")


async def test_fragments_come_from_lives_before_and_name_their_memory(world):
    texts = {}
    for name in ("Ada", "Berit", "Cleo"):
        life = await world.born(name)
        for number in range(20):
            memory = life.memory.add(f"{name} watched the slow grey river number {number}", Kind.THOUGHT)
            texts[life.number, memory.id] = memory.text
        texts[life.number, life.memory.recent(100, Kind.THOUGHT)[0].id] = life.first_thought
        await world.lives.die("kill")
    archive = Archive(world.mind)
    counts, lives = set(), set()
    for seed in range(60):
        fragments = choose(archive, 4, seeded(seed))
        counts.add(len(fragments))
        lives |= {fragment.origin.life for fragment in fragments}
        assert all((f.origin.life, f.origin.memory) in texts for f in fragments)
    assert min(counts) == 1
    assert max(counts) <= MAX_FRAGMENTS
    assert lives == {1, 2, 3}
    life = await world.born("Dunja")
    assert life.fragments()
    assert all(memory.origin for memory in life.memory.recent(100, Kind.FRAGMENT))
    told = next(e.data["count"] for e in world.journal.before(None, kinds=["life.fragments"]))
    assert told == len(life.fragments())
