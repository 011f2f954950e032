"""docs/programs.md: every program that it shows is run, in a house."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange_client import documented_program, read_until, make_key, run_program
from tests.support.house import PROJECT, Household, eventually

NAMES = re.findall(r"^```python\n# (\S+): ", (PROJECT / "docs" / "programs.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def key(exchange_house: Household) -> Path:
    """Give the file of a key that may do everything."""
    return make_key(exchange_house, "author", hear="*", say="*", command="*")


def test_all_that_is_shown_is_tried() -> None:
    """The names below are those of the document, and each is what it says: a few lines."""
    assert NAMES == [
        "hear.py",
        "command.py",
        "garden_lamp.py",
        "far.py",
        "watch.py",
        "shed.py",
        "together.py",
    ]
    for name in ("hear.py", "command.py", "far.py"):
        assert len([text for text in documented_program(name).splitlines() if text.strip()]) <= 15
    for name in NAMES:
        assert ast.parse(documented_program(name))


def test_a_command_in_plain_pyzmq_gets_its_receipt(exchange_house: Household) -> None:
    """Applied, or rejected with the reason."""
    with run_program(exchange_house, documented_program("command.py"), "kitchen_lamp", "on") as done:
        receipt = json.loads(read_until(done, "{"))
        assert (receipt["device"], receipt["outcome"]) == ("kitchen_lamp", "applied")
    with run_program(exchange_house, documented_program("command.py"), "kitchen_lmp", "on") as done:
        assert "did you mean 'kitchen_lamp'?" in read_until(done, "rejected")


def test_hearing_with_a_key_in_plain_pyzmq(exchange_house: Household, key: Path) -> None:
    """Every current state."""
    with run_program(exchange_house, documented_program("far.py"), str(key)) as hearing:
        wanted = {"toaster/state", "mirror/state", "exchange/state"}
        assert hearing.stdout is not None
        while wanted:
            wanted.discard(hearing.stdout.readline().partition(" ")[0])


@pytest.mark.parametrize(("name", "where"), [("watch.py", "far"), ("together.py", "near")])
def test_press_and_watch_the_toast_with_the_client(
    exchange_house: Household, key: Path, name: str, where: str
) -> None:
    """Near and far, sync and asyncio: the receipt, and then each phase until it is ready."""

    def state(of: str) -> dict[str, Any]:
        return exchange_house.status()["devices"][of]["state"] or {}  # nothing, while the mirror knows nothing

    eventually(lambda: state("toaster").get("phase") == "idle")
    if eventually(lambda: state("bathroom_light"))["status"]:
        exchange_house.send("bathroom_light", "press")
    with run_program(exchange_house, documented_program(name), str(exchange_house.run if where == "near" else key)) as watching:
        assert watching.stdout is not None
        printed = watching.stdout.read().splitlines()
    assert "applied" in printed
    assert printed[-1] == "toaster ready"
    assert set(printed) <= {"applied", "toaster idle", "toaster toasting", "toaster ready"}


@pytest.mark.parametrize("where", ["near", "far"])
def test_being_a_device_with_the_client(exchange_house: Household, key: Path, where: str) -> None:
    """What it says is shown, and its commands are obeyed."""
    with (
        run_program(exchange_house, documented_program("shed.py"), str(exchange_house.run if where == "near" else key)),
        exchange_house.ear("garden_lamp") as ear,
    ):
        for word, status in (("on", True), ("off", False)):
            eventually(lambda word=word: exchange_house.send("garden_lamp", word)["outcome"] == "applied")  # type: ignore[misc]
            ear.until(lambda ear, status=status: ear.shows("garden_lamp", status=status))  # type: ignore[misc]
        assert ear.states["garden_lamp"].cause
