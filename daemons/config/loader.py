"""Imports the class of a kind or driver by its word in the configuration; the only dynamic import."""

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
PACKAGE = Path(__file__).parent.parent


def kind_or_none(word: object) -> type[Kind] | None:
    """Return the class of a kind, or None if the kind is unknown or its file is broken."""
    try:
        return kind(word) if isinstance(word, str) else None
    except HouseError:
        return None


def available(folder: str) -> dict[str, str]:
    """Return the words of "kinds" or "drivers", each with the first line of its module docstring.

    The files are parsed and not imported.
    """
    import ast  # noqa: PLC0415  a device process does not need this module

    found = {}
    for file in sorted((PACKAGE / folder).glob("[a-z]*.py")):
        try:
            text = ast.get_docstring(ast.parse(file.read_text()))
        except (SyntaxError, ValueError) as error:
            text = f"Broken: {error}."
        found[file.stem] = (text or "").partition("\n")[0]
    return found


def kind(word: str) -> type[Kind]:
    """Return the class of a kind; raises HouseError if its file is missing or broken."""
    return _load("kinds", word, Kind)


def driver(word: str) -> type[Driver]:  # type: ignore[type-arg]
    """Return the class of a driver; raises HouseError if its file is missing or broken."""
    return _load("drivers", word, Driver)  # type: ignore[type-abstract]


def missing_library(module: str) -> str | None:
    """Return None if a module is installed; otherwise a text with the command that installs it."""
    from importlib import util  # noqa: PLC0415  only the check of a whole configuration needs this

    return None if util.find_spec(module) else missing_module_text(ModuleNotFoundError(name=module))


def missing_module_text(error: ModuleNotFoundError) -> str:
    """Return a text with the missing package, and the command that installs it if an extra contains it."""
    module = error.name or ""
    extra, package = extra_of(module.partition(".")[0])
    if extra is None:
        return f"needs the module {module!r}, which is not installed"
    return f"needs {package}, which is not installed; `make extra EXTRA={extra}` installs it"


def extra_of(module: str) -> tuple[str | None, str]:
    """Return the extra that installs a module, and the package of the module.

    An extra is found if its name, or the name of its package, equals that of the module. Otherwise the
    result is None and the module itself.
    """
    from importlib import metadata  # noqa: PLC0415  only an error text needs this

    with suppress(metadata.PackageNotFoundError):
        for line in metadata.requires("house-daemons") or ():
            found = re.match(r"([\w.-]+)[^;]*; extra == ['\"](\w+)['\"]", line)
            if found and module in (found[1], found[2]):
                return found[2], found[1]
    return None, module


def run_function(word: str) -> Callable[[Any], None]:
    """Return the function that runs a process: `run` of daemons/processes/WORD/WORD.py."""
    found: Callable[[Any], None] = importlib.import_module(f"daemons.processes.{word}.{word}").run
    return found


def _load(folder: str, word: str, contract: type[C]) -> type[C]:
    """Import daemons/FOLDER/WORD.py and return its class; the class name is the word in CamelCase.

    Raises HouseError if the file or the class is missing, or if the import fails.
    """
    name = "".join(part.capitalize() for part in word.split("_"))
    try:
        module = importlib.import_module(f"daemons.{folder}.{word}")
    except ModuleNotFoundError as error:
        if error.name == f"daemons.{folder}.{word}":
            raise HouseError(f"there is no daemons/{folder}/{word}.py") from error
        raise HouseError(f"daemons/{folder}/{word}.py {missing_module_text(error)}") from error
    except Exception as error:
        raise HouseError(f"daemons/{folder}/{word}.py is broken: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, contract)):
        raise HouseError(f"daemons/{folder}/{word}.py has no class {name} that is a {contract.__name__}")
    return found
