"""Keeps the rules of a device that looked and did not act, for `house why --not`."""

from daemons.config.declined_reason import DeclinedReason
from daemons.processes.device.log_line import LogLine
from daemons.runtime.rotating_file import RotatingFile
from daemons.storage.declined import MAX_BYTES, Declined, declined_path, encode


class DeclinedRules:
    """Writes a line for each of them. A failure loses the line: the log has it, too."""

    def __init__(self, name: str) -> None:
        self._file = RotatingFile(declined_path(name), MAX_BYTES, backups=1)
        self._is_cut_off = False
        """Whether the last line may be incomplete, after a full disk."""

    def keep(self, at: float, line: LogLine) -> None:
        """Write a line of the log that is about a rule; `at` is in Unix seconds."""
        if line.refusal is None:
            return
        rule, reason = line.refusal
        code, values = (reason.code, reason.values) if isinstance(reason, DeclinedReason) else (None, {})
        text = encode(Declined(at, str(reason), rule, line.cause, code, values))
        try:
            self._file.write(b"\n" + text if self._is_cut_off else text)
            self._is_cut_off = False
        except OSError:
            self._is_cut_off = True
