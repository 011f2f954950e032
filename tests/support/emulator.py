"""What an emulated piece of hardware offers to the tests: hands, faults, and a record, on a real socket."""

import importlib
import json
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

PASSWORD = "open sesame"  # noqa: S105  it opens nothing

EMULATORS = sorted(path.stem for path in (Path(__file__).parent / "emulators").glob("[a-z]*.py"))
"""The words of the drivers that have one."""


class Emulator(ABC):
    """One plug on loopback, run in threads of the test's own process; a context manager.

    Each file of tests/drivers/emulators/ has one, and is named after its driver; test_faults.py puts
    them all through the same faults.
    """

    driver: ClassVar[str]
    """The word of the driver that reaches it."""
    lacks: ClassVar[frozenset[str]] = frozenset()
    """Which of the faults (the names of test_faults.py's tests, without `test_`) it cannot have, and no
    hardware of its sort can: a relay on a GPIO pin has no password."""
    arms: ClassVar[bool] = False
    """Whether such hardware has a timer of its own, a dead-man's switch."""
    meters: ClassVar[bool] = False
    """Whether such hardware tells its power."""

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        """`folder` is for its files; with a password it refuses everybody who does not know it."""
        self.folder = folder
        self.password = password
        self.lock = threading.RLock()
        self.on = False
        """Where its relay stands."""
        self.power_watts = 1000.0
        """What is drawn when it is on."""
        self.armed_seconds: float | None = None
        """What its own timer was last set to, when it was last switched on; nothing when it was not."""
        self.switchings: list[bool] = []
        """Every time its relay moved, and where to, by whomever."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Give the driver's table in the configuration that reaches it."""

    def secret(self, password: str) -> str:
        """Write a password file, and give its path."""
        path = self.folder / "password"
        path.write_text(password + "\n")
        path.chmod(0o600)
        return str(path)

    @abstractmethod
    def plug_in(self) -> None:
        """Be there: listen on the port that `options` names, always the same."""

    @abstractmethod
    def unplug(self) -> None:
        """Be gone, connections and all; harmless when it is not there."""

    @abstractmethod
    def hand(self, on: bool) -> None:
        """Be switched by its own button, and tell everybody as such hardware does."""

    @abstractmethod
    def hang(self) -> None:
        """Say nothing any more, while connections stay open and are accepted; until `recover`."""

    @abstractmethod
    def slow(self, seconds: float) -> None:
        """Answer everything so late; until `recover`."""

    @abstractmethod
    def garble(self) -> None:
        """Answer everything with garbage; until `recover`."""

    @abstractmethod
    def recover(self) -> None:
        """Work as it should again."""

    def reboot(self, on: bool) -> None:
        """Lose power and connections for a moment, its own timer too; then be on or off."""
        self.unplug()
        with self.lock:
            if self.on != on:
                self.move(on)
            self.armed_seconds = None
        self.plug_in()

    def move(self, on: bool) -> None:
        """Move the relay; for the emulator's own use, as its protocol tells it."""
        with self.lock:
            if on != self.on:
                self.on = on
                self.switchings.append(on)

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()


def emulator(word: str) -> type[Emulator]:
    """Give the emulator of a driver: the only class of its file that is one."""
    module = importlib.import_module(f"tests.support.emulators.{word}")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Emulator) and value.__module__ == module.__name__
    )
    assert found.driver == word
    return found


def table(options: dict[str, Any]) -> str:
    """Write options as an inline table of TOML."""
    return "{ " + ", ".join(f"{key} = {_value(value)}" for key, value in options.items()) + " }"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)  # a text, a number, true and false are the same in both
