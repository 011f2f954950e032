"""The errors of the house, sorted by what they concern.

    HouseError
    ├── ConfigurationError    your configuration: each problem with file, line, key and remedy
    ├── StorageError          the run directory: a file or a folder that cannot be used
    ├── SupervisorError       supervisord: it refused a call, or did not answer
    │   └── NotUp             it does not run
    ├── HistoryError          the history: it does not exist yet, or cannot be read or written
    │   └── DamagedHistory    its file is damaged, or of another version
    │       └── LaterHistory  its file is of a later version of House
    ├── DeviceError           one device
    │   ├── AlreadyRunning    another process holds its name
    │   ├── NoAnswer          no receipt arrived before the deadline
    │   ├── NotReady          its process was started and did not become ready
    │   └── Unreachable       its hardware does not answer, or not as it should
    ├── Rejected              a command that a device refuses, with the reason
    │   └── RejectedForNow    the refusal may end by itself: a rule tries again within its grace
    └── MessageError          a frame from outside that is no valid message

Each one is also the builtin that a caller would look for (ValueError, OSError, TimeoutError).
"""

from collections.abc import Sequence
from typing import Any


class HouseError(Exception):
    """The root of all errors of the house."""


class ConfigurationError(HouseError, ValueError):
    """The configuration is not valid; `problems` holds every problem, in the order of the file."""

    def __init__(self, problems: Sequence[Any]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class StorageError(HouseError, OSError):
    """A file or a folder of the house cannot be read, written or used."""


class SupervisorError(HouseError, ConnectionError):
    """supervisord refused a call, or did not answer; `fault_code` is the code of its XML-RPC fault."""

    def __init__(self, text: str, fault_code: int | None = None) -> None:
        self.fault_code = fault_code
        super().__init__(text)


class NotUp(SupervisorError):
    """supervisord does not run, so the house is not up."""

    def __init__(self) -> None:
        super().__init__("The house is not up; `house up` (or `make up`) starts it.")


class HistoryError(HouseError, OSError):
    """The history does not exist, or cannot be read or written."""


class DamagedHistory(HistoryError):
    """The file of the history is damaged, or of another version; waiting does not help."""


class LaterHistory(DamagedHistory):
    """The file of the history is of a later version of House, and is not damaged."""


class DeviceError(HouseError):
    """An error of one device; `device` is its name."""

    def __init__(self, device: str, text: str) -> None:
        self.device = device
        super().__init__(f"{device}: {text}")


class AlreadyRunning(DeviceError, RuntimeError):
    """Another process already runs this device."""

    def __init__(self, device: str, pid: int) -> None:
        self.pid = pid
        holder = f"another process (PID {pid})" if pid else "another process"
        super().__init__(device, f"{holder} already runs under this name; end it first")


class NoAnswer(DeviceError, TimeoutError):
    """No receipt arrived before the deadline; whether the command was carried out is unknown."""

    def __init__(self, device: str, seconds: float, advice: str) -> None:
        super().__init__(device, f"no answer within {seconds:g} s; {advice}")


class NotReady(DeviceError, RuntimeError):
    """The process was started, and its first state did not arrive in time."""


class Unreachable(DeviceError, ConnectionError):
    """The hardware of a device does not answer, or not as it should; `address` is its address."""

    def __init__(self, device: str, address: str, text: str) -> None:
        self.address = address
        super().__init__(device, f"{address}: {text}")


class Rejected(HouseError, ValueError):
    """A device refuses a command; the text is the reason in its receipt.

    `code` is a word for the reason, and `values` are the numbers and words in its text. The page makes the
    same text in its own language from them.
    """

    def __init__(self, reason: str, code: str | None = None, **values: str | float) -> None:
        super().__init__(reason)
        self.code = code
        self.values = values


class RejectedForNow(Rejected):
    """A device refuses a command, but may carry it out later, for example when its hardware is back."""


class MessageError(HouseError, ValueError):
    """Frames that are no valid message; the text names the rule that they break."""
