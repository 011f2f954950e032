"""Loads the class of a kind or driver by its word in the configuration.

A word is a file of House, or an extension that was added before (`add`). A process that only needs to know
a kind, and does not run it, gets its declarations instead of its code (`describe`).
"""

import importlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from daemons.config.extension import Extension, camel_case
from daemons.drivers import Driver
from daemons.errors import HouseError
from daemons.kinds import Kind

C = TypeVar("C")
PACKAGE = Path(__file__).parent.parent
_extensions: dict[tuple[str, str], Extension] = {}
_loaded: dict[tuple[str, str], tuple[Extension, Any]] = {}
"""The classes of extensions, each with the extension that it was loaded from."""
_described: dict[str, type[Kind]] = {}


def add(extension: Extension) -> None:
    """Add an extension, or another version of one; its code is loaded when its word is looked up."""
    _extensions[extension.folder, extension.word] = extension


def describe(word: str, kind: type[Kind]) -> None:
    """Add a class with the declarations of a kind, for a process that does not run it."""
    _described[word] = kind


def extension_of(folder: str, word: str) -> Extension | None:
    """Return the extension with this word; None if the word is one of House, or unknown."""
    return _extensions.get((folder, word))


def built_in() -> dict[str, set[str]]:
    """Return the words of House's own kinds and drivers."""
    return {folder: {file.stem for file in files_of(folder)} for folder in ("kinds", "drivers")}


def files_of(folder: str) -> list[Path]:
    """Return the files of House's own kinds or drivers."""
    return sorted((PACKAGE / folder).glob("[a-z]*.py"))


def kind_or_none(word: object) -> type[Kind] | None:
    """Return the class of a kind, or None if the kind is unknown or its file is broken."""
    try:
        return kind(word) if isinstance(word, str) else None
    except HouseError:
        return None


def words(folder: str) -> list[str]:
    """Return the words of "kinds" or "drivers"; those of the extensions that were added come last."""
    extensions = [word for kind, word in _extensions if kind == folder]
    return list(dict.fromkeys([*(file.stem for file in files_of(folder)), *extensions]))


def available(folder: str) -> dict[str, str]:
    """Return the same words, each with the first line of its module docstring.

    The files are parsed and not imported.
    """
    import ast  # noqa: PLC0415  a device process does not need this module

    found = {}
    for file in files_of(folder):
        try:
            text = ast.get_docstring(ast.parse(file.read_text()))
        except (SyntaxError, ValueError) as error:
            text = f"Broken: {error}."
        found[file.stem] = (text or "").partition("\n")[0]
    return found | {word: one.summary for (kind, word), one in _extensions.items() if kind == folder}


def kind(word: str) -> type[Kind]:
    """Return the class of a kind; raises HouseError if its file is missing or broken."""
    return _described.get(word) or _load("kinds", word, Kind)


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
    for extra, package in required_packages():
        if module in (extra, package):
            return extra, package
    return None, module


@cache
def required_packages() -> list[tuple[str, str]]:
    """Return each package that an extra installs, after the extra; none if House is not installed."""
    from importlib import metadata  # noqa: PLC0415  only an error text needs this

    try:
        lines = metadata.requires("house-daemons") or ()
    except metadata.PackageNotFoundError:
        return []
    found = [re.match(r"([\w.-]+)[^;]*; extra == ['\"](\w+)['\"]", line) for line in lines]
    return [(one[2], one[1]) for one in found if one]


def run_function(word: str) -> Callable[[Any], None]:
    """Return the function that runs a process: `run` of daemons/processes/WORD/WORD.py."""
    found: Callable[[Any], None] = importlib.import_module(f"daemons.processes.{word}.{word}").run
    return found


def _load(folder: str, word: str, contract: type[C]) -> type[C]:
    """Return the class of a word; raises HouseError if it is missing, or if its import fails."""
    extension = _extensions.get((folder, word))
    if extension is None:
        where, name = f"daemons/{folder}/{word}.py", camel_case(word)
        found = _class_in(lambda: importlib.import_module(f"daemons.{folder}.{word}"), where, name, contract)
    else:
        known = _loaded.get((folder, word))
        if known and known[0] == extension:
            return known[1]  # type: ignore[no-any-return]
        found = _class_in(extension.load, extension.origin, extension.class_name, contract)
        _loaded[folder, word] = extension, found
    if found.word != word:  # type: ignore[attr-defined]
        found.word = word  # type: ignore[attr-defined]  # once, before a fork: it makes pages of the class private
    return found


def _class_in(load: Callable[[], Any], where: str, name: str, contract: type[C]) -> type[C]:
    """Return a class of a module; `where` names the module in errors."""
    try:
        module = load()
    except ModuleNotFoundError as error:
        if error.name == where.removesuffix(".py").replace("/", "."):
            raise HouseError(f"there is no {where}") from error
        raise HouseError(f"{where} {missing_module_text(error)}") from error
    except Exception as error:
        raise HouseError(f"{where} is broken: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, contract)):
        raise HouseError(f"{where} has no class {name} that is a {contract.__name__}")
    return found
