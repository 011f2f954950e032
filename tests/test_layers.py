"""The table of docs/architecture.md: which package may import which."""

import ast
import subprocess
import sys
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
FILES = sorted(path.relative_to(DAEMONS) for path in DAEMONS.rglob("*.py"))


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


def is_module(name: str) -> bool:
    """Return whether a dotted name is a module or a package of ours, and not something inside one."""
    path = DAEMONS.parent / Path(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def package(file: Path) -> str:
    """Return the package that a file belongs to: kinds/toaster.py belongs to kinds."""
    return file.parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", [file for file in FILES if package(file) in MAY_IMPORT], ids=str)
def test_a_file_imports_only_what_its_package_may_import(file: Path) -> None:
    """A package imports only packages below it that the table allows."""
    allowed = MAY_IMPORT[package(file)]
    for name in imports(file):
        own = name.partition(".")[0]
        parents = [name[:end] for end in range(len(name) + 1) if name[end : end + 1] in ("", ".")]
        is_allowed = own == package(file) or any(parent in allowed for parent in parents)
        assert is_allowed, f"{file} imports daemons.{name}; allowed: {', '.join(sorted(allowed))}"


@pytest.mark.parametrize("file", [file for file in FILES if file.parts[0] in ("kinds", "drivers")], ids=str)
def test_kinds_and_drivers_import_no_sibling(file: Path) -> None:
    """A kind imports no other kind, a driver no other driver, and transports/ no driver."""
    siblings = {path.stem for path in (DAEMONS / file.parts[0]).glob("[a-z]*.py")}
    for name in imports(file):
        first, _, rest = name.partition(".")
        if first == file.parts[0]:
            assert rest.partition(".")[0] not in siblings, f"{file} imports its sibling daemons.{name}"


@pytest.mark.parametrize("file", [file for file in FILES if file.parts[0] == "processes"], ids=str)
def test_a_process_imports_no_other_process(file: Path) -> None:
    """Below processes/, a folder imports itself, process.py and process_run.py only."""
    for name in imports(file):
        parts = name.split(".")
        if parts[0] == "processes":
            shared = parts[1] in ("process", "process_run")
            assert shared or parts[1] == file.parts[1], f"{file} imports daemons.{name}"


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
