"""Lives and memories as JSON documents, for commands with `--json`; times are RFC 3339."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ai.clock import rfc3339
from ai.life.queries import LifeEntry, Shown, Story
from ai.life.self_page import Page, difference
from ai.memory.archive import Row
from ai.memory.memory import Memory
from ai.people.letters import document as letter


def life(entry: LifeEntry) -> dict[str, Any]:
    """Return a life's entry, its fragments as memories."""
    fields = {name: getattr(entry, name) for name in LifeEntry.__dataclass_fields__ if name != "fragments"}
    return {**fields, "fragments": [memory(echo) for echo in entry.fragments]}


def story(told: Story) -> dict[str, Any]:
    """Return a life's entry with its moments, its insights, what its workspace held, its letters and works."""
    return {
        **life(told.entry),
        "moments": [memory(moment) for moment in told.moments],
        "insights": [memory(insight) for insight in told.insights],
        "workspace": [dict(file) for file in told.workspace],
        "letters": [letter(answered) for answered in told.letters],
        "works": [{"slug": work.slug, "title": work.title, "at": rfc3339(work.at)} for work in told.works],
        "in_hand": None if told.in_hand is None else dict(told.in_hand),
    }


def memory(remembered: Memory) -> dict[str, Any]:
    """Return one memory; `origin` names the life and the memory that a fragment echoes."""
    return {
        "life": remembered.life,
        "id": remembered.id,
        "at": rfc3339(remembered.at),
        "kind": remembered.kind.value,
        "importance": remembered.importance,
        "text": remembered.text,
        "sources": list(remembered.sources),
        "origin": None if remembered.origin is None else asdict(remembered.origin),
    }


def row(found: Row) -> dict[str, Any]:
    """Return a memory as mind.db holds it: `archived` where its life's file has only a summary of it."""
    return {**memory(found.memory), "archived": found.archived, "folded_into": found.folded_into}


def shown(whole: Shown) -> dict[str, Any]:
    """Return a memory with what it rests on and the summary it was folded into."""
    return {
        **row(whole.row),
        "rests_on": [row(source) for source in whole.sources],
        "summary": None if whole.summary is None else row(whole.summary),
    }


def pages(versions: Sequence[Page]) -> list[dict[str, Any]]:
    """Return the versions of a page of self, each with the lines it changed."""
    return [
        {**asdict(page), "at": rfc3339(page.at), "changes": difference(before, page)}
        for before, page in zip([None, *versions], versions, strict=False)
    ]
