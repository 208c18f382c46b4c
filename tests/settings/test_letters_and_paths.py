"""What no header can carry, and what a path means, is known at the start and not in the middle of a call."""

import pytest

from ai.settings.sources import SettingsError, load_settings

SENT = (
    "OPENROUTER_API_KEY",
    "OPENAI_API_KEY",
    "ADMIN_TOKEN",
    "MASTODON_ACCESS_TOKEN",
    "X_API_KEY",
    "X_API_SECRET",
    "X_ACCESS_TOKEN",
    "X_ACCESS_TOKEN_SECRET",
)


@pytest.mark.parametrize("name", SENT)
@pytest.mark.parametrize("letter", ["…", "\u200b", "\u00a0", "ä", "—", "\ufeff", "🔑"])
def test_a_key_with_a_letter_that_no_header_takes_is_refused_in_one_line(tmp_path, name: str, letter: str) -> None:
    """It ended as a traceback of 86 lines, or as "could not connect" for ever."""
    with pytest.raises(SettingsError) as caught:
        load_settings({name: f"sk-or-v1-abcdef{letter}0123456789abcdef"}, tmp_path)
    line = str(caught.value)
    assert name in line
    assert f"U+{ord(letter):04X}" in line
    assert "as letter 16" in line
    assert "abcdef0" not in line
    assert "0123456789" not in line
    assert "\n" not in line


def test_a_blank_inside_a_key_is_named(tmp_path) -> None:
    with pytest.raises(SettingsError, match=r"U\+0020 \(space\)"):
        load_settings({"OPENROUTER_API_KEY": "sk-or v1-abc"}, tmp_path)


def test_a_title_may_have_any_letters(tmp_path) -> None:
    settings = load_settings(
        {"OPENROUTER_TITLE": "Mädchen 🐦", "OPENROUTER_REFERER": "https://mädchen.example/ß"}, tmp_path
    )
    assert settings.openrouter_title == "Mädchen 🐦"


def test_a_folder_in_the_home_is_that_folder(tmp_path, monkeypatch) -> None:
    """`DATA_DIR=~/x` in an .env made a folder that was called `~`."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load_settings({"DATA_DIR": "~/life"}, tmp_path).data_dir == tmp_path / "home" / "life"
    assert load_settings({"LOCAL_MODEL": "~/small.gguf"}, tmp_path).local_model == str(tmp_path / "home" / "small.gguf")
