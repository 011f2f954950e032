"""A plugin inside supervisord: its logs never raise an error, and each process appends to its log itself.

supervisord's own handler raises an error when a log cannot be rotated or opened. That error ends
supervisord, and with it the whole house. This handler creates the folder of the logs again, and counts the
lines that it cannot write. It also notices when another process has rotated the file. So the plugin tells the
processes to append their lines to the file themselves: supervisord then writes only what else they print.
supervisord loads the plugin through the section `[rpcinterface:logs]`.
"""

import os
import time
from pathlib import Path
from typing import Any

from supervisor import loggers
from supervisor.options import VERSION

from daemons.runtime.log import APPENDS_VARIABLE
from daemons.runtime.rotating_file import RotatingFile

SUPPORTED_VERSIONS = ("4.3.0",)
"""The versions of supervisor whose internals the plugins were written for and tested with."""


class LogInterface:
    """The RPC interface that supervisord expects from a plugin; it offers no calls."""


def make_log_files(supervisord: Any, **_: Any) -> LogInterface:
    """Install the plugin; supervisord calls this while it starts, before it starts any process."""
    logger = supervisord.options.logger
    warn = logger.warn
    if VERSION not in SUPPORTED_VERSIONS:
        warn(f"logs supports supervisor {', '.join(SUPPORTED_VERSIONS)}, this is {VERSION}: it does nothing")
        return LogInterface()
    if loggers.RotatingFileHandler is not LogFile:  # else supervisord has restarted itself
        logger.handlers[:] = [
            replacement(handler) if isinstance(handler, loggers.RotatingFileHandler) else handler
            for handler in logger.handlers
        ]
        loggers.RotatingFileHandler = LogFile
    os.environ[APPENDS_VARIABLE] = "1"
    return LogInterface()


def replacement(handler: Any) -> "LogFile":
    """Return a log with the file, limits, format and level of supervisord's handler, and close that one."""
    made = LogFile(handler.baseFilename, handler.mode, handler.maxBytes, handler.backupCount)
    made.setFormat(handler.fmt)
    made.setLevel(handler.level)
    handler.close()
    return made


class LogFile(loggers.Handler):  # type: ignore[misc]
    """A rotating log that never raises an error."""

    def __init__(
        self,
        filename: str,
        mode: str = "ab",
        maxBytes: int = 0,  # noqa: N803  supervisord's parameters
        backupCount: int = 0,  # noqa: N803
    ) -> None:
        """Keep the path and the limits; the file is opened for the first line."""
        super().__init__()
        self._file = RotatingFile(Path(filename), maxBytes, backupCount)
        self._lost = 0
        """How many lines could not be written since the last one that was."""
        self._reason: str | None = None
        self._is_torn = False
        """Whether the last line was written only in part."""

    def emit(self, record: Any) -> None:
        """Write a record; count its lines if that fails."""
        text = self._encode(record)
        try:
            if self._lost:
                self._write(self._notice())
                self._lost = 0
            self._write(text)
        except OSError as error:
            self._lost += max(1, text.count(b"\n"))
            self._reason = error.strerror

    def flush(self) -> None:
        """Do nothing: no line is buffered."""

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        self._file.close()

    def __del__(self) -> None:
        """Close the file: supervisord opens a log for each run of a process, and drops it at the end."""
        self.close()

    def reopen(self) -> None:
        """Open the path again for the next line, on supervisord's request."""
        self._file.close()

    def remove(self) -> None:
        """Delete the file, on supervisord's request."""
        self._file.remove()

    def _encode(self, record: Any) -> bytes:
        """Return the text of a record; the output of a process stays as it is."""
        if isinstance(record.msg, bytes) and not record.kw and self.fmt == "%(message)s":
            return record.msg
        text: str = self.fmt % record.asdict()
        return text.encode(errors="backslashreplace")

    def _notice(self) -> bytes:
        """Return the line that reports the lost ones."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        lines = "1 line" if self._lost == 1 else f"{self._lost} lines"
        text = f"{stamp},000 WARN {lines} of this log could not be written: {self._reason}\n"
        return (b"\n" if self._is_torn else b"") + text.encode()

    def _write(self, text: bytes) -> None:
        try:
            self._file.write(text)
        finally:
            written = text.removesuffix(self._file.rest)
            if written:
                self._is_torn = not written.endswith(b"\n")
