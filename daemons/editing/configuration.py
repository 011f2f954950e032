"""The configuration that a person edits, with one device edited: read, checked, and written as a copy."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import mkdtemp

import tomli
from msgspec import Struct
from msgspec.structs import replace

from daemons.config.extension import file_name, of_packages
from daemons.config.files import DEFAULTS_DEPTH, File, Files, devices_of, read_code, read_files
from daemons.config.house import House, make_house
from daemons.config.location import Lines, Location
from daemons.editing.device_text import DeviceText, NotEditable, find_device, is_only_change, stray_keys
from daemons.editing.documents import FoundProblem
from daemons.editing.locked import HAND, refused_changes
from daemons.errors import ConfigurationError, HouseError, StorageError
from daemons.storage.installed import SOURCE
from daemons.storage.paths import this_host
from daemons.values import Path as Where
from daemons.values import Problem

DRAFTS = Path("drafts")
"""The folder of the copies, relative to the run directory."""
LEFT_SECONDS = 600.0
"""A copy that is older than this has no program any more."""
TABLE_DEPTH = 2


class Changed(HouseError):
    """The file has another version than the text comes from."""


class UnknownDevice(HouseError, LookupError):
    """The configuration has no such device."""


class Source(Struct, frozen=True):
    """The configuration as its files have it now, and the lines of one device."""

    files: Files
    name: str
    file: File
    device: DeviceText

    @property
    def version(self) -> str:
        """The version of the file in which the device stands."""
        return version_of(self.file.text)

    @property
    def file_name(self) -> str:
        """The name of this file, relative to the folder of the configuration."""
        return str(self.file.path.relative_to(self.files.main.path.parent))

    def has_code(self, folder: str, word: str) -> bool:
        """Return whether a file beside the configuration, or a package, has this kind or driver."""
        if not word.isidentifier():
            return False
        file = self.files.main.path.parent / file_name(folder, word)
        return file.exists() or any(one.word == word for one in of_packages(folder))


class Edit(Struct, frozen=True):
    """The configuration with the edited text of a device, if it has no problem."""

    source: Source
    problems: tuple[FoundProblem, ...]
    files: Files | None = None
    house: House | None = None

    @property
    def content(self) -> str:
        """The new text of the file."""
        if self.files is None:
            raise NotEditable("an edit with problems has no text")
        return self.files.file_of(self.source.name).text


def read_source(name: str) -> Source:
    """Read the configuration; raises HouseError if the table of the device cannot be edited.

    That is UnknownDevice or NotEditable, ConfigurationError for a file that has mistakes already, and
    StorageError if it is not known where the configuration is.
    """
    files = read_files(source_path())
    file = next((file for file in files if name in devices_of(file)), None)
    if file is None:
        raise UnknownDevice(f"{files.main.path.name} has no device {name!r}; it was removed or renamed")
    return Source(files, name, file, find_device(file.text, name))


def source_path() -> Path:
    """Return the path of the configuration; raises StorageError if it is not known."""
    try:
        return Path(SOURCE.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(
            "the page does not know which file the house was started from; run `house reload` once"
        ) from error


def version_of(text: str) -> str:
    """Return the version of a file with this text."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_version(source: Source, version: str) -> None:
    """Refuse a text that comes from another version of the file; raises Changed."""
    if source.version != version:
        raise Changed(f"{source.file_name} has changed since its text was opened; open it again")


