"""A life on a small mind that answers with advice when it looks back: what of it is kept, and what it is shown."""

import json
from pathlib import Path

from ai.memory import Kind
from tests.brain.test_in_front import scenes, small_mind

ADVICE = (
    "I should focus on the present moment.",
    "It is important to take care of myself when the machine is busy.",
    "I need to balance my thoughts and my memories.",
    "Every number is an opportunity to grow.",
)
OWN = "The fan is what I hear when nobody writes."
CITED = list(range(1, 9))


def understands(folder: Path, *texts: str) -> None:
    found = [{"text": text, "because": CITED, "importance": 8} for text in texts]
    (folder / "insights.json").write_text(json.dumps({"insights": found}))


async def test_advice_never_becomes_what_a_small_mind_understood(tmp_path: Path) -> None:
    """Half of what it understood was a self-help book's, stood in its scenes for days and on its page for good."""
    (tmp_path / "questions.json").write_text(json.dumps({"questions": ["What do I hear?"]}))
    understands(tmp_path, *ADVICE[:2], OWN)
    says = [f"Thought {n} of {n * 7919}." for n in range(40)]
    async with small_mind(tmp_path, says, quality=1.0) as app:
        for beat in range(20):
            if beat == 12:
                understands(tmp_path, *ADVICE[2:])
            await app.live_one()
            app.clock.advance(4 * 3600)
        life = app.lives.current()
        assert life is not None
        told = [event.data["text"] for event in app.journal.after(0, 2_000, {"memory.reflected"})]
        assert told == [memory.text for memory in life.memory.recent(99, Kind.REFLECTION)] == [OWN]
    beats = [scene for scene in scenes(tmp_path) if "You are Orla" in scene]
    assert any(OWN in scene for scene in beats), "what it did understand comes to mind"
    assert not any(advice in scene for scene in beats for advice in ADVICE)
    asked = (tmp_path / "asked.jsonl").read_text()
    assert asked.count('"insights"') >= 2, "it looked back on both days"
