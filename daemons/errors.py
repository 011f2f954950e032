"""Everything that can go wrong, by whom it concerns.

    HouseError
    ├── ConfigurationError    what you wrote: each problem with file, line, key and remedy
    ├── PlaceError            where the house runs: a folder that cannot be used
    ├── SupervisorError       supervisord: not running, or it refused
    ├── HistoryError          what was recorded: not there yet, or it cannot be read or written
    │   └── DamagedHistory    its file is damaged, or another version wrote it
    ├── DeviceError           one device
    │   ├── AlreadyRunning    another process holds its name
    │   ├── NoAnswer          it said nothing within the deadline
    │   ├── NotReady          it was started and did not become ready
    │   └── Unreachable       its hardware does not answer, or not as it should
    ├── Rejected              a command that a device refuses, with the reason
    └── MessageError          a frame from outside that is not a message of ours

Each is also the builtin that a caller would look for (ValueError, OSError, TimeoutError).
"""

from collections.abc import Sequence
from typing import Any


class HouseError(Exception):
    """The root: catching it catches all of ours and nothing else."""


class ConfigurationError(HouseError, ValueError):
    """The configuration cannot be used; `problems` holds every problem, in the order of the file."""

    def __init__(self, problems: Sequence[Any]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class PlaceError(HouseError, OSError):
    """A file or folder of the house cannot be read, written or used."""


class SupervisorError(HouseError, ConnectionError):
    """supervisord does not run, cannot be reached, or refused."""


class HistoryError(HouseError, OSError):
    """What was recorded is not there, or cannot be read or written."""


class DamagedHistory(HistoryError):
    """The file of the history is damaged, or of another version: waiting does not mend it."""


class DeviceError(HouseError):
    """One device is concerned; `device` is its name."""

    def __init__(self, device: str, text: str) -> None:
        self.device = device
        super().__init__(f"{device}: {text}")


class AlreadyRunning(DeviceError, RuntimeError):
    """Another process already is this device."""

    def __init__(self, device: str, pid: int) -> None:
        self.pid = pid
        who = f"another process (PID {pid})" if pid else "another process"
        super().__init__(device, f"{who} already is this device; end it first")


class NoAnswer(DeviceError, TimeoutError):
    """No receipt came within the deadline; whether the command was carried out is not known."""

    def __init__(self, device: str, seconds: float, advice: str) -> None:
        super().__init__(device, f"no answer within {seconds:g} s; {advice}")


class NotReady(DeviceError, RuntimeError):
    """The process was started, and its first state was not heard in time."""


class Unreachable(DeviceError, ConnectionError):
    """The hardware of a device does not answer, or not as it should; `address` is where it was asked."""

    def __init__(self, device: str, address: str, text: str) -> None:
        self.address = address
        super().__init__(device, f"{address}: {text}")


class Rejected(HouseError, ValueError):
    """An appliance refuses a command; the text is the reason that goes into the receipt."""


class MessageError(HouseError, ValueError):
    """Frames that are no message of ours; the text says which rule they break."""
