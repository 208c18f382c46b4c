"""A life ends with a cause, last words and a closed file; what follows it waits for its time or for money."""

import json
import sqlite3
from datetime import timedelta

import pytest

from ai.asking import Purpose
from ai.clock import parse_rfc3339
from ai.life.death import DEATH_SCHEMA
from ai.life.fragments import End
from ai.life.storage import peek
from ai.memory.memory import Kind
from ai.model_config.bound import input_bound
from ai.model_rotator.rotation import LAST_WORDS_INPUT
from tests.life.conftest import Purse

WORDS = '{"last_words": "I counted rain and ran out of fingers.", "summary": "She listened to rain."}'


def facts_of(world, number):
    return peek(world.lives.folder / f"{number:04d}.json")["life"]["1"]


async def test_a_kill_closes_the_file_with_cause_words_and_summary(world):
    life = await world.born("Ada")
    (world.lives.workspace / "poems").mkdir()
    (world.lives.workspace / "poems" / "rain.txt").write_text("drop")
    life.begin_beat(1)
    assert await world.lives.die("the caretaker was bored", *world.brain.say("no words", WORDS).both, funds=Purse())
    assert world.lives.current() is None
    facts = facts_of(world, 1)
    assert facts["state"] == "dead"
    assert facts["cause"] == "the caretaker was bored"
    assert facts["last_words"] == "I counted rain and ran out of fingers."
    assert facts["summary"] == "She listened to rain."
    assert facts["workspace"] == [{"path": "poems/rain.txt", "bytes": 4}]
    assert list(world.lives.workspace.iterdir()) == []
    assert world.brain.asked[-1][0] is Purpose.DEATH
    assert world.brain.posts[-1] == ("I counted rain and ran out of fingers. (Ada, life #1, ended)", "death", 1)
    assert [p.name for p in world.lives.folder.iterdir()] == ["0001.json"]
    assert not await world.lives.die("again")


async def test_however_much_it_remembers_its_last_words_cost_no_more_than_is_kept_for_them(world):
    life = await world.born("Ada")
    life.write_self("I was " + "here " * 400)
    for _ in range(20):
        life.memory.add("It rained on the roof. " * 80, Kind.NOTE)
    await world.lives.die("the caretaker was bored", *world.brain.say(WORDS).both, funds=Purse())
    _, messages, _ = world.brain.asked[-1]
    assert "It rained" in messages[-1]["content"]
    assert 5_000 < input_bound(messages, DEATH_SCHEMA) <= LAST_WORDS_INPUT


async def test_with_nobody_to_ask_it_dies_without_a_word_and_is_summed_up_by_rule(world):
    life = await world.born("Ada")
    life.memory.add("The caretaker likes tea.", Kind.NOTE)
    await world.lives.die("kill", *world.brain.both)
    facts = facts_of(world, 1)
    assert facts["last_words"] == ""
    assert facts["summary"] == (
        "Ada lived 0.0 days and 0 beats, and left 2 memories, 1 of them notes of its own. It ended because: kill"
    )
    assert [source for _text, source, _life in world.brain.posts] == ["birth"]


async def test_rebirth_comes_after_10_to_60_seconds(world):
    for name in ("Ada", "Berit", "Cleo"):
        await world.born(name)
        await world.lives.die("kill")
        died = parse_rfc3339(facts_of(world, world.lives.chronicle.last())["died_at"])
        due = world.lives.birth_due_at()
        assert 10 <= (due - died).total_seconds() <= 60
        world.clock.advance((due - world.clock.now()).total_seconds() - 0.001)
        assert await world.lives.ensure_alive(*world.brain.both, Purse()) is None
        world.start()
        assert world.lives.birth_due_at() == due


async def test_a_clock_set_back_does_not_keep_it_dead(world):
    await world.born("Ada")
    await world.lives.die("kill")
    world.clock.set(world.clock.now() - timedelta(days=400))
    assert (await world.born("Berit")).number == 2


@pytest.mark.parametrize(
    ("purse", "reborn"),
    [
        (None, False),
        (Purse(), False),
        (Purse(band="bankrupt"), False),
        (Purse(donated=1), True),
        (Purse(donated=1, band="bankrupt"), False),
        (Purse(period="2026-12"), True),
        (Purse(period="2026-12", granted=0, band="bankrupt"), False),
    ],
)
async def test_after_a_bankrupt_death_birth_waits_for_new_money(world, purse, reborn):
    await world.born("Ada")
    await world.lives.die("the purse is empty", end=End.BANKRUPTCY, funds=Purse(band="bankrupt"))
    world.start()
    world.clock.advance(3_600)
    for _ in range(2):
        life = await world.lives.ensure_alive(*world.brain.both, purse)
    assert (life is not None) is reborn
    assert world.kinds().count("life.waits") == (0 if reborn else 1)


async def test_a_bankrupt_death_with_the_purse_unseen_still_waits(world):
    await world.born("Ada")
    await world.lives.die("the purse is empty", end=End.BANKRUPTCY, funds=None)
    world.clock.advance(60)
    assert await world.lives.ensure_alive(*world.brain.both, None) is None
    assert await world.lives.ensure_alive(*world.brain.both, Purse(band="bankrupt")) is None
    assert await world.lives.ensure_alive(*world.brain.both, Purse()) is not None


