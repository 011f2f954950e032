"""Hardware behind programs: one shell script with three arguments, and a folder with the relay."""

import threading
from pathlib import Path
from typing import Any, ClassVar

from tests.support.emulator import Emulator, Garbage

SCRIPT = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
[ -e hang ] && exec sleep 600
[ -e slow ] && sleep "$(cat slow)"
[ -e plugged ] || { echo "no route to the fan" >&2; exit 7; }
[ -e garbage ] && { cat garbage; exit 0; }
case "$1" in
read) if [ -e on ]; then echo '{"on": true, "power_watts": 1000}'; else echo off; fi ;;
on) [ -e on ] || { : > on; echo on >> switchings; } ;;
off) [ ! -e on ] || { rm on; echo off >> switchings; } ;;
esac
"""


class FanPrograms(Emulator):
    """A fan that programs control."""

    driver: ClassVar[str] = "command"
    unsupported_tests = frozenset({"a_password_is_accepted", "a_wrong_password_is_refused"})
    has_meter = True

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        self._files = folder / "fan"
        self._files.mkdir()
        super().__init__(folder, password=password)
        self._script = self._files / "fan"
        self._script.write_text(SCRIPT)
        self._script.chmod(0o700)
        self._turn = threading.Lock()

    @property
    def on(self) -> bool:
        """Whether the relay is on; the programs switch it."""
        return (self._files / "on").exists()

    @on.setter
    def on(self, on: bool) -> None:
        self._set("on", on)

    @property
    def switchings(self) -> list[bool]:
        """Each switching of the relay."""
        path = self._files / "switchings"
        return [line == "on" for line in path.read_text().splitlines()] if path.exists() else []

    @switchings.setter
    def switchings(self, _: list[bool]) -> None:
        (self._files / "switchings").unlink(missing_ok=True)

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        words = {word: [str(self._script), word] for word in ("on", "off", "read")}
        return {**words, "timeout": "4s", "poll": "200ms"}

    def open(self) -> None:
        """Make the programs work."""
        self._set("plugged", there=True)

    def stop(self) -> None:
        """Make every program fail."""
        self._set("plugged", there=False)

    def switch_relay(self, on: bool) -> None:
        """Switch the relay, and record it."""
        with self._turn:
            if on != self.on:
                self.on = on
                with (self._files / "switchings").open("a") as file:
                    file.write("on\n" if on else "off\n")

    def switch_by_hand(self, on: bool) -> None:
        """Switch manually."""
        self.switch_relay(on)

    def hang(self) -> None:
        """Make every program hang."""
        self._set("hang", there=True)

    def slow_down(self, seconds: float) -> None:
        """Make every program slow."""
        (self._files / "slow").write_text(str(seconds))

    def garble(self, garbage: Garbage | None = None) -> None:
        """Make every program print garbage, the same until the next call."""
        (self._files / "garbage").write_bytes(garbage() if garbage else b"I am a \xff teapot")

    def recover(self) -> None:
        """End all faults."""
        for name in ("hang", "slow", "garbage"):
            self._set(name, there=False)

    def _set(self, name: str, there: bool) -> None:
        path = self._files / name
        path.touch() if there else path.unlink(missing_ok=True)
