"""The pins of a board: gpiozero's mock, which records each change.
A folder is the board. `record` has a line for each change of a pin's function or level. `hands` has a
line for each press of a button. While the file `busy` exists, another process occupies the pins. A
process uses the pin factory `board`; gpiozero finds it by the variables in `Board.environment`.
"""

import os
import threading
from pathlib import Path
from time import sleep
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

PROJECT = Path(__file__).parent.parent.parent
BOARD_VARIABLE = "HOUSE_TEST_BOARD"
POLL_SECONDS = 0.005


class Board:
    """The folder of the board, and its files."""

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
        """Return the environment in which a process uses these pins."""
        path = os.pathsep.join((str(self.folder), str(PROJECT)))
        return {BOARD_VARIABLE: str(self.folder), "GPIOZERO_PIN_FACTORY": "board", "PYTHONPATH": path}

    def record(self, pin: int) -> list[str]:
        """Return the history of a pin: input, output, 0 or 1."""
        lines = (self.folder / "record").read_text().splitlines()
        return [line.split()[1] for line in lines if line.split()[0] == f"GPIO{pin}"]

    def press(self, pin: int) -> None:
        """Press and release a button, which pulls its pin low."""
        with (self.folder / "hands").open("a") as file:
            file.write(f"GPIO{pin}\n")

    def occupy(self) -> None:
        """Occupy the pins, as another process does."""
        self._busy.touch()

    def release(self) -> None:
        """Release the pins."""
        self._busy.unlink()


class BusyError(Exception):
    """An error that is handled neither by gpiozero nor by the house by name, like those of lgpio."""


class BoardPin(MockPin):  # type: ignore[misc]  # the library has no types
    """One pin of the board in this process."""

    def _set_function(self, value: str) -> None:
        self.factory.record_change(self.info.name, value)
        super()._set_function(value)

    def _set_state(self, value: Any) -> None:
        self.factory.record_change(self.info.name, int(value))
        super()._set_state(value)

    def _get_state(self) -> Any:
        self.factory.record_change(self.info.name)
        return super()._get_state()


class BoardFactory(MockFactory):  # type: ignore[misc]
    """The pins of the board that the environment names."""

    def __init__(self) -> None:
        super().__init__(pin_class=BoardPin)
        self._folder = Path(os.environ[BOARD_VARIABLE])
        threading.Thread(target=self._watch_presses, daemon=True).start()

    def record_change(self, pin: str, what: str | int | None = None) -> None:
        """Record a change of a pin; raises BusyError while another process occupies the pins."""
        if (self._folder / "busy").exists():
            raise BusyError("GPIO busy")
        if what is not None:
            with (self._folder / "record").open("a") as file:
                file.write(f"{pin} {what}\n")

    def _watch_presses(self) -> None:
        """Move the pin of each button that is pressed from now on."""
        with (self._folder / "hands").open() as file:
            file.seek(0, os.SEEK_END)
            while True:
                name = file.readline().strip()
                if not name:
                    sleep(POLL_SECONDS)
                    continue
                pin = self.pin(name)
                pin.drive_low()
                pin.drive_high()