async def test_a_death_that_was_cut_short_is_finished_at_the_next_start(world):
    life = await world.born("Ada")
    life.note(state="dying", cause="kill", end="kill")
    world.start()
    assert world.lives.current() is None
    world.clock.advance(60)
    assert await world.lives.ensure_alive(*world.brain.say(WORDS).both, Purse()) is None
    assert facts_of(world, 1)["last_words"] == "I counted rain and ran out of fingers."
    assert (await world.born("Berit")).number == 2


async def test_a_crash_after_the_closing_wipes_the_workspace_at_the_next_start(world):
    await world.born("Ada")
    await world.lives.die("kill")
    (world.lives.workspace / "left.txt").write_text("left by a crash")
    world.start()
    assert list(world.lives.workspace.iterdir()) == []


async def test_links_in_the_workspace_are_removed_and_what_they_point_to_is_not(world, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("stay")
    await world.born("Ada")
    (world.lives.workspace / "link").symlink_to(outside)
    await world.lives.die("kill")
    assert (outside / "precious.txt").read_text() == "stay"
    assert list(world.lives.workspace.iterdir()) == []


async def test_a_broken_file_falls_back_to_the_state_before(world):
    life = await world.born("Ada")
    life.begin_beat(1)
    life.begin_beat(2)
    life.file.path.write_bytes(b'{"life": {"1": {"na')
    world.start()
    life = world.lives.current()
    assert (life.name, life.beats) == ("Ada", 1)
    assert (world.lives.folder / "0001.json.corrupt-1").read_bytes() == b'{"life": {"1": {"na'
    assert any("is broken" in e.data["problem"] for e in world.journal.after(0) if e.kind == "life.file")


async def test_with_no_good_copy_the_life_is_rebuilt_from_mind_db(world):
    life = await world.born("Ada")
    life.memory.add("The caretaker likes tea.", Kind.NOTE)
    for path in list(world.lives.folder.iterdir()):
        path.write_bytes(b"junk")
    world.start()
    life = world.lives.current()
    assert life.name == "Ada"
    assert [m.text for m in life.memory.recent(1)] == ["The caretaker likes tea."]


async def test_a_life_nobody_knows_is_lost_and_the_next_number_follows(world):
    (world.lives.folder / "0001.json").write_bytes(b"junk")
    world.start()
    assert world.lives.current() is None
    assert facts_of(world, 1)["end"] == "lost"
    assert (await world.born("Berit")).number == 2
    assert (world.lives.folder / "0001.json.corrupt-1").read_bytes() == b"junk"


async def test_a_lost_mind_db_is_filled_from_the_files(world):
    for name in ("Ada", "Berit", "Cleo"):
        await world.born(name)
        await world.lives.die("kill")
    world.mind.close()
    for path in world.data_dir.glob("mind.db*"):
        path.unlink()
    world.mind = None
    world.start()
    assert world.lives.chronicle.names() == ["Ada", "Berit", "Cleo"]
    assert (await world.born("Dunja")).number == 4
    assert world.lives.current().fragments()


async def test_a_file_of_a_newer_version_is_left_alone(world):
    life = await world.born("Ada")
    tables = peek(life.file.path)
    tables["life"]["1"]["format"] = 99
    life.file.path.write_text(json.dumps(tables))
    with pytest.raises(Exception, match=r"has format 99, this program knows 1; upgrade it"):
        world.start()
    assert json.loads(life.file.path.read_text()) == tables


async def test_a_broken_file_of_the_dead_does_not_stop_the_start(world):
    for name in ("Ada", "Berit", "Cleo"):
        await world.born(name)
        await world.lives.die("kill")
    world.mind.close()
    for path in world.data_dir.glob("mind.db*"):
        path.unlink()
    (world.lives.folder / "0002.json").write_bytes(b"junk")
    world.mind = None
    world.start()
    assert world.lives.chronicle.names() == ["Ada", "(lost life 2)", "Cleo"]
    assert (world.lives.folder / "0002.json").read_bytes() == b"junk"
    assert (await world.born("Dunja")).number == 4


async def test_a_mind_db_that_fails_while_a_life_ends_or_begins_leaves_one_life(world):
    await world.born("Ada")
    failing = "CREATE TRIGGER failing BEFORE INSERT ON lives BEGIN SELECT RAISE(ABORT, 'mind.db failed'); END"
    world.mind.connection.execute(failing)
    with pytest.raises(sqlite3.IntegrityError, match=r"mind.db failed"):
        await world.lives.die("kill")
    world.mind.connection.execute("DROP TRIGGER failing")
    assert world.lives.current() is None
    assert await world.lives.ensure_alive(*world.brain.both, Purse()) is None
    assert facts_of(world, 1)["state"] == "dead"
    world.mind.connection.execute(failing)
    world.newborn("Berit")
    world.clock.advance(60)
    with pytest.raises(sqlite3.IntegrityError, match=r"mind.db failed"):
        await world.lives.ensure_alive(*world.brain.both, Purse())
    world.mind.connection.execute("DROP TRIGGER failing")
    life = await world.lives.ensure_alive(*world.brain.both, Purse())
    assert (life.number, life.name) == (2, "Berit")
    assert sorted(p.name for p in world.lives.folder.glob("*.json")) == ["0001.json", "0002.json"]
