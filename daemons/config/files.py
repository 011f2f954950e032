"""The files of a configuration: house.toml, and the files that it includes.

Only house.toml has the tables of the whole house. An included file has devices and nothing else, so that
each table has one place, and a device stands in exactly one file.
"""

import codecs
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomli
from msgspec import Struct

from daemons.config import loader
from daemons.config.defaults import Inherited, with_defaults
from daemons.config.extension import file_name, read_file, words_of
from daemons.config.include import find_files
from daemons.config.location import Lines, Location
from daemons.errors import ConfigurationError, HouseError
from daemons.values import Path as Where
from daemons.values import Problem, format_toml

DEFAULTS_DEPTH = 3
"""The length of the path of a table such as [defaults.kinds.lamp]."""
BYTE_ORDER_MARK = "\ufeff"
"""The mark that some editors write before the text of a file; it is no part of the text."""
LARGEST_BYTES = 4 << 20
"""The size of the largest file that is read."""


class File(Struct, frozen=True):
    """One file: its path, its text and its parsed content."""

    path: Path
    text: str
    raw: dict[str, Any]


class Files(Struct, frozen=True):
    """All files of a configuration."""

    main: File
    included: dict[str, File] = {}
    """The included files in sorted order, by their names relative to the folder of the main file."""
    code: dict[str, str] = {}
    """The texts of the kinds and drivers of your own that devices use, by their names relative to it."""

    def __iter__(self) -> Iterator[File]:
        """Return an iterator over all files, the main file first."""
        return iter([self.main, *self.included.values()])

    def file_of(self, device: object) -> File:
        """Return the file in which a device stands first; the main file if it stands nowhere."""
        return next((file for file in self if device in devices_of(file)), self.main)

    def merged(self) -> tuple[dict[str, Any], dict[str, Inherited]]:
        """Return the tables of all files, with the defaults in each device, and which keys are defaults."""
        defaults = self.main.raw.get("defaults")
        tables = {key: value for key, value in self.main.raw.items() if key not in ("include", "defaults")}
        if not isinstance(tables.get("devices", {}), dict):
            return tables, {}
        devices, inherited = dict[str, Any](), dict[str, Inherited]()
        for file in self:
            for name, table in devices_of(file).items():
                devices[name], inherited[name] = with_defaults(table, defaults)
        return tables | ({"devices": devices} if devices else {}), inherited


class Locator:
    """Finds the place of a value of the merged tables: its file, its line, and the default if it is one."""

    def __init__(self, files: Files, inherited: dict[str, Inherited]) -> None:
        self._files, self._inherited = files, inherited
        self._lines: dict[Path, Lines] = {}
        self._order = {str(file.path): number for number, file in enumerate(files)}

    def origin(self, path: Where) -> tuple[File, Where]:
        """Return the file that contains a value, and its path there."""
        if path[:1] != ("devices",):
            return self._files.main, path
        inherited = self._inherited.get(str(path[1]), {}) if len(path) > 1 else {}
        for length in (4, 3):
            if default := inherited.get(path[2:length]):
                return self._files.main, (*default, *path[length:])
        return self._files.file_of(path[1] if len(path) > 1 else None), path

    def place(self, path: Where) -> str:
        """Return the file and the line of a value, such as `rooms/kitchen.toml:4`."""
        file, there = self.origin(path)
        name = file.path.relative_to(self._files.main.path.parent)
        return f"{name}:{self._lines_of(file).line(there)}"

    def locate(self, problems: list[Problem]) -> list[Location]:
        """Return the position of each problem in the merged tables, in the order of the files.

        A problem of a default is reported once, and not again for each device that has the default.
        """
        found: dict[Any, tuple[File, Problem]] = {}
        for number, problem in enumerate(problems):
            file, path = self.origin(problem.path)
            is_default = path[:1] == ("defaults",) and len(path) > DEFAULTS_DEPTH
            found.setdefault(path if is_default else number, (file, Problem(path, problem.text)))
        return self.locate_in_files([*found.values()])

    def locate_in_files(self, problems: list[tuple[File, Problem]]) -> list[Location]:
        """Return the position of each problem of a file, in the order of the files."""
        found = [self._lines_of(file).locate(str(file.path), problem) for file, problem in problems]
        return sorted(
            dict.fromkeys(found), key=lambda location: (self._order.get(location.file, 0), location.line)
        )

    def _lines_of(self, file: File) -> Lines:
        return self._lines.setdefault(file.path, Lines(file.text))


def devices_of(file: File) -> dict[str, Any]:
    """Return the tables of the devices in a file; none if they are no tables."""
    devices = file.raw.get("devices")
    return devices if isinstance(devices, dict) else {}


def read_files(path: Path, text: str | None = None) -> Files:
    """Read a configuration with all its files; with `text`, this is the text of the main file.

    Raises ConfigurationError with every file that cannot be read or parsed, or has what stands elsewhere.
    """
    main = File(path, *parse(path, text))
    problems: list[Problem] = []
    names = find_files(main.raw.get("include", []), path, problems)
    locations = Locator(Files(main), {}).locate(problems)
    included = {}
    for name in () if locations else names:
        try:
            included[name] = File(path.parent / name, *parse(path.parent / name, is_included=True))
        except ConfigurationError as error:
            locations += error.problems
    if locations:
        raise ConfigurationError(locations)
    files = Files(main, included)
    check_included(files)
    return Files(main, included, read_code(files))


