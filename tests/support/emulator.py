"""The interface of emulated hardware: a manual switch, faults, and a record of switchings."""

import importlib
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.support.libraries import skip_without_library

PASSWORD = "open sesame"  # noqa: S105  it opens nothing
Garbage = Callable[[], bytes]
"""Makes one answer that is garbage."""

EMULATORS = sorted(path.stem for path in (Path(__file__).parent / "emulators").glob("[a-z]*.py"))
"""The names of the drivers that have an emulator."""


class Emulator(ABC):
    """One plug on loopback, run in threads of the test's process; a context manager.
    Each file of tests/support/emulators/ has one emulator, and has the name of its driver. test_faults.py
    runs the same faults against all of them.
    """

    driver: ClassVar[str]
    """The name of the driver for this hardware."""
    unsupported_tests: ClassVar[frozenset[str]] = frozenset()
    """The faults that cannot happen to hardware of this type, as names of tests in test_faults.py without
    `test_`: for example, programs have no password.
    """
    has_timer: ClassVar[bool] = False
    """Whether the hardware has an off timer (a dead man's switch)."""
    has_meter: ClassVar[bool] = False
    """Whether the hardware reports its power."""

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        """Create it with a folder for its files; with a password it refuses clients without it."""
        self.folder = folder
        self.password = password
        self.lock = threading.RLock()
        self.on = False
        """Whether the relay is on."""
        self.power_watts = 1000.0
        """The power in watts while the relay is on."""
        self.armed_seconds: float | None = None
        """The seconds to which the off timer was set at the last switch-on; None if it was not set."""
        self.switchings: list[bool] = []
        """Each switching of the relay, by any cause: True for on."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return the driver's table in the configuration."""

    def write_password(self, password: str) -> str:
        """Write a password file, and return its path."""
        path = self.folder / "password"
        path.write_text(password + "\n")
        path.chmod(0o600)
        return str(path)

    @abstractmethod
    def open(self) -> None:
        """Start listening on the port that `options` names, always the same."""

    @abstractmethod
    def stop(self) -> None:
        """Close the socket and all connections; harmless if it is not running."""

    @abstractmethod
    def switch_by_hand(self, on: bool) -> None:
        """Switch by the hardware's own button, and report this as the hardware does."""

    @abstractmethod
    def hang(self) -> None:
        """Send nothing, but keep and accept connections, until `recover`."""

    @abstractmethod
    def slow_down(self, seconds: float) -> None:
        """Delay every answer by this time, until `recover`."""

    @abstractmethod
    def garble(self, garbage: Garbage | None = None) -> None:
        """Answer every request with garbage, of this kind or of a usual one, until `recover`."""

    @abstractmethod
    def recover(self) -> None:
        """End all faults."""

    def reboot(self, on: bool) -> None:
        """Lose power, connections and the timer for a moment; the relay is then on or off."""
        self.stop()
        with self.lock:
            if self.on != on:
                self.switch_relay(on)
            self.armed_seconds = None
        self.open()

    def switch_relay(self, on: bool) -> None:
        """Switch the relay; called by the emulator itself for a request of its protocol."""
        with self.lock:
            if on != self.on:
                self.on = on
                self.switchings.append(on)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def emulator(word: str) -> type[Emulator]:
    """Return the emulator of a driver; skip the test where the driver's library is not installed."""
    skip_without_library(word)
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
    if isinstance(value, dict):
        return table(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)  # JSON and TOML write strings, numbers and booleans alike
