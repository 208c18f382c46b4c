"""A seed given by SOUL reaches the newborn and its prompts, is refused in one line when unusable, and stays private."""

import json
from pathlib import Path

import pytest

from ai.asking import Purpose
from ai.clock import VirtualClock
from ai.settings.soul import MAX_SOUL_CHARS
from ai.settings.sources import SettingsError, load_settings
from tests.brain.lived import START, mind, thinker
from tests.life.conftest import World
from tests.world.openrouter import FakeOpenRouter

SEEDS = sorted(Path("docs/souls").glob("[!R]*.md"))
SOUL = "You keep a log of small changes.\n\nYou write the date before the sentence."


@pytest.fixture
def soul(tmp_path):
    path = tmp_path / "soul.md"
    path.write_text(SOUL, encoding="utf-8")
    return path


async def test_a_newborn_reads_its_seed_and_its_life_keeps_it(tmp_path, soul):
    world = World(tmp_path, soul=soul)
    life = await world.born("Ada")
    told = [messages[1]["content"] for purpose, messages, _ in world.brain.asked if purpose is Purpose.BIRTH]
    assert SOUL in told[0]
    assert life.soul == SOUL
    soul.write_text("Another one.")
    world.start()
    assert world.lives.current().soul == SOUL


async def test_a_seed_that_went_since_the_start_stops_no_birth_and_is_told(tmp_path, soul):
    world = World(tmp_path, soul=soul)
    soul.unlink()
    life = await world.born("Ada")
    assert life.soul == ""
    assert "life.soulless" in world.kinds()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"x" * (MAX_SOUL_CHARS + 1), "has more than 4,000 characters"),
    ],
)
def test_an_unusable_seed_stops_the_start_with_one_line(tmp_path, content, problem):
    path = tmp_path / "soul.md"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=problem) as caught:
        load_settings({"SOUL": str(path)}, tmp_path)
    assert str(caught.value).startswith("SOUL")
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_seed(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings({"SOUL": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: path.stem)
def test_each_seed_of_the_docs_can_be_given(tmp_path, seed):
    assert load_settings({"SOUL": str(seed)}, tmp_path).soul == seed
    assert len(seed.read_text()) < 1_200, "each beat is shown 1,200 characters of it: a longer one would lose its end"


async def test_the_seed_stands_in_each_beats_prompt_and_whole_in_nothing_that_strangers_see(tmp_path, soul):
    asked = []

    def reply(body):
        asked.append(json.dumps(body))
        return thinker(1)(body)

    with FakeOpenRouter(reply=reply) as provider:
        async with mind(provider, tmp_path, VirtualClock(START), SOUL=str(soul)) as app:
            await app.live_one()
            assert all("You keep a log of small changes." in body for body in asked)
            app.journal.append("thought", text=f"I am this: {SOUL}")
            kept = json.dumps([dict(event.data) for event in app.journal.after(0, 10_000)])
            assert "You write the date before the sentence." not in kept
