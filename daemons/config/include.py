"""The key `include` of house.toml: finds the files of its patterns, in sorted order.

A pattern is relative to the folder of house.toml, and only files inside this folder are found. Nothing is
skipped in silence: what cannot be searched or read is a problem.
"""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from daemons.values import Problem, format_toml

ENDING, STORY_ENDING = ".toml", ".test.toml"
MOST_FILES = 1000
LONGEST_PATTERN = 500


def find_files(include: Any, main: Path, problems: list[Problem]) -> list[str]:
    """Return the sorted names of the included files, relative to the folder of the main file.

    Add a problem for each pattern that is not allowed, or that finds nothing.
    """
    if not isinstance(include, list) or not all(isinstance(pattern, str) for pattern in include):
        text = f'{format_toml(include)} is not allowed; include takes a list of patterns: ["rooms/*.toml"]'
        problems.append(Problem(("include",), text))
        return []
    found: set[str] = set()
    for index, pattern in enumerate(include):
        names = set[str]()
        why = fault_of(pattern)
        try:
            names = set() if why else set(find(main.parent, pattern))
            why = why or fault_of_match(names, pattern, main)
        except OSError as error:
            why = f"{error.filename} cannot be searched: {error.strerror}"
        if why:
            problems.append(Problem(("include", index), why))
        found |= names
    if len(found) > MOST_FILES:
        text = f"it finds {len(found)} files; a house has at most {MOST_FILES}"
        problems.append(Problem(("include",), text))
    return sorted(found)


def fault_of(pattern: str) -> str | None:
    """Return why a pattern is not allowed; None if it is allowed."""
    parts = pattern.split("/")
    if not pattern.isprintable() or len(pattern) > LONGEST_PATTERN:
        reason = f"takes printable characters, {LONGEST_PATTERN} at most"
    elif pattern.startswith(("/", "~")):
        reason = "must be relative to the folder of this file"
    elif ".." in parts:
        reason = 'must stay inside the folder of this file, so ".." is not allowed'
    elif not pattern.endswith(ENDING):
        reason = f'must end in {ENDING}, as in "rooms/*.toml"'
    elif pattern.endswith(STORY_ENDING):
        reason = f"ends in {STORY_ENDING}, as the files with stories do; they are found without include"
    elif not all(parts) or "." in parts or pattern.count("**") > 1 or ("**" in pattern and "**" not in parts):
        reason = 'is no pattern of a file; a folder of any depth is written "rooms/**/*.toml"'
    else:
        return None
    return f"{format_toml(pattern)} {reason}"


def fault_of_match(names: set[str], pattern: str, main: Path) -> str | None:
    """Return what is wrong with the files that a pattern finds; None if nothing is."""
    if not names:
        return f"{format_toml(pattern)} finds no file in {main.parent}"
    folder = main.parent.resolve()
    for name in sorted(names):
        if not name.isprintable():
            return f"{format_toml(pattern)} finds {name!a}; the name must be printable text"
        try:
            real = (main.parent / name).resolve()
        except RuntimeError:  # before Python 3.13, a link that leads to itself
            return f"{format_toml(pattern)} finds {name}, which is a link to itself"
        if real == main.resolve():
            return (
                f"{format_toml(pattern)} finds {main.name} itself, which would include itself; "
                'put the included files into a folder, and write "rooms/*.toml"'
            )
        if not real.is_relative_to(folder):
            return f"{format_toml(pattern)} finds {name}, a link that leads out of the folder, to {real}"
    return None


def find(folder: Path, pattern: str) -> Iterator[str]:
    """Yield the names of the files that a pattern finds, relative to the folder.

    `*`, `?` and `[...]` find no hidden file, as in a shell, and no file with stories. `**` stands for folders
    of any depth; it follows no link, so that it always ends. Raises OSError for a folder that cannot be read.
    """
    yield from _find(folder, "", pattern.split("/"))


def _find(folder: Path, prefix: str, parts: list[str]) -> Iterator[str]:
    head, rest = parts[0], parts[1:]
    if head == "**":
        yield from _find(folder, prefix, rest)
        for entry in entries(folder / prefix):
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                yield from _find(folder, f"{prefix}{entry.name}/", parts)
    elif not any(character in head for character in "*?["):
        if rest:
            yield from _find(folder, f"{prefix}{head}/", rest)
        elif os.path.lexists(folder / prefix / head):
            yield f"{prefix}{head}"
    else:
        for entry in entries(folder / prefix):
            if entry.name.startswith(".") or not fnmatchcase(entry.name, head):
                continue
            if not rest:
                if not entry.name.endswith(STORY_ENDING):
                    yield f"{prefix}{entry.name}"
            elif entry.is_dir():
                yield from _find(folder, f"{prefix}{entry.name}/", rest)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder; none if there is no folder."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