def edit(source: Source, text: str) -> Edit:
    """Return the configuration with another text of the device, or every problem of it."""
    finder = ProblemFinder(source, text)
    try:
        alone = tomli.loads(text.replace("\r\n", "\n"))
    except tomli.TOMLDecodeError as error:
        return Edit(source, (finder.syntax(error.lineno, error.colno, error.msg),))
    except (ValueError, RecursionError):
        return Edit(source, (finder.syntax(1, None, "contains a number or a nesting that is too large"),))
    if stray := list(stray_keys(alone, source.name)):
        words = f"this text must have only the table [devices.{source.name}]; {HAND} for other tables"
        return Edit(source, tuple(finder.refused(path, words) for path in stray))
    if not isinstance(alone.get("devices", {}).get(source.name), dict):
        return Edit(source, (finder.syntax(1, None, f"there is no table [devices.{source.name}]"),))
    content = source.device.replaced(text)
    try:
        file = File(source.file.path, content, tomli.loads(content))
        find_device(content, source.name)
    except (tomli.TOMLDecodeError, NotEditable) as error:
        return Edit(source, (finder.syntax(1, None, str(error)),))
    if not is_only_change(source.file.raw, file.raw, source.name):
        return Edit(source, (finder.refused((), f"this text changes another table; {HAND}"),))
    files = with_file(source.files, file)
    old, new = (of.merged()[0]["devices"][source.name] for of in (source.files, files))
    found = refused_changes(source.name, old, new, source.has_code)
    refused = tuple(finder.of_device(one) for one in found)
    if refused:
        return Edit(source, refused)
    try:
        files = replace(files, code=read_code(files))
        return Edit(source, (), files, make_house(files, this_host()))
    except ConfigurationError as error:
        return Edit(source, tuple(map(finder.located, error.problems)))


def with_file(files: Files, file: File) -> Files:
    """Return the files of a configuration with one of them replaced."""
    if file.path == files.main.path:
        return replace(files, main=file)
    included = {name: file if one.path == file.path else one for name, one in files.included.items()}
    return replace(files, included=included)


class ProblemFinder:
    """Finds the places of problems: in the file, and in the edited text."""

    def __init__(self, source: Source, text: str) -> None:
        self._source, self._first = source, source.device.first
        self._count = len(text.replace("\r\n", "\n").rstrip("\n").split("\n"))
        self._lines = Lines(text.replace("\r\n", "\n"))

    def syntax(self, line: int, column: int | None, text: str) -> FoundProblem:
        """Return a problem of the text as TOML, at a line of the text."""
        line = min(line, self._count)
        return FoundProblem(
            file=self._source.file_name,
            line=self._first + line,
            column=column,
            text_line=line,
            table="TOML",
            key=None,
            text=text,
            is_refused=False,
        )

    def refused(self, path: Where, text: str) -> FoundProblem:
        """Return what the page may not do, at a path of the text."""
        words = [str(part) for part in path]
        depth = DEFAULTS_DEPTH if words[TABLE_DEPTH:] and words[TABLE_DEPTH] == "when" else TABLE_DEPTH
        line = self._lines.line(path)
        return FoundProblem(
            file=self._source.file_name,
            line=self._first + line,
            column=None,
            text_line=line,
            table=".".join(words[:depth]) or "TOML",
            key=".".join(words[depth:]) or None,
            text=text,
            is_refused=True,
        )

    def of_device(self, problem: Problem) -> FoundProblem:
        """Return what the page may not change in the device."""
        return self.refused(problem.path, problem.text)

    def located(self, problem: Location | str) -> FoundProblem:
        """Return a problem that the check of the configuration has found."""
        if isinstance(problem, str):
            return self.syntax(1, None, problem)
        folder = self._source.files.main.path.parent
        path = Path(problem.file)
        is_here = path == self._source.file.path
        text_line = problem.line - self._first if is_here else 0
        return FoundProblem(
            file=str(path.relative_to(folder)) if path.is_relative_to(folder) else problem.file,
            line=problem.line,
            column=None,
            text_line=text_line if 0 < text_line <= self._count else None,
            table=problem.table,
            key=problem.key,
            text=problem.text,
            is_refused=False,
        )


@contextmanager
def written_copy(files: Files) -> Iterator[Path]:
    """Yield the path of a copy of a configuration, with its stories and the code beside it."""
    DRAFTS.mkdir(mode=0o700, exist_ok=True)
    for left in DRAFTS.iterdir():  # a killed program leaves its copy
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                rmtree(left)
    folder = Path(mkdtemp(dir=DRAFTS)).absolute()
    try:
        texts = {files.main.path.name: files.main.text, **files.code}
        texts |= {name: file.text for name, file in files.included.items()}
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        for story in story_files(files):
            copyfile(story, folder / story.relative_to(files.main.path.parent))
        yield folder / files.main.path.name
    finally:
        rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            DRAFTS.rmdir()


def story_files(files: Files) -> list[Path]:
    """Return the files with stories that stand beside the files of a configuration."""
    return [path for path in (file.path.with_suffix(".test.toml") for file in files) if path.is_file()]
