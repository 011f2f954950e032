"""A word in the configuration to its class; the only dynamic import of the house."""

import importlib
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from daemons.drivers import Driver
from daemons.errors import HouseError
from daemons.kinds import Kind

C = TypeVar("C")
HERE = Path(__file__).parent.parent


def find_kind(word: object) -> type[Kind] | None:
    """Give the class of a kind, or nothing when there is none that works."""
    try:
        return kind(word) if isinstance(word, str) else None
    except HouseError:
        return None


def words(folder: str) -> dict[str, str]:
    """Give each word of "kinds" or "drivers" with the first line of its file, importing nothing."""
    import ast  # noqa: PLC0415  a device never lists its siblings

    found = {}
    for file in sorted((HERE / folder).glob("[a-z]*.py")):
        try:
            text = ast.get_docstring(ast.parse(file.read_text()))
        except (SyntaxError, ValueError) as error:
            text = f"Broken: {error}."
        found[file.stem] = (text or "").partition("\n")[0]
    return found


def kind(word: str) -> type[Kind]:
    """Give the class of a kind; HouseError when there is no such file, or it is broken."""
    return _load("kinds", word, Kind)


def driver(word: str) -> type[Driver]:  # type: ignore[type-arg]
    """Give the class of a driver; HouseError when there is no such file, or it is broken."""
    return _load("drivers", word, Driver)  # type: ignore[type-abstract]


def lacks(module: str) -> str | None:
    """Say that a module is not installed, and what installs it; nothing when it is there."""
    from importlib import util  # noqa: PLC0415  only the check of a whole configuration asks

    return None if util.find_spec(module) else needs(ModuleNotFoundError(name=module))


def needs(error: ModuleNotFoundError) -> str:
    """Say which package is missing, and what installs it where that is one of our extras."""
    module = error.name or ""
    extra, package = _extra(module.partition(".")[0])
    if extra is None:
        return f"needs the module {module!r}, which is not installed"
    return f"needs {package}, which is not installed; `make extra EXTRA={extra}` installs it"


def _extra(module: str) -> tuple[str | None, str]:
    """Find the extra that brings a module: the extra or its package is called the same."""
    from importlib import metadata  # noqa: PLC0415  only what is missing needs it

    with suppress(metadata.PackageNotFoundError):
        for line in metadata.requires("house-daemons") or ():
            found = re.match(r"([\w.-]+)[^;]*; extra == ['\"](\w+)['\"]", line)
            if found and module in (found[1], found[2]):
                return found[2], found[1]
    return None, module


def role(word: str) -> Callable[[Any], None]:
    """Give the function that runs a process: `run` of daemons/processes/WORD/WORD.py."""
    found: Callable[[Any], None] = importlib.import_module(f"daemons.processes.{word}.{word}").run
    return found


def _load(folder: str, word: str, contract: type[C]) -> type[C]:
    """Import daemons/FOLDER/WORD.py and give the class that is the word in CamelCase."""
    name = "".join(part.capitalize() for part in word.split("_"))
    try:
        module = importlib.import_module(f"daemons.{folder}.{word}")
    except ModuleNotFoundError as error:
        if error.name == f"daemons.{folder}.{word}":
            raise HouseError(f"there is no daemons/{folder}/{word}.py") from error
        raise HouseError(f"daemons/{folder}/{word}.py {needs(error)}") from error
    except Exception as error:
        raise HouseError(f"daemons/{folder}/{word}.py is broken: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, contract)):
        raise HouseError(f"daemons/{folder}/{word}.py has no class {name} that is a {contract.__name__}")
    return found
