"""A file of lines: a process adds its own lines, and reads those of the others."""

import os
from pathlib import Path

import pytest
from msgspec import Struct

from daemons.storage.line_file import LineFile
from tests.support import factories


class Line(Struct):
    """A line of the tests."""

    number: int


def add(path: Path, *numbers: int) -> None:
    """Add lines, as another program does."""
    with path.open("a") as file:
        file.writelines(f'{{"number":{number}}}\n' for number in numbers)


def new_numbers(file: LineFile[Line]) -> tuple[list[int], bool]:
    """Return the numbers in the new lines, and whether the file is another one."""
    lines, is_other = file.read_new(file.path.stat() if file.path.exists() else None)
    return [line.number for line in lines], is_other


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    return tmp_path / "lines.jsonl"


def test_own_lines_are_not_read_and_those_of_others_are(path: Path) -> None:
    """The first call reads the lines that were there before."""
    add(path, 1)
    file = LineFile(path, Line)
    assert new_numbers(file) == ([1], True)
    assert file.append(Line(2))
    assert new_numbers(file) == ([], False)
    add(path, 3)
    assert new_numbers(file) == ([3], False)
    file.close()
    assert new_numbers(file) == ([1, 2, 3], True)


def test_an_append_after_the_line_of_another_process_is_noticed(path: Path) -> None:
    """The lines of both are then read, in their order."""
    file = LineFile(path, Line)
    assert file.append(Line(1))
    add(path, 2)
    assert not file.append(Line(3))
    assert new_numbers(file) == ([2, 3], False)
    file.close()


@pytest.mark.parametrize("how", ["removed", "replaced", "renamed", "cut"])
def test_a_file_that_is_no_longer_the_same_is_read_from_its_beginning(path: Path, how: str) -> None:
    """The next line is added to the file that has the name."""
    file = LineFile(path, Line)
    assert file.append(Line(1))
    assert file.append(Line(2))
    if how == "cut":
        os.truncate(path, 0)
    elif how == "replaced":
        add(path.with_name("new"), 7, 8)
        path.with_name("new").replace(path)
    elif how == "renamed":
        path.rename(path.with_name("old"))
    else:
        path.unlink()
    assert new_numbers(file) == (([7, 8], True) if how == "replaced" else ([], how == "cut"))
    assert file.append(Line(3))
    assert path.read_text().splitlines()[-1] == '{"number":3}'
    file.close()


def test_a_line_that_was_not_written_as_a_whole_is_an_error(path: Path) -> None:
    """The next line begins a line of its own."""
    file = LineFile(path, Line)
    assert file.append(Line(1))
    with factories.full_disk(path.stat().st_size + 5), pytest.raises(OSError, match="No space"):
        file.append(Line(2))
    assert new_numbers(file) == ([], False)
    assert file.append(Line(3))
    file.close()
    assert new_numbers(LineFile(path, Line)) == ([1, 3], True)
