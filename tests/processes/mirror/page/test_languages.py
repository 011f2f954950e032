"""The texts of the page: each language is complete, and each text that a script names exists."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import pytest

from daemons.config import loader
from daemons.config.rule_text import TEXTS
from daemons.kinds.presence import NO_RECORD
from daemons.processes.mirror.page.bundle import COMMENTS, STATIC
from daemons.values import SUN

LANGUAGES = sorted(path.stem for path in (STATIC / "languages").glob("*.json"))
PLURALS = {"de": {"one", "other"}, "en": {"one", "other"}}
"""The plural forms of each language, by the Unicode CLDR: add those of a new language here."""


@cache
def texts(language: str) -> dict[str, Any]:
    """Return each text, or its plural forms, by its key."""
    return dict(leaves(json.loads((STATIC / "languages" / f"{language}.json").read_text()), ""))


def leaves(tree: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """Yield each text of a tree with its key; plural forms are one text, and have the form "other"."""
    for name, part in tree.items():
        key = f"{above}.{name}" if above else name
        if isinstance(part, dict) and "other" not in part:
            yield from leaves(part, key)
        else:
            yield key, part


def forms(text: str | dict[str, str]) -> list[str]:
    """Return a text, or each of its plural forms."""
    return [text] if isinstance(text, str) else list(text.values())


def placeholders(text: str | dict[str, str]) -> set[str]:
    """Return the names of the values in a text."""
    return set(re.findall(r"\{(\w+)\}", "".join(forms(text))))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_is_complete(language: str) -> None:
    """It has the same keys as English, no empty text, and the same values in each text."""
    english, own = texts("en"), texts(language)
    assert sorted(own.keys() - english) == []
    assert sorted(english.keys() - own) == []
    for key, text in own.items():
        assert all(form.strip() for form in forms(text)), key
        assert placeholders(text) == placeholders(english[key]), key
        if not isinstance(text, str):
            assert text.keys() == PLURALS[language], key
        assert isinstance(text, str) == isinstance(english[key], str), key


def named_texts() -> Iterator[tuple[str, str]]:
    """Yield each key that a script or a document names as it is, with the file."""
    for path in sorted([*STATIC.rglob("*.js"), *STATIC.glob("*.html")]):
        source = COMMENTS.sub("", path.read_text()) if path.suffix == ".js" else path.read_text()
        for key in re.findall(r'\bt\(\s*"([\w.]+)"|data-(?:text|label)="([\w.]+)"', source):
            yield next(filter(None, key)), path.name


def test_each_text_that_the_page_names_exists() -> None:
    """A key without a text would be shown as it is."""
    found = list(named_texts())
    assert len(found) > 40
    assert [each for each in found if each[0] not in texts("en")] == []


def test_the_fault_of_a_presence_simulation_has_a_text() -> None:
    """The kind writes it in English."""
    assert f"faults.{NO_RECORD}" in texts("en")


def test_each_part_of_a_rule_has_a_text() -> None:
    """With the same values in it as at the terminal."""
    expected = {f"device_rule.{code}": placeholders(text) for code, text in TEXTS.items()}
    expected |= {f"device_sun.{sun}": set() for sun in SUN}
    found = {
        key: placeholders(text)
        for key, text in texts("en").items()
        if key.startswith(("device_rule.", "device_sun."))
    }
    assert found == expected


@pytest.mark.parametrize("word", sorted(loader.built_in()["kinds"]))
def test_each_word_of_a_kind_has_a_text(word: str) -> None:
    """Its phases, the labels of its buttons and of its input: the kind declares them in English."""
    kind = loader.kind(word)
    buttons = [*kind.primary_commands, *kind.secondary_commands]
    wanted = {f"labels.{button.label}" for button in buttons}
    phases = [value for value in get_args(kind.fields().get("phase", str)) if isinstance(value, str)]
    wanted |= {f"phases.{phase}" for phase in phases}
    assert sorted(wanted - texts("en").keys()) == []
