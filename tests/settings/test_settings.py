"""A wrong setting must stop the start with one line that says what would be right, and no secret may show."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ai.settings import Settings
from ai.settings.sources import SettingsError, load_settings
from ai.settings.texts import from_json

MANY = json.dumps([{"name": f"b{n}", "amount": "1", "period": "day", "covers": ["post"]} for n in range(11)])


def problem(tmp_path: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, tmp_path)
    message = str(caught.value)
    assert "\n" not in message, "an error for people is one line"
    return message


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_example_of_a_setting_is_right_or_says_that_it_is_left_to_fill_in(tmp_path: Path, name: str) -> None:
    """ADMIN_TOKEN was refused with an example that is refused as well."""
    example = (Settings.model_fields[name].examples or [""])[0]
    assert example
    if "…" not in example:
        load_settings({name.upper(): example}, tmp_path)


def test_nothing_set_is_a_complete_start(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert settings.monthly_budget_usd == Decimal("5.00")
    assert settings.tweets == "dry-run"
    assert settings.provider == "local"


def test_the_first_source_wins(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "credentials.json").write_text(
        json.dumps({"OPENROUTER_API_KEY": "from-vault", "OPENAI_API_KEY": "from-vault", "X_API_KEY": "from-vault"})
    )
    (tmp_path / ".env").write_text("OPENROUTER_API_KEY=from-dotenv\nOPENAI_API_KEY=from-dotenv\n")
    settings = load_settings({"OPENROUTER_API_KEY": "from-environment"}, tmp_path)
    assert settings.openrouter_api_key is not None
    assert settings.openai_api_key is not None
    assert settings.x_api_key is not None
    assert settings.openrouter_api_key.get_secret_value() == "from-environment"
    assert settings.openai_api_key.get_secret_value() == "from-dotenv"
    assert settings.x_api_key.get_secret_value() == "from-vault"


def test_an_empty_value_counts_as_unset(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENROUTER_API_KEY=\nMONTHLY_BUDGET_USD=\n")
    settings = load_settings({"DAILY_BUDGET_USD": ""}, tmp_path)
    assert settings.openrouter_api_key is None
    assert settings.monthly_budget_usd == Decimal("5.00")


@pytest.mark.parametrize(
    "dotenv",
    [
        "MONTHLY_BUDGET_USD=\nMONTHLY_BUDGET_USD=20\n",
        "MONTHLY_BUDGET_USD=' '\nMONTHLY_BUDGET_USD=20\n",
        "MONTHLY_BUDGET_USD=20\nMONTHLY_BUDGET_USD=\n",
    ],
)
def test_an_empty_line_from_a_template_beside_the_filled_one_is_no_second_value(tmp_path: Path, dotenv: str) -> None:
    (tmp_path / ".env").write_text(dotenv)
    assert load_settings({}, tmp_path).monthly_budget_usd == Decimal(20)


def test_what_is_no_number_in_json_is_not_called_a_name_given_twice() -> None:
    assert str(from_json('{"a": NaN}')["a"]) in {"nan", "NaN"}


def test_a_name_that_env_gives_two_values_is_refused_and_neither_is_taken_in_silence(tmp_path: Path) -> None:
    """The last one won: who raised the budget at the top of the file went on with the old one at its end."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("MONTHLY_BUDGET_USD=20\n# a secret\nADMIN_TOKEN=hunter2hunter2hunter2\n\nMONTHLY_BUDGET_USD=5\n")
    assert problem(tmp_path) == f"{dotenv}: line 5 sets MONTHLY_BUDGET_USD again, to another value; keep one"
    dotenv.write_text("ADMIN_TOKEN=hunter2hunter2hunter2\nADMIN_TOKEN=hunter3hunter3hunter3\n")
    assert "hunter" not in problem(tmp_path)
    dotenv.write_text("MONTHLY_BUDGET_USD=20\nMONTHLY_BUDGET_USD='20'\nSOMEBODY_ELSES=1\nSOMEBODY_ELSES=2\n")
    assert load_settings({}, tmp_path).monthly_budget_usd == Decimal(20)


