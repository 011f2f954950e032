"""The line of a problem with its caret: below the right column at every width."""

from pathlib import Path

import pytest

from daemons.config.excerpt import excerpt, width
from daemons.config.house import load_house
from daemons.errors import ConfigurationError


@pytest.mark.parametrize(
    ("line", "column", "under"),
    [
        ("kind = lamp", 8, "lamp"),
        ("\tkind = lamp", 9, "lamp"),
        ('name = "キッチン" x', 15, "x"),
        ("    room = Hall", 12, "Hall"),
        ("a" * 200 + "bad" + "c" * 200, 201, "bad"),
    ],
)
def test_the_caret_stands_below_the_mistake(line: str, column: int, under: str) -> None:
    """Tabs, wide characters and long lines do not move it."""
    shown, caret = excerpt(line, column)
    assert len(caret) == 1 + width(shown[: shown.index(under)])
    assert width(shown) <= 80


def test_a_line_has_no_characters_that_control_a_terminal() -> None:
    """They are shown as spaces."""
    assert excerpt("a\x1b[31mb", 1) == ["    a [31mb", "    ^"]


def test_an_empty_line_is_not_shown() -> None:
    """A caret without a text would say nothing."""
    assert excerpt("", 1) == []


@pytest.mark.parametrize(
    ("line", "under"),
    [
        ("browning = 30", "30"),
        ("brwning = 3", "brwning"),
        ("simulated = { speed = -1 }", "-1"),
        ('when = [{ at = "6:00", do = "start" }]', '"6:00"'),
    ],
)
def test_the_column_of_a_value_or_of_an_unknown_key_is_found(tmp_path: Path, line: str, under: str) -> None:
    """A wrong value is marked itself, and an unknown key at its beginning."""
    file = tmp_path / "house.toml"
    file.write_text(f'[devices.t]\nkind = "toaster"\ndriver = "simulated"\n{line}\n')
    with pytest.raises(ConfigurationError) as raised:
        load_house(file)
    found = raised.value.problems[0]
    assert found.excerpt == line
    assert line[found.column - 1 :].startswith(under)
