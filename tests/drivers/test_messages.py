"""Messages through a program of the user's own, and through the simulated server."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from daemons.config import device
from daemons.drivers import Driver
from daemons.drivers.simulated import Options, Simulated
from daemons.kinds import Message, Reading, Setting
from daemons.values import Problem, convert
from tests.support.loopback_server import deliver, opened, reason, result

WRITE = """
import json, os, sys
names = ("DEVICE", "KEY", "TEXT", "TITLE", "URGENT", "REPEAT")
with open("sent.jsonl", "a") as file:
    file.write(json.dumps({name: os.environ["HOUSE_" + name] for name in names}) + "\\n")
"""
NOW = 1_000_000.0


def program(text: str) -> list[str]:
    """Return a program in Python."""
    return [sys.executable, "-c", text]


def test_a_program_gets_the_message_in_its_environment() -> None:
    """Exit status 0 means that it is delivered."""
    with opened("command", send=program(WRITE)) as driver:
        assert (
            result(deliver(driver, text="a\n$(b) 🧊", title="Cold", urgent=True, is_repeat=True)) == "taken"
        )
    assert json.loads(Path("sent.jsonl").read_text()) == {
        "DEVICE": "phone",
        "KEY": "197e-1",
        "TEXT": "a\n$(b) 🧊",
        "TITLE": "Cold",
        "URGENT": "1",
        "REPEAT": "1",
    }
    assert not Path("hardware/phone/program").exists()


@pytest.mark.parametrize(
    ("text", "expected", "words"),
    [
        ("import sys; sys.exit('no network')", "refused_for_now", "ended with status 1: no network"),
        ("import sys; sys.exit(65)", "refused", "ended with status 65"),
        ("import time; time.sleep(60)", "unknown", "took longer than 1 s, and was killed"),
        ("while True: print('x' * 9999)", "unknown", "printed more than 65536 bytes, and was killed"),
    ],
)
def test_the_end_of_a_program_is_the_outcome(text: str, expected: str, words: str) -> None:
    """A program that was killed may have sent the message. The next message gets a program again."""
    with opened("command", send=program(text), timeout="1s") as driver:
        reading = deliver(driver)
        assert result(reading) == expected
        assert words in reason(reading)
        assert reading.reachable is True


def test_a_program_that_cannot_be_started_has_not_sent_the_message() -> None:
    """The reason names it."""
    with opened("command", send=["/nowhere/send"]) as driver:
        reading = deliver(driver)
    assert (result(reading), reading.reachable) == ("refused_for_now", False)
    assert reason(reading) == "/nowhere/send: cannot be started: No such file or directory"


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("lamp", {"send": ["a"]}, "cannot switch, which a lamp needs"),
        ("messenger", {"on": ["a"], "off": ["b"]}, "cannot notify, which a messenger needs"),
        ("messenger", {"send": ["a"], "on": ["b"]}, "either both on and off, or send alone"),
        ("messenger", {"send": ["a"], "timeout": "2m"}, "timeout must be from 1s to 60s"),
        ("lamp", {"on": ["a"]}, "either both on and off, or send alone"),
    ],
)
def test_the_programs_must_fit_the_kind(kind: str, options: dict[str, Any], words: str) -> None:
    """`house check` refuses what can never act."""
    problems: list[Problem] = []
    table = {"kind": kind, "driver": "command", "command": options}
    device.build("phone", table, ("devices", "phone"), problems)
    assert words in str(problems)


def simulated(**options: Any) -> Driver[Options]:
    """Return a simulated driver."""
    driver = Simulated("phone", convert(options, Options))
    driver.open(((1.0, 0.0),), NOW)
    return driver


def attempt(driver: Driver[Options], now: float = NOW, number: int = 1) -> Reading:
    """Send an attempt to a simulated driver, and return the reading."""
    message = Message(key="197e-1", attempt=number, text="hello")
    driver.set(Setting(on=False, message=message), "a1", now)
    return driver.read(now)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("none", "taken"), ("fail", "refused_for_now"), ("disagree", "unknown"), ("hang", None), ("slow", None)],
)
def test_the_simulated_server_misbehaves_as_its_fault_says(fault: str, expected: str | None) -> None:
    """Each attempt is a line of its record. A slow one has its outcome later."""
    driver = simulated(fault=fault, lag="3s")
    reading = attempt(driver)
    assert (reading.outcome and reading.outcome.result) == expected
    line = json.loads(Path("hardware/phone/messages.jsonl").read_text())
    assert (line["message"]["text"], line["message"]["key"]) == ("hello", "197e-1")
    driver.set(Setting(on=False), None, NOW)
    assert driver.read(NOW).fault is None
    if fault == "slow":
        assert driver.due(NOW + 2.5) == NOW + 3
        assert driver.read(NOW + 3).outcome is not None
    driver.close()


def test_the_answer_of_the_simulated_server_can_be_changed_while_it_runs() -> None:
    """A file decides, until it is removed."""
    driver = simulated()
    file = Path("hardware/phone/answer.json")
    for number, word in enumerate(("refused", "refused_for_now", "unknown")):
        file.write_text(json.dumps(word))
        found = attempt(driver, number=number)
        assert found.outcome is not None
        assert found.outcome.result == word
    file.unlink()
    assert attempt(driver, number=9).outcome is not None
    found = attempt(driver, number=10)
    assert found.outcome is not None
    assert found.outcome.result == "taken"
    driver.close()
