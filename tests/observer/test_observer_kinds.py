"""The page's filters: each shows something that can happen, and together they show all of it."""

import pytest

from ai.mind.events import EVENTS
from ai.observer.kinds import GROUPS, group_of, kinds_shown


@pytest.mark.parametrize("name", [group.name for group in GROUPS])
def test_no_filter_of_the_page_is_empty_for_ever(name):
    assert kinds_shown(name)


def test_money_shows_what_became_of_it():
    assert kinds_shown("money") >= {"brain.budget", "call.unknown", "call.settled", "call.dearer"}


def test_every_event_has_its_place():
    assert {kind for kind in EVENTS if group_of(kind).name in {group.name for group in GROUPS}} == set(EVENTS)


def test_the_story_tells_what_was_thought_and_not_out_of_how_many():
    """“Kept draft 3 of 3” stood between any two thoughts of a mind without a key."""
    assert "thought" in kinds_shown("story")
    assert "thought.drafted" not in kinds_shown("story") | kinds_shown("thoughts")
    assert "thought.drafted" in kinds_shown("beats")
