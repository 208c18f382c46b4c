"""`genesis models` shows what there is, also before a key or a life; a misspelt sub-budget stops the start."""

from pathlib import Path

import pytest

from tests.brain.lived import thinker
from tests.cli.commands import Person
from tests.world.openai_like import OpenAILike
from tests.world.openrouter import FakeOpenRouter


@pytest.mark.parametrize("choice", ["135m", "auto"])
def test_without_a_key_the_embedded_models_and_the_shipped_catalogue_are_shown(tmp_path: Path, choice: str) -> None:
    ran = Person(tmp_path, LOCAL_MODEL=choice).types("models", "--json")
    assert ran.status == 0, ran.err
    rows = ran.document
    embedded = [row for row in rows if row["tier"] == "local"]
    assert "local/smollm2-135m" in {row["id"] for row in embedded}
    assert len(embedded) == 1 or choice == "auto"
    assert len(rows) > 300
    assert all(row["barred"] and not row["affordable"] for row in rows if row["tier"] != "local")
    assert rows[0]["tier"] == "local"
    assert not (tmp_path / "data").exists()
    words = Person(tmp_path, LOCAL_MODEL=choice).types("models").out
    assert "no key is set" in " ".join(words.split())


def test_a_sub_budget_for_a_model_without_its_maker_stops_the_start_until_it_is_right(tmp_path: Path) -> None:
    with FakeOpenRouter(reply=thinker(3)) as provider:
        budgets = '[{"name": "mini", "amount": "1", "period": "month", "covers": ["%s"]}]'
        refused = Person(tmp_path, provider, BUDGETS=budgets % "gpt-4o-mini").types("run", "1")
        assert refused.status == 1
        assert refused.err.strip().endswith(
            "covers 'gpt-4o-mini', which is nothing; did you mean 'openai/gpt-4o-mini'?"
        )
        assert not provider.calls
        assert Person(tmp_path, provider, BUDGETS=budgets % "openai/gpt-4o-mini").types("run", "1").status == 0


def test_a_server_at_home_is_told_and_its_models_are_free(tmp_path: Path) -> None:
    with OpenAILike.at_home("ollama", ["llama3.2:latest"], reply=thinker(3)) as server:
        person = Person(tmp_path, OPENAI_BASE_URL=server.base_url)
        ran = person.types("run", "1")
        assert ran.status == 0, ran.err
        assert "Using OpenAI API (model: llama3.2:latest)" in ran.out
        assert "Est. cost:     $0.0000" in ran.out
        row = next(row for row in person.types("models", "--json").document if row["id"] == "llama3.2:latest")
        assert (row["tier"], row["affordable"], row["preferred"]) == ("free", True, 1)
        assert person.types("status", "--json").document["tier"] == "free"