def test_a_name_that_json_gives_two_values_is_refused(tmp_path: Path) -> None:
    assert "'gpt-5' again" in problem(tmp_path, OPENAI_PRICES='{"gpt-5": [1, 2], "gpt-5": [0, 0]}')
    (tmp_path / "vault").mkdir()
    vault = tmp_path / "vault" / "credentials.json"
    vault.write_text('{"OPENAI_API_KEY": "hunter2", "OPENAI_API_KEY": "hunter3"}')
    assert "'OPENAI_API_KEY' again" in (said := problem(tmp_path))
    assert "hunter" not in said


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MONTHLY_BUDGET_USD", "-1", "greater than or equal to 0"),
        ("MONTHLY_BUDGET_USD", "five", "valid decimal"),
        ("MONTHLY_BUDGET_USD", "NaN", "finite"),
        ("MONTHLY_BUDGET_USD", "1e300", "less than or equal to 1000000"),
        ("MONTHLY_BUDGET_USD", "0.0000000001", "9 decimal places"),
        ("THINK_INTERVAL_SECONDS", "0", "greater than or equal to 1"),
        ("TWEETS", "liv", "'dry-run', 'live' or 'approve'"),
        ("OPENROUTER_BASE_URL", "openrouter.ai", "not an http(s) URL"),
        ("DATABASE_URL", "mysql://x", "neither sqlite"),
        ("OBSERVER_PORT", "99999", "65535"),
        ("FREE_REQUESTS_PER_DAY", "-5", "between 0"),
        ("BUDGETS", "{", "double quotes"),
        ("BUDGETS", MANY, "at most 10"),
        ("MIND", "a b", "match pattern"),
    ],
)
def test_a_wrong_value_names_setting_problem_and_example(tmp_path: Path, name: str, value: str, says: str) -> None:
    message = problem(tmp_path, **{name: value})
    assert message.startswith(name)
    assert says in message
    assert f"{name}=" in message, "the line ends with a correct example"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("OPENROUTER_KEY", "OPENROUTER_API_KEY"),
        ("MONTHLY_BUDGET", "MONTHLY_BUDGET_USD"),
        ("OPENAI_KEY", "OPENAI_API_KEY"),
        ("TWEETS_A_DAY", "TWEETS_PER_DAY"),
    ],
)
def test_a_misspelt_name_is_not_silently_ignored(tmp_path: Path, wrong: str, right: str) -> None:
    assert right in problem(tmp_path, **{wrong: "value"})


def test_names_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    load_settings(
        {
            "PATH": "/bin",
            "OPENAI_API_BASE": "http://x",
            "OPENAI_ORG_ID": "org",
            "HOME": "/root",
            "MAIL": "x",
            "LOGNAME": "y",
        },
        tmp_path,
    )


def test_live_posting_without_keys_is_refused_at_once(tmp_path: Path) -> None:
    message = problem(tmp_path, TWEETS="live", X_API_KEY="a")
    assert "X_ACCESS_TOKEN_SECRET" in message
    assert "dry-run" in message


def test_a_secret_never_shows(tmp_path: Path) -> None:
    secret = "sk-or-v1-abcdef"
    settings = load_settings({"OPENROUTER_API_KEY": secret, "DATABASE_URL": "postgresql://u:hunter2@h/d"}, tmp_path)
    assert secret not in repr(settings)
    assert "hunter2" not in repr(settings)
    assert secret in settings.secrets()
    assert "hunter2" in settings.secrets()
    assert "abcdef" not in problem(tmp_path, OPENROUTER_API_KEY="sk-or-v1-\nabcdef")


@pytest.mark.parametrize("content", ["{", "[]", '{"OPENROUTER_KEY": "x"}', '{"OPENROUTER_API_KEY": 5}'])
def test_a_broken_vault_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "credentials.json").write_text(content)
    assert "credentials.json" in problem(tmp_path)


def test_an_unreadable_vault_is_named(tmp_path: Path) -> None:
    (tmp_path / "vault" / "credentials.json").mkdir(parents=True)
    assert "cannot be read" in problem(tmp_path)
