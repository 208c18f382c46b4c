"""A reader who trusts a stale page is worse off than one without: every setting, command and route is documented."""

import re
from pathlib import Path

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
