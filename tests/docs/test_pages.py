"""A reader who trusts a stale page is worse off than one without: every setting, command and route is documented."""

import functools
import re
from collections import defaultdict
from pathlib import Path

import grimp
import pytest

from ai.mind.events import EVENTS
from ai.settings import Settings
from docs.generate import ROOT, pages

DOCS = [
    ROOT / "README.md",
    *sorted(ROOT.glob("C*.md")),
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "vault" / "README.md",
]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_generated_pages_are_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run `make docs`"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target, _ in LINK.findall(path.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_setting_has_a_meaning_and_an_example_that_is_accepted() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.examples, name


def test_every_event_says_what_it_means() -> None:
    for kind, line in EVENTS.items():
        assert line.meaning.endswith("."), kind
        assert line.room.isupper(), kind


def test_a_word_of_the_glossary_is_defined_once() -> None:
    words = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(words) == len(set(words))


ROOM = re.compile(r"^\| ((?:`[\w./]+`(?:, )?)+) \| ([^|]*) \|", re.MULTILINE)


def test_the_page_of_the_rooms_names_each_room_and_only_files_that_are_there() -> None:
    """Who looks for a room by the page must find it."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## Rooms")[1].split("\n## ")[0]
    named: set[str] = set()
    for rooms, purpose in ROOM.findall(table):
        found = [name.removeprefix("ai/").rstrip("/") for name in re.findall(r"`([\w./]+)`", rooms)]
        named |= set(found)
        for name in found:
            assert (ROOT / "ai" / name).exists(), name
        for module in re.findall(r"`([a-z_/]+)`", purpose):
            inside = [ROOT / "ai" / name / module.rstrip("/") for name in found]
            assert module in {"openai", "tweepy"} or any(p.exists() or p.with_suffix(".py").exists() for p in inside), (
                module
            )
    there = {
        path.name
        for path in (ROOT / "ai").iterdir()
        if path.name not in {"__init__.py", "__main__.py", "__pycache__", "py.typed"}
    }
    assert named == there


def test_the_page_says_how_long_the_longest_chain_of_rooms_is() -> None:
    graph, below = grimp.build_graph("ai"), defaultdict(set)
    for module in graph.modules:
        room = module.split(".")[1:2]
        for other in graph.find_modules_directly_imported_by(module):
            if room and room != ["__main__"] and other.split(".")[1:2] not in ([], room):
                below[room[0]].add(other.split(".")[1])

    @functools.cache
    def longest(room: str) -> list[str]:
        return [room, *max((longest(one) for one in sorted(below[room])), key=len, default=[])]

    chain = max((longest(room) for room in sorted(below)), key=len)
    page = " ".join((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split())
    assert f"The longest chain has {len(chain)} of them" in page, chain
