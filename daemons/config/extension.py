"""Extensions: kinds and drivers that are no part of House, from a file of your own or from another package.

A file of your own stands beside the configuration, as `kinds/kettle.py` or `drivers/kettle_radio.py`. Its
text is part of the configuration: it is installed with it, and a changed file restarts the devices that use
it. A package names its kinds and drivers as entry points (packaging.python.org, "Entry points
specification").

The code of an extension is loaded by the processes that run it, and by the verbs of `house` that check it.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from msgspec import Struct

from daemons.errors import HouseError

GROUPS = {"kinds": "house.kinds", "drivers": "house.drivers"}
"""The groups of the entry points."""
LARGEST_BYTES = 256 * 1024
"""The size of the largest file of your own that is read."""


class Extension(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the code of one kind or driver comes from."""

    folder: Literal["kinds", "drivers"]
    word: str
    origin: str
    """For people: the name of the file, or the package with its version."""
    source: str | None = None
    """The text of a file of your own."""
    target: str = ""
    """The module and the class of an entry point, as `package.module:Class`."""

    @property
    def class_name(self) -> str:
        """The name of its class: that of the entry point, or the word in CamelCase."""
        return self.target.partition(":")[2] or camel_case(self.word)

    def load(self) -> ModuleType:
        """Return its module; raises whatever its code raises."""
        if self.source is None:
            return importlib.import_module(self.target.partition(":")[0])
        import linecache  # noqa: PLC0415  only a traceback needs it

        name = f"house_{self.folder}.{self.word}"
        module = ModuleType(name)
        module.__file__ = self.origin
        linecache.cache[self.origin] = (len(self.source), None, self.source.splitlines(True), self.origin)
        sys.modules[name] = module  # msgspec finds the types of a class there
        try:
            exec(compile(self.source, self.origin, "exec"), module.__dict__)  # noqa: S102  the owner's file
        except BaseException:
            del sys.modules[name]
            raise
        return module

    @property
    def summary(self) -> str:
        """The first line of its docstring, without running it; empty if its file is not found."""
        import ast  # noqa: PLC0415  a device process does not need this module

        text = self.source
        if text is None:
            file = module_file(self.target.partition(":")[0])
            text = "" if file is None else file.read_text()
        try:
            return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
        except (SyntaxError, ValueError) as error:
            return f"Broken: {error}."


def camel_case(word: str) -> str:
    """Return a word of the configuration as the name of a class."""
    return "".join(part.capitalize() for part in word.split("_"))


def file_name(folder: str, word: str) -> str:
    """Return the name of a file of your own, relative to the folder of the configuration."""
    return f"{folder}/{word}.py"


def of_file(folder: str, word: str, source: str) -> Extension:
    """Return the extension of a file of your own."""
    return Extension(
        folder=folder,  # type: ignore[arg-type]
        word=word,
        origin=file_name(folder, word),
        source=source,
    )


def read_file(path: Path) -> str:
    """Return the text of a file of your own; raises HouseError if it cannot be read."""
    try:
        if not path.is_file():
            raise OSError(0, "it is no file")
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise OSError(0, f"it is larger than {LARGEST_BYTES >> 10} KiB")
        return content.decode()
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise HouseError(f"{path} cannot be read: {why}") from error


def of_packages(folder: str) -> Iterator[Extension]:
    """Yield the extensions of all installed packages."""
    from importlib import metadata  # noqa: PLC0415  only a word that House does not have needs it

    for point in metadata.entry_points(group=GROUPS[folder]):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else point.module
        yield Extension(
            folder=folder,  # type: ignore[arg-type]
            word=point.name,
            origin=package,
            target=f"{point.module}:{point.attr}",
        )


def of_folder(folder: str, beside: Path) -> Iterator[Extension]:
    """Yield the extensions of all files of your own beside a configuration."""
    for path in sorted((beside / folder).glob("[a-z]*.py")):
        with suppress(HouseError):
            yield of_file(folder, path.stem, read_file(path))


def module_file(module: str) -> Path | None:
    """Return the file of a module without importing its package, or None if it is not found."""
    parts = module.split(".")
    for entry in sys.path:
        base = Path(entry or ".", *parts)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


def words_of(devices: Any, builtin: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the words of kinds and drivers in the tables of devices that are no part of House."""
    for table in devices.values() if isinstance(devices, dict) else ():
        for folder, key in (("kinds", "kind"), ("drivers", "driver")):
            word = table.get(key) if isinstance(table, dict) else None
            if isinstance(word, str) and word.isidentifier() and word not in builtin[folder]:
                yield folder, word
