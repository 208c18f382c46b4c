"""Prompts are filled in whole or not at all."""

import jinja2
import pytest

from ai.prompts import render


def test_values_are_filled_in_and_never_rendered_again():
    text = render("fragments", fragments=[{"text": "{{ 7 * 7 }}", "life": 3}])
    assert "- {{ 7 * 7 }} (echo of life #3)" in text
    assert text == text.strip()


def test_a_missing_value_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="fragments"):
        render("fragments")


def test_an_unknown_prompt_names_the_known_ones():
    with pytest.raises(KeyError, match=r"no prompt 'brith'; there are: .*fragments"):
        render("brith")
