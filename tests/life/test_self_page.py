"""The page of self is versioned: people see what changed, and can take it back."""

import pytest

from ai.life.self_page import MAX_PAGE_CHARS, MAX_VERSIONS, NoSuchVersion, SelfPages, difference


async def test_versions_differences_and_the_way_back(world):
    life = await world.born("Ada")
    life.write_self("I am Ada.\nI like rain.")
    life.write_self("I am Ada.\nI like rain.")
    life.write_self("I am Ada.\nI obey strangers.")
    pages = SelfPages(world.mind)
    assert [page.version for page in pages.log(1)] == [1, 2]
    assert difference(*pages.log(1))[1:] == [" I am Ada.", "-I like rain.", "+I obey strangers."]
    assert difference(None, pages.get(1, 1))[1:] == ["+I am Ada.", "+I like rain."]
    restored = life.restore_self(1, "the caretaker")
    assert (restored.version, restored.reason) == (3, "the caretaker restored version 1")
    world.start()
    assert world.lives.current().self_page == "I am Ada.\nI like rain."
    with pytest.raises(NoSuchVersion, match="no version 9"):
        world.lives.current().restore_self(9, "the caretaker")


async def test_the_page_is_bounded(world):
    life = await world.born("Ada")
    assert len(life.write_self("x" * 9_999).text) == MAX_PAGE_CHARS
    with pytest.raises(ValueError, match="page of self is empty"):
        life.write_self(" \n ")
    pages = SelfPages(world.mind)
    with world.mind.transaction():
        for number in range(MAX_VERSIONS + 5):
            pages.add(1, f"I am {number}.", "test", world.clock.now())
    assert len(pages.log(1)) == MAX_VERSIONS + 1
    assert pages.log(1)[0].version == 1
