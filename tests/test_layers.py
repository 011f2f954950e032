"""The table of docs/architecture.md: which package may import which."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

DAEMONS = Path(__file__).parent.parent / "daemons"
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "values": set(),
    "runtime": set(),
    "storage": {"errors", "values"},
    "bus": {"errors", "values", "storage"},
    "client": {"bus", "errors"},
    "kinds": {
        "bus.message", "bus.status", "bus.attention", "bus.facts", "bus.look", "bus.notice",
        "values", "errors",
    },
    "drivers": {"kinds", "values", "storage", "runtime", "errors"},
    "config": {
        "drivers", "kinds", "bus.message", "bus.origin", "bus.facts", "bus.notice", "storage", "values",
        "errors",
    },
    "supervision": {"config", "bus", "storage", "runtime", "errors"},
    "editing": {"supervision", "config", "drivers", "kinds", "bus", "storage", "values", "errors"},
    "processes": {
        "editing.documents", "editing.jobs", "editing.requests", "supervision", "config", "drivers", "kinds",
        "bus", "storage", "runtime", "values", "errors",
    },
    "rehearsal": {
        "processes.device", "processes.mirror.summary", "processes.mirror.attention",
        "processes.process_run", "config", "drivers", "kinds",
        "bus", "runtime", "values", "errors",
    },
    "contract": {
        "config", "drivers", "kinds", "bus", "processes.device.timetable", "storage", "values", "errors",
    },
    "cli": {
        "rehearsal", "editing", "processes", "supervision", "config", "drivers", "kinds", "client", "bus",
        "storage", "runtime", "values", "errors",
    },
}  # fmt: skip
"""Each package from the bottom up, and the packages that it may import; `a.b` means only that part."""
pytestmark = pytest.mark.xdist_group("layers")  # one process parses the files for all of them
FILES = sorted(path.relative_to(DAEMONS) for path in DAEMONS.rglob("*.py"))


@cache
def imports(file: Path) -> set[str]:
    """Return every module of ours that a file imports, wherever in the file, without `daemons.`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((DAEMONS / file).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if is_module(name) else node.module for name in names}
    return {name.removeprefix("daemons.") for name in found if name.startswith("daemons.")}


@cache
def is_module(name: str) -> bool:
    """Return whether a dotted name is a module or a package of ours, and not something inside one."""
    path = DAEMONS.parent / Path(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def package(file: Path) -> str:
    """Return the package that a file belongs to: kinds/toaster.py belongs to kinds."""
    return file.parts[0].removesuffix(".py")


def test_a_file_imports_only_what_its_package_may_import() -> None:
    """A package imports only packages below it that the table allows."""
    refused = []
    for file in FILES:
        allowed = MAY_IMPORT.get(package(file))
        if allowed is None:
            continue
        for name in imports(file):
            own = name.partition(".")[0]
            parents = {name[:end] for end in range(len(name) + 1) if name[end : end + 1] in ("", ".")}
            if own != package(file) and not parents & allowed:
                refused.append(f"{file} imports daemons.{name}; allowed: {', '.join(sorted(allowed))}")
    assert refused == []


def test_kinds_and_drivers_import_no_sibling() -> None:
    """A kind imports no other kind, a driver no other driver, and transports/ no driver."""
    refused = []
    for folder in ("kinds", "drivers"):
        siblings = {path.stem for path in (DAEMONS / folder).glob("[a-z]*.py")}
        for file in [file for file in FILES if file.parts[0] == folder]:
            parts = [name.split(".") for name in imports(file)]
            used = {name[1] for name in parts if name[0] == folder and len(name) > 1}
            refused += [f"{file} imports its sibling {name}" for name in used & siblings]
    assert refused == []


def test_a_process_imports_no_other_process() -> None:
    """Below processes/, a folder imports itself, process.py and process_run.py only."""
    refused = []
    for file in [file for file in FILES if file.parts[0] == "processes"]:
        parts = [name.split(".") for name in imports(file)]
        used = {name[1] for name in parts if name[0] == "processes" and len(name) > 1}
        refused += [
            f"{file} imports processes.{name}" for name in used - {"process", "process_run", file.parts[1]}
        ]
    assert refused == []


def test_a_rehearsal_loads_no_socket() -> None:
    """A whole house is rehearsed without zmq; its processes are those of the real house all the same."""
    code = "import sys, daemons.rehearsal; print('zmq' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DAEMONS.parent
    )
    assert done.stdout == "False\n"


def test_only_main_and_cli_are_above_all_packages() -> None:
    """The package itself imports nothing of ours; `python -m daemons` needs no role and no bus."""
    assert not imports(Path("__init__.py"))
    assert {name.partition(".")[0] for name in imports(Path("__main__.py"))} <= {
        "config",
        "errors",
        "runtime",
        "storage",
    }


def test_the_table_names_every_package() -> None:
    """Each package is in the table, and each package in the table exists."""
    assert {package(file) for file in FILES} - {"__init__", "__main__"} == MAY_IMPORT.keys()
