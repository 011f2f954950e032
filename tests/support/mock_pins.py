"""The pins of a machine, for processes that take them: gpiozero's mock, with a record of what was done.

A folder is the board. `record` has a line for each change of a pin's function or level, by whomever; `hands`
has a line for each press at a button; while there is a `busy`, somebody else has the pins. A process takes
them by the pin factory `board`, which gpiozero finds where the board's `environment` leads to.
"""

import os
import threading
from pathlib import Path
from time import sleep
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

PROJECT = Path(__file__).parent.parent.parent
PLACE = "HOUSE_TEST_BOARD"
LOOK_SECONDS = 0.005


class Board:
    """The folder, and what stands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._busy = folder / "busy"
        found = folder / "board-1.dist-info"
        found.mkdir(parents=True, exist_ok=True)
        point = "[gpiozero_pin_factories]\nboard = tests.support.mock_pins:BoardFactory\n"
        (found / "entry_points.txt").write_text(point)
        (found / "METADATA").write_text("Metadata-Version: 2.1\nName: board\nVersion: 1\n")
        for name in ("record", "hands"):
            (folder / name).touch()

    @property
    def environment(self) -> dict[str, str]:
        """Give what a process needs to have these pins."""
        path = os.pathsep.join((str(self.folder), str(PROJECT)))
        return {PLACE: str(self.folder), "GPIOZERO_PIN_FACTORY": "board", "PYTHONPATH": path}

    def record(self, pin: int) -> list[str]:
        """Give what a pin was, one after the other: input, output, 0 or 1."""
        lines = (self.folder / "record").read_text().splitlines()
        return [line.split()[1] for line in lines if line.split()[0] == f"GPIO{pin}"]

    def press(self, pin: int) -> None:
        """Press a button, which draws its pin down, and let it go."""
        with (self.folder / "hands").open("a") as file:
            file.write(f"GPIO{pin}\n")

    def take_away(self) -> None:
        """Let somebody else have the pins."""
        self._busy.touch()

    def give_back(self) -> None:
        """Let whoever wants them have them."""
        self._busy.unlink()


class BusyError(Exception):
    """An error of no family that gpiozero, or we, could know; as that of the library for a Pi's pins is."""


class BoardPin(MockPin):  # type: ignore[misc]  # the library has no types
    """One pin, as a process has it."""

    def _set_function(self, value: str) -> None:
        self.factory.note(self.info.name, value)
        super()._set_function(value)

    def _set_state(self, value: Any) -> None:
        self.factory.note(self.info.name, int(value))
        super()._set_state(value)

    def _get_state(self) -> Any:
        self.factory.note(self.info.name)
        return super()._get_state()


class BoardFactory(MockFactory):  # type: ignore[misc]
    """The pins of the board that the environment names."""

    def __init__(self) -> None:
        super().__init__(pin_class=BoardPin)
        self._folder = Path(os.environ[PLACE])
        threading.Thread(target=self._feel, daemon=True).start()

    def note(self, pin: str, what: str | int | None = None) -> None:
        """Write down what a pin is; BusyError when somebody else has it."""
        if (self._folder / "busy").exists():
            raise BusyError("GPIO busy")
        if what is not None:
            with (self._folder / "record").open("a") as file:
                file.write(f"{pin} {what}\n")

    def _feel(self) -> None:
        """Move the pins of buttons that are pressed from now on."""
        with (self._folder / "hands").open() as file:
            file.seek(0, os.SEEK_END)
            while True:
                name = file.readline().strip()
                if not name:
                    sleep(LOOK_SECONDS)
                    continue
                pin = self.pin(name)
                pin.drive_low()
                pin.drive_high()
