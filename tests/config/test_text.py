"""Texts with placeholders: what is allowed in them, and how they are filled in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.config.text import filled, placeholders, text_problem, with_names
from daemons.kinds.messenger import Send


def fill(text: str, **fields: bool | float | str | None) -> str:
    """Return a text of a message with its fields."""
    return str(filled({"text": text}, fields, Send)["text"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at {value} %", "at 14 %"),
        ("{value}{value}", "1414"),
        ("{on}, {off}, {nothing}", "yes, no, unknown"),
        ("{celsius} °C, {whole} °C", "21.46 °C, 20 °C"),
        ("{{value}} {value}", "{value} 14"),
        ("{unknown}", "{unknown}"),
    ],
)
def test_a_text_is_filled_with_words_for_a_person(text: str, expected: str) -> None:
    """Numbers are short, and true, false and null are words."""
    fields = {"value": 14, "on": True, "off": False, "nothing": None, "celsius": 21.4567, "whole": 20.0}
    assert fill(text, **fields) == expected


def test_a_text_is_never_longer_than_its_command_allows() -> None:
    """A long reason is cut, so that the message is not refused."""
    found = filled(
        {"text": "{reason} " * 9, "title": "{reason}", "urgent": True}, {"reason": "x" * 999}, Send
    )
    assert len(found["text"]) == 500
    assert len(found["title"]) == 100
    assert found["text"].startswith("x" * 199 + "… ")
    assert found["urgent"] is True


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no brace", None),
        ("{title} {{is}} {value}", None),
        ("{valeu}", "unknown placeholder {valeu}; allowed: {title}, {value}; a brace is written twice, {{"),
        ("a { b", "a brace in a text is written twice, {{ or }}; allowed placeholders: {title}, {value}"),
        ("{}", "a brace in a text is written twice, {{ or }}; allowed placeholders: {title}, {value}"),
    ],
)
def test_an_unknown_placeholder_is_a_problem(text: str, problem: str | None) -> None:
    """The problem lists what is allowed."""
    assert text_problem(text, ("title", "value")) == problem


def test_the_placeholders_of_all_arguments_are_found() -> None:
    """Each is named once, and a doubled brace is none."""
    assert placeholders({"text": "{a} {b} {{c}}", "title": "{a}", "urgent": True}) == ("a", "b")


@given(name=st.text(max_size=20), more=st.text(max_size=20))
def test_a_name_stands_in_the_text_as_it_is(name: str, more: str) -> None:
    """Braces in a name are no placeholders."""
    escaped = more.replace("{", "{{").replace("}", "}}")
    text = with_names("{title}" + escaped + "{value}", {"title": name})
    assert text_problem(text, ("value",)) is None
    assert fill(text, value=1) == name + more + "1"
