"""docs/observer.md names every address and every filter, and nothing that is not there."""

from pathlib import Path

from ai.observer.app import routes
from ai.observer.kinds import EVERYTHING, GROUPS, STORY

DOCS = Path(__file__).parents[2] / "docs" / "observer.md"


def test_every_address_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for route in routes():
        address = route.path.replace(":number}", "}").replace(":path}", "}")
        assert f"`{address}`" in text or f" {address}`" in text, address


def test_every_filter_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in (STORY, EVERYTHING, *(group.name for group in GROUPS)):
        assert f"`{name}`" in text, name
