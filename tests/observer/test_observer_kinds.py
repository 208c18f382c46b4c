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
