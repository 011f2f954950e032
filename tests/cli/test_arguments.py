"""KEY=VALUE on the command line: one grammar for `house send` and for `house add`."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
import tomli
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus.message import Command, Receipt
from daemons.bus.requests import blocking
from daemons.cli.arguments import parse_argument
from daemons.cli.main import main
from daemons.config import editor
from daemons.supervision import running
from tests.support.house import BREAKFAST

CASES = [
    ("5", 5),
    ("-5", -5),
    ("0x10", 16),
    ("0.5", 0.5),
    ("true", True),
    ("[1, 2]", [1, 2]),
    ('["x", 1]', ["x", 1]),
    ("{ a = 1 }", {"a": 1}),
    ('"5"', "5"),
    ("'5'", "5"),
    ("", ""),
    ("golden", "golden"),
    ("True", "True"),
    ("null", "null"),
    ("90s", "90s"),
    ("1h30m", "1h30m"),
    ("a=b", "a=b"),
    ('a"b', 'a"b'),
    ("07:30", "07:30"),
    ("07:30:00", "07:30:00"),
    ("2026-11-24", "2026-11-24"),
    ("[2026-11-24]", "[2026-11-24]"),
    ("süß", "süß"),
    ("nan", "nan"),
    ("NaN", "NaN"),
    ("-inf", "-inf"),
    ("1e999", "1e999"),
    ("1\nb = 2", "1\nb = 2"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_value_in_toml_keeps_its_type_and_any_other_value_is_text(text: str, expected: Any) -> None:
    """Dates, times, NaN and infinity are text, because JSON has none of them."""
    key, value = parse_argument(f"browning={text}")
    assert (key, value, type(value)) == ("browning", expected, type(expected))


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_send_sends_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: Any
) -> None:
    """The argument arrives in the command with its type; no command takes a list or a table."""
    monkeypatch.chdir(tmp_path)
    Path("house.toml").write_text(BREAKFAST)
    sent: list[Command] = []

    def send_command(_context: object, device: str, command: Command) -> Receipt:
        sent.append(command)
        return Receipt(id=command.id, device=device, outcome="applied", at=0.0)

    monkeypatch.setattr(blocking, "send_command", send_command)
    monkeypatch.setattr(running, "check_up", lambda: None)
    done = CliRunner().invoke(
        main, ["--config", "house.toml", "--run", "run", "send", "toaster", "start", f"browning={text}"]
    )
    if isinstance(expected, list | dict):
        assert (done.exit_code, sent) == (2, [])
        return
    assert done.exit_code == 0, done.output
    assert sent[0].args == {"browning": expected}


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_add_writes_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: Any
) -> None:
    """The table in the file has the value with its type."""
    written: dict[str, str] = {}
    monkeypatch.setattr(editor, "add", lambda _path, tables: written.update(tables))
    done = CliRunner().invoke(
        main, ["--config", str(tmp_path / "house.toml"), "add", "kettle", f"browning={text}"]
    )
    assert done.exit_code == 0, done.output
    assert tomli.loads(written["kettle"]) == {"devices": {"kettle": {"browning": expected}}}


@given(st.text())
def test_any_value_is_one_value(value: str) -> None:
    """No text can add a second key to the table."""
    key, parsed = parse_argument(f"key={value}")
    assert tomli.loads(f"{key} = {editor.encode(parsed)}") == {"key": parsed}


@pytest.mark.parametrize("text", ["browning", "", "=", "=5", "brow ning=5", "a.=5"])
def test_a_text_without_key_and_value_is_rejected(text: str) -> None:
    """The error contains the text."""
    with pytest.raises(click.UsageError, match=re.escape(f"{text!r} is not KEY=VALUE")):
        parse_argument(text)
