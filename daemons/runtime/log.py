"""One event, one line: when, how grave, which device, what, and the cause that ties it to its press."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s%(tail)s"


# No line of ours says from where in the source it comes, nor from which thread: finding that out is
# most of the work of a line ("Optimization" in the standard library's logging HOWTO).
logging._srcfile = None  # noqa: SLF001  its documented name
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class Formatter(logging.Formatter):
    """Adds the cause, where there is one, as ` [cause]` at the end of the line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as one line, and behind it the traceback, where there is one."""
        cause = getattr(record, "cause", None)
        record.tail = f" [{cause}]" if cause else ""
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        """Keep what the message holds from looking like lines of its own."""
        return super().formatMessage(record).replace("\n", "\\n").replace("\r", "\\r")


FORMATTER = Formatter(FORMAT, "%Y-%m-%d %H:%M:%S")


class Log(logging.LoggerAdapter[logging.Logger]):
    """A logger whose methods take `cause=`."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Move the cause to where the formatter finds it."""
        kwargs["extra"] = {"cause": kwargs.pop("cause", None)}
        return msg, kwargs


def open_log(name: str, stream: TextIO | None = None) -> Log:
    """Log as `name` to standard output, unless told otherwise; supervisord keeps it, within its caps."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(FORMATTER)
    logger = logging.getLogger(name)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return Log(logger)
