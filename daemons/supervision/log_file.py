"""A plugin inside supervisord: its logs never raise an error.

supervisord's own handler raises an error when a log cannot be rotated or opened. That error ends
supervisord, and with it the whole house. This handler creates the folder of the logs again, and counts the
lines that it cannot write. supervisord loads the plugin through the section `[rpcinterface:logs]`.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from supervisor import loggers
from supervisor.options import VERSION

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
        self._path = Path(filename)
        self._max_bytes, self._backups = maxBytes, backupCount
        self._file: int | None = None
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
            self._rotate_if_large()
        except OSError as error:
            self._lost += max(1, text.count(b"\n"))
            self._reason = error.strerror
            self.close()

    def flush(self) -> None:
        """Do nothing: no line is buffered."""

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None

    def __del__(self) -> None:
        """Close the file: supervisord opens a log for each run of a process, and drops it at the end."""
        self.close()

    def reopen(self) -> None:
        """Open the path again for the next line, on supervisord's request."""
        self.close()

    def remove(self) -> None:
        """Delete the file, on supervisord's request."""
        self.close()
        with suppress(OSError):
            self._path.unlink()

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
        """Write the whole text; raises OSError if a part of it cannot be written."""
        file = self._open()
        while text:
            written = os.write(file, text)
            self._is_torn = text[written - 1 : written] != b"\n"
            text = text[written:]

    def _open(self) -> int:
        """Return the open file; if its path has another file by now, or none, open or create that one."""
        if self._file is not None:
            with suppress(FileNotFoundError):
                if os.path.samestat(self._path.stat(), os.fstat(self._file)):
                    return self._file
            self.close()
        try:
            self._file = self._open_path()
        except FileNotFoundError:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._open_path()
        return self._file

    def _open_path(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _rotate_if_large(self) -> None:
        """Rename a log that has reached its limit; if it cannot be renamed, empty it."""
        if not self._max_bytes or self._file is None or os.fstat(self._file).st_size < self._max_bytes:
            return
        backups = [self._path, *(Path(f"{self._path}.{number + 1}") for number in range(self._backups))]
        for older, newer in zip(reversed(backups), reversed(backups[:-1]), strict=False):
            with suppress(OSError):
                newer.replace(older)
        with suppress(FileNotFoundError):
            if not self._backups or os.path.samestat(self._path.stat(), os.fstat(self._file)):
                os.ftruncate(self._file, 0)
                return
        with suppress(OSError):
            self._open()
