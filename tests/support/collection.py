"""A faster collection: the workers of a run share the work of compiling the test files.

Each worker imports all test files, and keeps what it has compiled. If all began with the same file, each
would compile every file. So each begins with another part of them, and finds the other parts compiled.
"""

import importlib
from contextlib import suppress
from pathlib import Path

import pytest


def import_files(config: pytest.Config, project: Path) -> None:
    """Import the test files of this run in the order of this worker.

    A file that cannot be imported is passed over: the collection reports it.
    """
    worker: dict[str, str | int] | None = getattr(config, "workerinput", None)
    if worker is None:
        return
    folder = config.invocation_params.dir
    files = find_files([folder / argument.partition("::")[0] for argument in config.args])
    number, workers = int(str(worker["workerid"]).removeprefix("gw")), int(worker["workercount"])
    for file in begin_with_own_part(files, number, workers):
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(file.relative_to(project).with_suffix("").parts))


def find_files(paths: list[Path]) -> list[Path]:
    """Return the test files among these files and in these folders."""
    found = {file for path in paths for file in ([path] if path.is_file() else path.rglob("test_*.py"))}
    return sorted(found)


def begin_with_own_part(files: list[Path], number: int, workers: int) -> list[Path]:
    """Return all files, those of the part with this number first; the parts are numbered from 0."""
    first = len(files) * number // workers
    return files[first:] + files[:first]
