"""docs/OPENROUTER_MODELS.md says what the code and the shipped catalogue say."""

from docs.models import PAGE, main, page


def test_the_page_is_fresh():
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/OPENROUTER_MODELS.md is stale: run `make docs`"


def test_a_recording_that_is_none_is_refused_in_one_line(tmp_path, capsys):
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]", encoding="utf-8")
    assert main(["--ship", str(wrong)]) == 1
    assert capsys.readouterr().err == f"{wrong} lists no models; give what GET /models answered\n"
