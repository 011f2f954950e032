"""What simulated hardware has recorded of itself: the judge of what really happened."""

from pathlib import Path

from daemons.drivers.simulated import Switching, read_switchings


class Witness:
    """What the hardware itself has recorded, read on from where it was read to."""

    def __init__(self, names: list[str]) -> None:
        self.lines: dict[str, list[Switching]] = {name: [] for name in names}
        self._offsets = dict.fromkeys(names, 0)

    def read(self, name: str) -> list[Switching]:
        """Give every switching of a device so far."""
        path = Path("hardware") / name / "switchings.jsonl"
        if path.exists():
            new, self._offsets[name] = read_switchings(path, self._offsets[name])
            self.lines[name] += new
        return self.lines[name]
