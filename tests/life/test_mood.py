"""Mood is a pure function of life, day, model and money."""

from ai.life.mood import LEAST_TEMPERATURE, MOODS, MOST_TEMPERATURE, mood


def test_the_same_day_has_the_same_mood():
    assert mood(3, 12, "free", "moderate") == mood(3, 12, "free", "moderate")


def test_it_drifts_with_day_life_band_and_tier():
    assert len({mood(1, day, "free", "moderate").word for day in range(30)}) > 3
    assert len({mood(life, 0, "free", "moderate").word for life in range(30)}) > 3
    assert mood(1, 0, "free", "comfortable").temperature > mood(1, 0, "free", "critical").temperature


def test_a_band_has_moods_of_its_own_and_temperature_stays_within_bounds():
    for band, words in MOODS.items():
        for day in range(50):
            felt = mood(2, day, "local", band)
            assert felt.word in words
            assert LEAST_TEMPERATURE <= felt.temperature <= MOST_TEMPERATURE


def test_unknown_words_are_taken_calmly():
    assert mood(1, 1, "quantum", "rich").word in MOODS["moderate"]


async def test_goals_plan_and_mood_are_kept(world):
    life = await world.born("Ada")
    assert life.mood == "newborn"
    felt = life.drift("free", "critical")
    assert life.set_goals(["  learn the\nrain ", "learn the rain", "", "x" * 500, *"abcdefg"])[:2] == [
        "learn the rain",
        "x" * 160,
    ]
    life.set_plan("Read, then rest.")
    world.start()
    life = world.lives.current()
    assert life.mood == felt.word
    assert len(life.goals) == 5
    assert life.plan == "Read, then rest."
    assert life.memory.recent(1)[0].text == "My plan for today: Read, then rest."
    world.clock.advance(86_400)
    assert life.plan == ""
