"""Whatever stands in a setting, a start goes on or ends with one line that a person can read; nothing is half taken."""

from pathlib import Path

import pytest

from ai.settings import Settings
from ai.settings.sources import SettingsError, load_settings

NAMES = sorted(name.upper() for name in Settings.model_fields)
ABSURD = {
    "huge": "9" * 40,
    "negative": "-1",
    "not a number": "nan",
    "infinite": "inf",
    "beyond every float": "1e400",
    "below every float": "1e-400",
    "letters": "abc",
    "digits of another script": "١٢٣",
    "10 kB of letters": "x" * 10_240,
    "10 kB of digits": "9" * 10_240,
    "brackets": "[" * 5_000,
    "braces": '{"a":' * 5_000,
    "an object": "{}",
    "null": "null",
    "a list without end": "[",
    "a torn address": "http://[::1",
    "a port that is none": "https://user:hunter2@host:99999/",
    "a line break": "a\nb",
    "a NUL": "a\0b",
    "an escape": "a\x1b[31mb",
    "a byte that is no UTF-8": "a\udcffb",
    "a sign that turns the writing around": "\u202eabc",
    "a list of no prices": '{"a": ["x", 1e400]}',
    "a sub-budget of no amount": '[{"name": "a", "amount": "nan", "period": "month", "covers": ["post"]}]',
}
LONGEST = 600  # letters of a line that is still read


@pytest.mark.parametrize("value", ABSURD.values(), ids=ABSURD)
def test_an_absurd_value_is_taken_or_refused_in_one_short_line(tmp_path: Path, value: str) -> None:
    for name in NAMES:
        try:
            load_settings({name: value}, tmp_path)
        except SettingsError as error:
            line = str(error)
            assert name in line
            assert line.isprintable()
            assert len(line) <= LONGEST
            assert "hunter2" not in line


def test_a_blank_value_counts_as_unset(tmp_path: Path) -> None:
    """`DATA_DIR=" "` lived in whatever folder one stood in, and a blank key was sent to the provider."""
    for name in NAMES:
        assert load_settings({name: "  \t "}, tmp_path) == load_settings({}, tmp_path), name


def test_a_byte_that_is_no_utf_8_is_told_before_it_meets_a_database_or_an_address(tmp_path: Path) -> None:
    """A model's name or a title with one ended as a traceback in the middle of the start."""
    for name in ("OPENROUTER_MODEL", "OPENROUTER_REFERER", "DATA_DIR", "BLUESKY_APP_PASSWORD"):
        with pytest.raises(SettingsError, match="no UTF-8"):
            load_settings({name: "caf\udce9"}, tmp_path)


def read(folder: Path, text: bytes) -> Settings:
    (folder / ".env").write_bytes(text)
    return load_settings({}, folder)


@pytest.mark.parametrize(
    "text",
    [
        b"OPENROUTER_API_KEY=sk-or-v1-a\nMONTHLY_BUDGET_USD=7\n",
        b"\xef\xbb\xbfOPENROUTER_API_KEY=sk-or-v1-a\r\nMONTHLY_BUDGET_USD=7\r\n",
        b"export OPENROUTER_API_KEY='sk-or-v1-a'\nexport MONTHLY_BUDGET_USD=\"7\"",
        b"  OPENROUTER_API_KEY = sk-or-v1-a   # mine\n\n# more\nMONTHLY_BUDGET_USD=7 # dollars\n",
    ],
    ids=["plain", "as Windows writes it", "as a shell reads it", "with comments"],
)
def test_an_env_file_is_read_however_it_was_written(tmp_path: Path, text: bytes) -> None:
    settings = read(tmp_path, text)
    assert settings.openrouter_api_key is not None
    assert settings.openrouter_api_key.get_secret_value() == "sk-or-v1-a"
    assert settings.monthly_budget_usd == 7


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"MONTHLY_BUDGET_USD: 1\n", 1),
        (b"TWEETS=dry-run\nMONTHLY_BUDGET_USD 1\n", 2),
        (b"set MONTHLY_BUDGET_USD=1\n", 1),
        (b'OPENROUTER_API_KEY="sk-or-v1-a\nMONTHLY_BUDGET_USD=1\n', 1),
        (b'{"MONTHLY_BUDGET_USD": 1}\n', 1),
        (b"TWEETS=dry-run\n\n# a budget\n\nMONTHLY_BUDGET_USD: 1\n", 5),
    ],
    ids=["colon", "blank", "set", "one quote", "JSON", "after empty lines"],
)
def test_a_line_of_env_that_cannot_be_read_stops_the_start(tmp_path: Path, text: bytes, line: int) -> None:
    """A budget of one dollar that was written with a colon was left out, and five were spent."""
    with pytest.raises(SettingsError, match=rf"\.env: line {line} is no setting; write NAME=value") as told:
        read(tmp_path, text)
    assert "sk-or" not in str(told.value)


def test_an_env_file_that_is_none_is_told(tmp_path: Path) -> None:
    """PowerShell writes UTF-16, and Docker makes a folder where the file that it mounts is missing."""
    with pytest.raises(SettingsError, match="save it as UTF-8"):
        read(tmp_path, "MONTHLY_BUDGET_USD=1\r\n".encode("utf-16"))
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsError, match="Is a directory"):
        load_settings({}, tmp_path)
