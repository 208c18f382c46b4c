"""Three people write to a living daemon, over HTTP and from a shell, and each finds an answer on its page."""

import json
import re
import threading
from pathlib import Path
from typing import Any

import httpx2

from tests.cli.commands import Person, read_until
from tests.world.openrouter import FakeOpenRouter

PATIENCE_SECONDS = 90
LETTER = re.compile(r"(?:letter |not answered: )(\d+)(?:, your caretaker:|, a visitor:|) ⟦(\w+)(?: writes)?: ")


class Correspondent:
    """A model that answers each letter by its number, and thinks while it is told to `wait`."""

    def __init__(self) -> None:
        self.thinking, self.go = threading.Event(), threading.Event()

    def __call__(self, body: dict[str, Any]) -> str:
        if "first_thought" in json.dumps(body):
            return json.dumps({"name": "Ada", "pronoun": "she", "first_thought": "Awake."})
        scene = body["messages"][1]["content"]
        found = LETTER.search(scene)
        if found is None:
            return json.dumps({"thought": f"Nothing but {len(scene)} letters of a scene.", "action": "think"})
        self.thinking.set()
        self.go.wait(PATIENCE_SECONDS)
        number, name = found.groups()
        params = {"text": f"Dear {name}, I read you.", "to": number}
        return json.dumps({"thought": f"{name} wrote.", "action": "reply", "params": params, "done": True})


def test_three_people_are_answered_and_who_says_something_mid_thought_does_not_wait(tmp_path: Path) -> None:
    model = Correspondent()
    with FakeOpenRouter(reply=model) as provider:
        person = Person(
            tmp_path,
            provider,
            VISITORS="on",
            THINK_INTERVAL_SECONDS="1",
            LLM_TIMEOUT_SECONDS=str(PATIENCE_SECONDS),
            TRUSTED_PROXIES="127.0.0.1",
            TWEETS_PER_DAY="0",
        )
        with person.wakes() as daemon:
            served = next(line for line in read_until(daemon, "Observer at") if "Observer at" in line)
            url = served.split("Observer at ")[1].split()[0]
            with httpx2.Client(base_url=url, timeout=30) as client:
                for number, name in enumerate(("Ines", "Jo")):
                    sent = client.post(
                        "/api/letters",
                        json={"name": name, "text": "Who are you?"},
                        headers={"x-forwarded-for": f"10.0.0.{number}"},
                    )
                    assert sent.status_code == 202
                assert model.thinking.wait(PATIENCE_SECONDS)
                said = person.types("say", "Good morning")  # the model has not answered yet
                assert "left for its next beat, as letter 3" in said.out
                model.go.set()
                for _ in range(3):
                    read_until(daemon, "🖋️ To ")
                rows = client.get("/api/letters").json()
                assert {row["from"]: row["answer"] for row in rows} == {
                    "Ines": "Dear Ines, I read you.",
                    "Jo": "Dear Jo, I read you.",
                    "caretaker": "Dear caretaker, I read you.",
                }
                assert "Dear Ines, I read you." in client.get("/letters").text
        shown = person.types("letters", "--json").document
        assert shown == rows
        assert "→ Dear Jo, I read you." in person.types("lives", "1").out