def read_code(files: Files) -> dict[str, str]:
    """Return the texts of the kinds and drivers that devices use and that stand beside the configuration.

    Raises ConfigurationError with every file that cannot be read.
    """
    found, problems, builtin = dict[str, str](), list[tuple[File, Problem]](), loader.built_in()
    for file in files:
        for name, table in devices_of(file).items():
            for folder, word in words_of({name: table}, builtin):
                path = file_name(folder, word)
                try:
                    if (files.main.path.parent / path).exists():
                        found[path] = read_file(files.main.path.parent / path)
                except HouseError as error:
                    problems.append((file, Problem(("devices", name, folder.removesuffix("s")), str(error))))
    if problems:
        raise ConfigurationError(Locator(files, {}).locate_in_files(problems))
    return found


def check_included(files: Files) -> None:
    """Check that included files have only devices, and that no device stands twice."""
    locator, found = Locator(files, {}), list[tuple[File, Problem]]()
    for file in files.included.values():
        for key in [key for key in file.raw if key != "devices"]:
            found.append((file, Problem((key,), misplaced_text(key, files.main.path.name))))
        if not devices_of(file):
            text = "there is no device; add a table [devices.NAME], or remove this file from include"
            found.append((file, Problem(("devices",), text)))
        for name in devices_of(file):
            if (first := files.file_of(name)) is not file:
                line = Lines(first.text).line(("devices", name))
                text = f"a device of this name stands already in {first.path}:{line}; choose another name"
                found.append((file, Problem(("devices", name), text)))
    if found:
        raise ConfigurationError(locator.locate_in_files(found))


def misplaced_text(key: str, main: str) -> str:
    """Return why a key may not stand at the top level of an included file."""
    if key == "include":
        return f"an included file includes no other file; write the pattern into {main}"
    return f"an included file has only tables [devices.NAME]; this belongs into {main}"


def parse(path: Path, text: str | None = None, *, is_included: bool = False) -> tuple[str, dict[str, Any]]:
    """Return the text of a TOML file, and its parsed content; raises ConfigurationError if that fails."""
    where = str(path)
    try:
        if text is None:
            text = decode(read_bytes(path, is_included=is_included), where)
        text = text.removeprefix(BYTE_ORDER_MARK)
        raw = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigurationError([syntax_problem(where, text or "", error)]) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConfigurationError):
            raise
        what = "contains a number or a nesting that is too large"
        raise ConfigurationError([Location(where, 1, "TOML", None, what)]) from error
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ConfigurationError([Location(where, 1, "TOML", None, what)]) from error
    return text, raw


def syntax_problem(file: str, text: str, error: tomli.TOMLDecodeError) -> Location:
    """Return an error of tomli with its remedy, and the position of the mistake."""
    from daemons.config.toml_remedies import find_remedy  # noqa: PLC0415  only a person's mistake needs it

    found = find_remedy(text, error.lineno, error.colno, error.msg)
    shown = text.split("\n")[found.line - 1].rstrip("\r")
    return Location(file, found.line, "TOML", None, found.text, found.column, shown)


def decode(content: bytes, file: str) -> str:
    """Return the text of a file; raises ConfigurationError at the line that is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            what = "is not UTF-8, but UTF-16; save it as UTF-8 in your editor"
            raise ConfigurationError([Location(file, 1, "TOML", None, what)]) from error
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode()) + 1
        shown = content.split(b"\n")[line - 1].rstrip(b"\r").decode("latin-1")
        what = "is not UTF-8; save the file as UTF-8 in your editor"
        raise ConfigurationError([Location(file, line, "TOML", None, what, column, shown)]) from error


def read_bytes(path: Path, *, is_included: bool) -> bytes:
    """Return the content of a file; raises OSError for one that is too large, or included and no file.

    A pipe would block, so that it is not included.
    """
    if is_included and not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "it is no file")
    with path.open("rb") as file:
        content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise OSError(0, f"it is larger than {LARGEST_BYTES >> 20} MiB")
    return content


# The installed copy: one file, so that it is replaced as a whole


def pack(files: Files) -> str:
    """Return all files as one text; that is the main file itself if it includes no other one."""
    if not files.included and not files.code:
        return files.main.text
    texts = {"": files.main.text} | {name: file.text for name, file in files.included.items()} | files.code
    tables = [
        f"[[file]]\nname = {format_toml(name, len(name) * 6 + 2)}\ntext = {multiline(text)}\n"
        for name, text in texts.items()
    ]
    return "\n".join(["# The installed configuration: all its files, each as a text.\n", *tables])


def multiline(text: str) -> str:
    """Return a text as a string of TOML with several lines."""
    escaped = re.sub(r'"""|"\Z|\\|\r', lambda found: escape(found[0]), text)
    return f'"""\n{escaped}"""'


def escape(text: str) -> str:
    """Return quotes, a backslash or a carriage return as TOML escapes them."""
    return "\\r" if text == "\r" else "".join(f"\\{character}" for character in text)


def unpack(path: Path, text: str | None = None) -> Files:
    """Read files that `pack` has made one text; raises ConfigurationError if that fails.

    With `text`, this is the content of the file.
    """
    text, raw = parse(path, text)
    packed = raw.get("file", [])
    try:
        texts = {str(one["name"]): str(one["text"]) for one in packed}
        if not texts and not raw.get("include"):
            return Files(File(path, text, raw))
        main = File(path, *parse(path, texts.pop("")))
    except (TypeError, LookupError) as error:
        where = Location(str(path), 1, "file", None, "is no installed configuration")
        raise ConfigurationError([where]) from error
    code = {name: inner for name, inner in texts.items() if name.endswith(".py")}
    included = {
        name: File(path.parent / name, *parse(path, inner))
        for name, inner in texts.items()
        if name not in code
    }
    return Files(main, included, code)
