"""The workers of a run compile different test files first."""

from pathlib import Path

from tests.support.collection import begin_with_own_part, find_files


def test_each_worker_begins_with_another_part_and_imports_all() -> None:
    """The files before the beginning of a worker are its last ones."""
    files = [Path(f"test_{letter}.py") for letter in "abcdefg"]
    orders = [begin_with_own_part(files, number, 3) for number in range(3)]
    assert ["".join(file.stem[-1] for file in order) for order in orders] == ["abcdefg", "cdefgab", "efgabcd"]


def test_the_files_of_a_folder_and_a_single_file_are_found_once() -> None:
    """An argument of the run is a folder or a file."""
    own = Path(__file__)
    found = find_files([own.parent, own])
    assert found.count(own) == 1
    assert own.with_name("test_patience.py") in found
    assert own.with_name("collection.py") not in found
    assert find_files([own]) == [own]
