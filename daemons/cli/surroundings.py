"""What a `house` command needs of its surroundings: UTF-8, whatever the locale is, and open files."""

import os
import sys

from daemons.runtime.file_limit import raise_file_limit

UTF8_VARIABLE = "PYTHONUTF8"
"""Python's UTF-8 mode (PEP 540); the processes of the house inherit it."""


def prepare() -> None:
    """Raise the limit on open files; begin anew in UTF-8 if the locale has another encoding.

    Paths and texts of a house are UTF-8. In a locale such as de_DE.ISO-8859-1 Python would write and print
    them in another encoding. In the locale C it uses UTF-8 by itself, unless its environment forbids that.
    """
    raise_file_limit()
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get(UTF8_VARIABLE) != "1":
        os.environ[UTF8_VARIABLE] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  it is this command
