"""The way back to an installed configuration: which files change, and which texts would be lost."""

import time
from collections.abc import Mapping
from pathlib import Path

from daemons.config.files import Files, pack, read_files, unpack
from daemons.editing.record import FileChange, NewText
from daemons.errors import ConfigurationError, HouseError, StorageError
from daemons.storage.installed import INSTALLED
from daemons.storage.paths import describe, replace_file
from daemons.storage.versions import FOLDER, Version, list_versions


class NoVersion(HouseError, LookupError):
    """There is no such version."""


class UnsavedText(HouseError):
    """The files have texts that were never installed."""


def version_of_number(number: int | None) -> Version:
    """Return a version; without a number, the one before the newest. Raises NoVersion."""
    versions = list_versions()
    if number is None:
        if len(versions) > 1:
            return versions[1]
        raise NoVersion("there is no earlier configuration; `house versions` lists those that were kept")
    found = next((version for version in versions if version.number == number), None)
    if found is None:
        raise NoVersion(f"there is no version {number}; `house versions` lists those that were kept")
    return found


def files_of(version: Version, config: Path) -> Files:
    """Return the files of a version, with the paths that they have now. Raises ConfigurationError."""
    return unpack(config, version.content)


def change_to(version: Version, config: Path, by: str) -> NewText:
    """Return the change of the files that goes back to a version."""
    after = texts_of(files_of(version, config))
    before = {path: read_text(path) for path in {*after, *installed_paths(config), *present_paths(config)}}
    changes = tuple(
        FileChange(path, before[path], after.get(path))
        for path in sorted(before)
        if before[path] != after.get(path)
    )
    return NewText("", by, changes, f"undo: back to version {version.number}")


def texts_of(files: Files) -> dict[Path, str]:
    """Return the text of each file by its path."""
    folder = files.main.path.parent
    return {file.path: file.text for file in files} | {
        folder / name: text for name, text in files.code.items()
    }


def installed_paths(config: Path) -> set[Path]:
    """Return the paths of the files of the installed configuration."""
    try:
        return set(texts_of(unpack(config, INSTALLED.read_bytes().decode())))
    except (OSError, UnicodeDecodeError, ConfigurationError):
        return set()


def present_paths(config: Path) -> set[Path]:
    """Return the paths of the files of the configuration as it is now; none if it has mistakes."""
    try:
        return set(texts_of(read_files(config)))
    except ConfigurationError:
        return set()


def read_text(path: Path) -> str | None:
    """Return the text of a file; None if there is none. Raises StorageError."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(describe(error, f"{path} cannot be read")) from error
    except UnicodeDecodeError as error:
        raise StorageError(f"{path} is not UTF-8; save it as UTF-8 in your editor") from error


def is_installed(config: Path) -> bool:
    """Return whether the files have the texts that were installed last."""
    try:
        return pack(read_files(config)) == INSTALLED.read_bytes().decode()
    except (OSError, UnicodeDecodeError, ConfigurationError):
        return False


def keep_texts(new: NewText, config: Path) -> Path:
    """Keep the texts that a change replaces in a folder of their own, and return it."""
    folder = FOLDER / f"edited-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    kept: Mapping[Path, str | None] = {change.path: change.before for change in new.changes}
    for path, text in kept.items():
        if text is not None:
            target = folder / path.relative_to(config.parent)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(target, text.encode())
    return folder.absolute()
