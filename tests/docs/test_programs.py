"""docs/programs.md: every program in it runs in a house."""

import ast
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange_client import documented_program, make_key, read_until, run_program
from tests.support.house import PROJECT, TemporaryHouse, eventually

NAMES = re.findall(r"^```python\n# (\S+): ", (PROJECT / "docs" / "programs.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def key(exchange_house: TemporaryHouse) -> Path:
    """Return the file of a key with all rights."""
    return make_key(exchange_house, "author", hear="*", say="*", command="*")


def test_every_program_in_the_document_is_tested() -> None:
    """NAMES are the programs of the document. The first programs are short."""
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


def test_a_pyzmq_program_gets_a_receipt(exchange_house: TemporaryHouse) -> None:
    """The command is applied, or rejected with the reason."""
    with run_program(exchange_house, documented_program("command.py"), "kitchen_lamp", "on") as done:
        receipt = json.loads(read_until(done, "{"))
        assert (receipt["device"], receipt["outcome"]) == ("kitchen_lamp", "applied")
    with run_program(exchange_house, documented_program("command.py"), "kitchen_lmp", "on") as done:
        assert "did you mean 'kitchen_lamp'?" in read_until(done, "rejected")


def test_a_pyzmq_program_with_a_key_receives_states(exchange_house: TemporaryHouse, key: Path) -> None:
    """The program receives every current state."""
    with run_program(exchange_house, documented_program("far.py"), str(key)) as hearing:
        missing = {"toaster/state", "mirror/state", "exchange/state"}
        assert hearing.stdout is not None
        while missing:
            missing.discard(hearing.stdout.readline().partition(" ")[0])


@pytest.mark.parametrize(("name", "where"), [("watch.py", "far"), ("together.py", "near")])
def test_a_client_program_presses_and_watches_the_toast(
    exchange_house: TemporaryHouse, key: Path, name: str, where: str
) -> None:
    """The program prints the receipt and each phase until the toast is ready."""

    def state(of: str) -> dict[str, Any]:
        return exchange_house.status()["devices"][of]["state"] or {}  # empty until the mirror has a state

    eventually(lambda: state("toaster").get("phase") == "idle")
    if eventually(lambda: state("bathroom_light"))["status"]:
        exchange_house.send("bathroom_light", "press")
    with run_program(
        exchange_house, documented_program(name), str(exchange_house.run if where == "near" else key)
    ) as watching:
        assert watching.stdout is not None
        printed = watching.stdout.read().splitlines()
    assert "applied" in printed
    assert printed[-1] == "toaster ready"
    assert set(printed) <= {"applied", "toaster idle", "toaster toasting", "toaster ready"}


@pytest.mark.parametrize("where", ["near", "far"])
def test_a_client_program_is_a_device(exchange_house: TemporaryHouse, key: Path, where: str) -> None:
    """The house publishes the state of the program, and the program obeys commands."""
    with (
        run_program(
            exchange_house, documented_program("shed.py"), str(exchange_house.run if where == "near" else key)
        ),
        exchange_house.listen("garden_lamp") as listener,
    ):
        for word, status in (("on", True), ("off", False)):
            # The program of the test before has ended, and may still be the one that gets the commands.
            send = partial(exchange_house.send, "garden_lamp", word, "--timeout", "2")
            eventually(lambda send=send: send()["outcome"] == "applied")  # type: ignore[misc]
            listener.wait_for(
                lambda listener, status=status: listener.has_state(  # type: ignore[misc]
                    "garden_lamp", status=status
                )
            )
        assert listener.states["garden_lamp"].cause
