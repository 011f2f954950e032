"""The machine is described by its own files."""

from pathlib import Path
from typing import Any

import pytest

from bench import machine


def test_this_machine_is_described() -> None:
    """Every part of the description is filled, with the installed libraries."""
    found = machine.describe(Path("/tmp"))  # noqa: S108  any folder does
    assert found.cores >= 1
    assert found.memory_mb > 0
    assert "pyzmq" in found.libraries
    assert all((found.processor, found.kernel, found.python, found.build, found.libzmq, found.filesystem))


@pytest.mark.parametrize(
    ("variables", "build"),
    [
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'"}, "with PGO"),
        ({"PY_CORE_CFLAGS": "-O3 -fprofile-use -fprofile-correction"}, "with PGO"),
        ({"PY_CFLAGS_NODIST": "-fprofile-instr-use=code.profclangd"}, "with PGO"),
        ({"CONFIG_ARGS": "'--enable-shared'", "PGO_PROF_USE_FLAG": "-fprofile-use"}, "without PGO"),
        (
            {"abs_builddir": "/build/python3.11-3.11.2/build-shared"},
            "Debian's build, with PGO",
        ),
        ({"CFLAGS": None}, "without PGO"),
    ],
)
def test_the_build_of_the_interpreter_is_read_from_its_flags(variables: dict[str, Any], build: str) -> None:
    """A flag counts if it was used; every build names the flags that it could use."""
    assert machine.interpreter_build(variables) == build


def test_the_processor_is_found_on_more_than_one_architecture() -> None:
    """The model is found under other names, and also without any."""
    assert machine.processor("processor : 0\nmodel name\t: Abacus 3000\n") == "Abacus 3000"
    assert machine.processor("BogoMIPS : 1\nModel\t\t: Raspberry Pi 5\n") == "Raspberry Pi 5"
    assert machine.processor("")


def test_the_filesystem_is_that_of_the_nearest_mount() -> None:
    """Neither the root nor a folder with a similar name counts."""
    mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\ntmpfs /tmpfoo xfs rw 0 0\n"
    assert machine.filesystem(Path("/tmp/x"), mounts) == "tmpfs"  # noqa: S108
    assert machine.filesystem(Path("/srv"), mounts) == "ext4"
    assert machine.filesystem(Path("/srv"), "") == "unknown"
