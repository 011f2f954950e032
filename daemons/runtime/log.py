"""The log format: one event, one line, with time, level, device, text and the cause of the event.

A process of the house appends each line to its file. What else it prints, such as a traceback, goes to a
pipe, which supervisord reads and appends to the same file. Without the logs plugin of supervisord all lines
go to that pipe. If supervisord does not read, the pipe is full after 64 kB. A line then does not wait: it is
lost and counted.
"""

import logging
import os
import stat
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

from daemons.runtime.rotating_file import BACKUPS, MAX_BYTES, RotatingFile, log_path

APPENDS_VARIABLE = "HOUSE_APPENDS_LOG"
"""The environment variable with which the logs plugin lets a process append to its log and rotate it."""
FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s%(tail)s"


# No line names a source file or a thread: to find these out is most of the work of a log line
# ("Optimization" in the logging HOWTO of the standard library).
logging._srcfile = None  # noqa: SLF001  its documented name
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def escape(text: str) -> str:
    r"""Return a text whose control characters are escaped, as in \x1b; its line breaks stay.

    A terminal obeys the control characters in a file that it shows, for example with `tail`.
    """
    return "\n".join(line if line.isprintable() else escape_line(line) for line in text.split("\n"))


def escape_line(line: str) -> str:
    """Return a line with every character escaped that is not printable, also a lone surrogate."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class EscapedStream:
    """A text stream that escapes control characters; everything else is that of the stream behind it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text with its control characters escaped."""
        self._stream.write(escape(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the stream behind it."""
        return getattr(self._stream, name)


def escape_standard_streams() -> None:
    """Escape the control characters in everything that this process prints, its tracebacks included.

    supervisord writes both streams to the log of the process.
    """
    sys.stdout = cast(TextIO, EscapedStream(sys.stdout))
    sys.stderr = cast(TextIO, EscapedStream(sys.stderr))


class Formatter(logging.Formatter):
    """Appends the cause of an event, if it has one, as ` [cause]`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, followed by its traceback, if it has one."""
        cause = getattr(record, "cause", None)
        record.tail = f" [{cause}]" if cause else ""
        return escape(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        """Return the message with its line breaks escaped, so that it cannot look like other lines."""
        return super().formatMessage(record).replace("\n", "\\n")


FORMATTER = Formatter(FORMAT, "%Y-%m-%d %H:%M:%S")


class Log(logging.LoggerAdapter[logging.Logger]):
    """A logger whose methods accept `cause=`."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Move the cause to where the formatter finds it."""
        kwargs["extra"] = {"cause": kwargs.pop("cause", None)}
        return msg, kwargs


class PipeHandler(logging.Handler):
    """Writes lines to a pipe without waiting; reports how many lines were lost as soon as one fits again."""

    def __init__(self, pipe: int) -> None:
        """Write to a file descriptor that is not blocking."""
        super().__init__()
        self._pipe = pipe
        self._rest = b""
        """The end of a line that was written only in part."""
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it as lost. Without a reader it is lost too."""
        line = self._encode(record)
        try:
            self._rest = self._write(self._rest)
            if self._rest:
                self._lost += 1
                return
            if self._lost:
                line = self._notice() + line
            self._rest, self._lost = self._write(line), 0
        except OSError:
            self._lost += 1

    def _write(self, text: bytes) -> bytes:
        """Write a text, and return the part that did not fit; raises BlockingIOError if nothing fits."""
        return text[os.write(self._pipe, text) :] if text else text

    def _notice(self) -> bytes:
        """Return the line that reports the lost ones."""
        lines = "1 line" if self._lost == 1 else f"{self._lost} lines"
        text = f"{lines} of this log were lost: supervisord did not read them"
        return self._encode(logging.LogRecord("log", logging.WARNING, "", 0, text, None, None))

    def _encode(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")


class FileHandler(PipeHandler):
    """Appends lines to the log of a process and rotates it.

    A line that cannot be written goes to the pipe: supervisord writes it, or counts it.
    """

    def __init__(self, name: str, pipe: int) -> None:
        """Write to the log of a name in the run directory, which is the working directory."""
        super().__init__(pipe)
        self._file = RotatingFile(log_path(name), MAX_BYTES, BACKUPS)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the file, or to the pipe while that is due the rest of another one."""
        if self._rest or self._lost:
            super().emit(record)
            return
        try:
            self._file.write(self._encode(record))
        except OSError:
            self._rest = self._file.rest
            with suppress(OSError):
                self._rest = self._write(self._rest)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def make_handler(name: str, stream: TextIO) -> logging.Handler:
    """Return a handler that never waits if the stream is a pipe, else one that writes to the stream."""
    try:
        file = stream.fileno()
        is_pipe = stat.S_ISFIFO(os.fstat(file).st_mode)
    except OSError:  # a stream of a test has no file descriptor
        is_pipe = False
    if not is_pipe:
        return logging.StreamHandler(stream)
    os.set_blocking(file, False)  # also for a traceback, or a library that prints
    return FileHandler(name, file) if os.environ.get(APPENDS_VARIABLE) else PipeHandler(file)


def open_log(name: str, stream: TextIO | None = None) -> Log:
    """Return a log under a name; it writes to standard output, or to `stream`.

    In a house with the logs plugin it appends to the file that supervisord stores the stream in.
    """
    handler = make_handler(name, stream or sys.stdout)
    handler.setFormatter(FORMATTER)
    logger = logging.getLogger(name)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return Log(logger)
