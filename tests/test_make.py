"""The environment of the project: what installs into it, and that a running house keeps its own."""

import mmap
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemons.supervision import immortal
from tests.support.house import PROJECT
from tests.support.patience import patience

PYTHON = """#!/bin/sh
# A Python that creates an environment with itself in it, and writes down what pip is asked to install.
case "$*" in
*immortal*) exec "$REAL_PYTHON" "$@" ;;
*"-m venv"*)
	mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && printf '#!/bin/sh\\necho "house $*"\\n' >"$4/bin/house"
	chmod +x "$4/bin/house" ;;
*"pip "*" wheel "*)
	echo "$*" >>"$PIP_LOG"; [ "${PIP_STATUS:-0}" = 0 ] || exit 1
	while [ "$1" != --wheel-dir ]; do shift; done
	mkdir -p "$2" && touch "$2/house_daemons-1.0.0-py3-none-any.whl" ;;
*pip*) echo "$*" >>"$PIP_LOG"; exit "${PIP_STATUS:-0}" ;;
*maxsize*) echo "${BITS:-64}" ;;
*"import kasa"*) exit 0 ;;
*import*) exit 1 ;;
esac
"""
VERBS = ("press", "mirror", "logs", "status", "restart DEVICE=toaster", "reload", "down")
Make = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of what `make` needs, and a Python that installs nothing."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT / ".ci", folder / ".ci")
    for name in ("Makefile", "pyproject.toml", "supervisord.conf"):
        shutil.copy(PROJECT / name, folder)
    (folder / "daemons").mkdir()
    (folder / "daemons" / "toaster.py").touch()
    python = folder / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return folder


@pytest.fixture
def make(project: Path) -> Make:
    """Return a function that runs `make` in the copy."""

    def run(*words: str, pip_status: int = 0) -> "subprocess.CompletedProcess[str]":
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        environment |= {"PIP_LOG": str(project / "pip.log"), "PIP_STATUS": str(pip_status)}
        environment |= {"REAL_PYTHON": sys.executable, "PYTHONPATH": str(PROJECT)}
        return subprocess.run(
            ["make", "--no-print-directory", f"PYTHON={project}/python", *words],  # noqa: S607
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=patience(60),
            check=False,
        )

    return run


def installs(project: Path) -> list[str]:
    """Return what pip was asked to build and to install: "build", "wheel[EXTRAS]" or "editable[EXTRAS]"."""
    log = project / "pip.log"
    found = []
    for line in log.read_text().splitlines() if log.exists() else []:
        *_, option, what = line.split()
        if " wheel --quiet " in line:
            found.append("build")
        else:
            source = "editable" if option == "--editable" else "wheel"
            found.append(source + re.sub(r"^(\S*\.whl|\.)", "", what))
    return found


def environments(project: Path) -> list[str]:
    """Return the names of all environments beside the link to the present one."""
    return sorted(path.name for path in project.glob(".venv.*"))


@contextmanager
def used_environment(project: Path) -> Iterator[None]:
    """Load a library of the present environment, as the processes of a running house do."""
    library = project / ".venv" / "library.so"
    library.write_bytes(b"x" * 4096)
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        yield


def change(file: Path) -> None:
    """Make a file newer than every environment, as `git pull` does."""
    moment = time.time() + 10
    os.utime(file, (moment, moment))


def test_only_the_first_up_installs(project: Path, make: Make) -> None:
    """The first `make up` sets up the environment. Later no verb does, also if the project has changed."""
    done = make("up")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "house up")
    assert installs(project) == ["build", "wheel"]
    present = (project / ".venv").readlink()
    change(project / "daemons" / "toaster.py")
    for words in VERBS:
        done = make(*words.split(), pip_status=1)
        verb = {"press": "send bathroom_light press"}.get(words, words.replace("DEVICE=", ""))
        assert (done.returncode, done.stdout.strip()) == (0, f"house {verb}")
    done = make("up", pip_status=1)
    assert done.stdout.splitlines() == [
        "The project has changed since .venv was set up; `make upgrade` installs it.",
        "house up",
    ]
    assert installs(project) == ["build", "wheel"]
    assert (project / ".venv").readlink() == present


@pytest.mark.parametrize("verb", [*VERBS, "extra EXTRA=kasa"])
def test_no_other_verb_installs_without_an_environment(project: Path, make: Make, verb: str) -> None:
    """Each verb says that `make up` comes first, and changes nothing."""
    done = make(*verb.split())
    assert done.returncode != 0
    assert done.stdout == "House is not set up in .venv yet; `make up` does this once.\n"
    assert installs(project) == []
    assert not (project / ".venv").exists()


@pytest.mark.parametrize(("bits", "is_told"), [("32", True), ("64", False)])
def test_a_system_of_32_bits_is_told_what_builds_the_packages(
    make: Make, monkeypatch: pytest.MonkeyPatch, bits: str, is_told: bool
) -> None:
    """Few packages have a ready build for it. Its kernel mostly has 64 bits, so its name says nothing."""
    monkeypatch.setenv("BITS", bits)
    done = make("up", pip_status=1)
    assert done.returncode != 0
    told = "sudo apt install build-essential cmake python3-dev libzmq3-dev libffi-dev"
    assert (told in done.stderr) is (is_told or os.uname().machine not in {"x86_64", "aarch64"})


def test_a_first_up_that_fails_leaves_nothing(project: Path, make: Make) -> None:
    """Without a network the first `make up` fails, and the next one begins anew."""
    assert make("up", pip_status=1).returncode != 0
    assert environments(project) == []
    assert not os.path.lexists(project / ".venv")
    assert make("up").returncode == 0


def test_an_upgrade_that_fails_changes_nothing(project: Path, make: Make) -> None:
    """The present environment stays, whole and in its place, and no part of the new one is left."""
    make("up")
    present = (project / ".venv").readlink()
    done = make("upgrade", pip_status=1)
    assert done.returncode != 0
    assert "Nothing was changed in .venv." in done.stderr
    assert (project / ".venv").readlink() == present
    assert environments(project) == [str(present)]
    assert make("status").stdout == "house status\n"


def test_an_upgrade_replaces_the_environment_and_keeps_its_extras(project: Path, make: Make) -> None:
    """The new environment has the libraries of the drivers and of the tests; an unused old one is removed."""
    make("up")
    present = (project / ".venv").readlink()
    (project / ".venv" / "installed-check").touch()
    change(project / "pyproject.toml")
    assert make("upgrade").returncode == 0
    assert installs(project) == ["build", "wheel", "build", "wheel[kasa,test,check]"]
    new = (project / ".venv").readlink()
    assert new != present
    assert environments(project) == [str(new)]
    assert (project / ".venv" / "installed-check").exists()


def test_the_environment_of_a_running_house_stays(project: Path, make: Make) -> None:
    """An environment with a library that a process has loaded is removed by a later upgrade."""
    make("up")
    present = (project / ".venv").readlink()
    with used_environment(project):
        assert make("upgrade").returncode == 0
        new = (project / ".venv").readlink()
        assert environments(project) == sorted([str(present), str(new)])
    make("upgrade")
    assert environments(project) == [str((project / ".venv").readlink())]


ADDITIONS = [("extra EXTRA=mqtt", "mqtt"), ("check", "test,check"), ("test", "test,test")]
"""Verbs that install on first use, and the extras that each installs."""


@pytest.mark.parametrize(("verb", "extras"), ADDITIONS)
def test_an_unused_environment_is_extended_in_place(
    project: Path, make: Make, verb: str, extras: str
) -> None:
    """A second installation of everything would take longer; a second time installs nothing."""
    make("up")
    present = (project / ".venv").readlink()
    make(*verb.split())
    assert installs(project) == ["build", "wheel", f"wheel[{extras}]"]
    assert (project / ".venv").readlink() == present
    if "extra" not in verb:
        make(*verb.split())
        assert len(installs(project)) == 3


@pytest.mark.parametrize(("verb", "extras"), ADDITIONS)
def test_a_used_environment_is_replaced_and_not_changed(
    project: Path, make: Make, verb: str, extras: str
) -> None:
    """The new environment also has what the present one has; the present one stays for its house."""
    make("up")
    present = (project / ".venv").readlink()
    with used_environment(project):
        before = sorted((project / present).rglob("*"))
        assert make(*verb.split(), pip_status=1).returncode != 0
        assert (project / ".venv").readlink() == present
        assert "A house that runs uses the new .venv after `make down`" in make(*verb.split()).stdout
        assert sorted((project / present).rglob("*")) == before
    new = (project / ".venv").readlink()
    assert new != present
    assert installs(project)[2:] == [f"wheel[kasa,{extras}]"] * 2
    assert make("status").stdout == "house status\n"
    assert (project / new / "installed").exists()
    if "extra" not in verb:
        assert (project / new / f"installed-{verb}").exists()


def test_what_is_added_keeps_the_installed_copy_of_the_project(project: Path, make: Make) -> None:
    """A new environment for an extra gets the House of the present one; `make up` still names the change."""
    make("up")
    wheel = project / ".venv" / "wheel" / "house_daemons-1.0.0-py3-none-any.whl"
    wheel.write_text("the first")
    change(project / "daemons" / "toaster.py")
    present = (project / ".venv").readlink()
    with used_environment(project):
        make("extra", "EXTRA=mqtt")
    assert (project / ".venv").readlink() != present
    assert wheel.read_text() == "the first"
    assert "The project has changed since .venv was set up" in make("up").stdout
    make("upgrade")
    assert wheel.read_text() == ""


def test_a_contributor_can_run_the_working_copy(project: Path, make: Make) -> None:
    """EDITABLE=1 installs a link to the project, also later. A plain `make upgrade` installs a copy again."""
    make("up", "EDITABLE=1")
    make("extra", "EXTRA=mqtt")
    change(project / "daemons" / "toaster.py")
    assert make("up", "EDITABLE=1").stdout == "house up\n"
    assert installs(project) == ["editable", "editable[mqtt]"]
    change(project / "pyproject.toml")
    assert make("up").stdout.splitlines() == [
        "pyproject.toml has changed since .venv was set up; `make upgrade` installs what it lists now.",
        "house up",
    ]
    make("upgrade")
    assert installs(project)[2:] == ["build", "wheel[kasa]"]
    make("up", "EDITABLE=1")
    assert installs(project)[4:] == ["editable[kasa]"]


def test_a_house_that_was_started_is_upgraded_by_its_own_verb(project: Path, make: Make) -> None:
    """`make upgrade` installs nothing by itself then, but with EDITABLE=1, or if `house` has no such verb."""
    make("up")
    (project / "run").mkdir()
    (project / "run" / "house.toml").touch()
    assert make("upgrade").stdout == "house upgrade\n"
    assert make("upgrade", "NO_FETCH=1").stdout == "house upgrade --no-fetch\n"
    assert installs(project) == ["build", "wheel"]
    house = project / ".venv" / "bin" / "house"
    house.write_text(f"#!/bin/sh\nexit 2\n{house.read_text()}")
    assert make("upgrade").stdout.endswith(".venv is up to date.\n")
    make("upgrade", "EDITABLE=1")
    assert installs(project) == ["build", "wheel", "build", "wheel[kasa]", "editable[kasa]"]
    assert make("upgrade").stdout.endswith(".venv is up to date.\n")


def test_an_environment_beside_the_present_one_changes_nothing_else(project: Path, make: Make) -> None:
    """`house upgrade` checks it before the link leads to it. One that is not whole is removed."""
    make("up")
    present = (project / ".venv").readlink()
    for status in ("0", "1"):
        new = project / ".venv.new"
        new.mkdir()
        done = subprocess.run(
            ["sh", ".ci/venv", project / "python", project / ".venv"],  # noqa: S607
            cwd=project,
            env={**os.environ, "BESIDE": str(new), "PIP_LOG": str(project / "pip.log"), "PIP_STATUS": status},
            check=False,
        )
        assert done.returncode == int(status)
        assert (project / ".venv").readlink() == present
        assert environments(project) == sorted([str(present), *([] if done.returncode else [new.name])])
        if not done.returncode:
            assert (new / "installed").exists()
            shutil.rmtree(new)


def test_an_environment_that_is_a_folder_is_replaced(project: Path, make: Make) -> None:
    """Earlier versions of House created a folder; the first upgrade makes a link of it."""
    make("up")
    folder = (project / ".venv").readlink()
    (project / ".venv").unlink()
    (project / folder).rename(project / ".venv")
    assert make("upgrade").returncode == 0
    assert (project / ".venv").is_symlink()
    assert environments(project) == [str((project / ".venv").readlink())]


def test_only_the_set_up_names_a_python_that_costs_memory(make: Make) -> None:
    """If this Python costs memory, the first `make up` and each `make upgrade` print one line about it."""
    reason = immortal.refusal()
    line = f"Each process takes 2 to 3 MB more memory with this Python: {reason}."
    expected = [] if reason is None else [line]
    for verb, is_set_up in (("up", True), ("up", False), ("upgrade", True)):
        found = [found for found in make(verb).stdout.splitlines() if "more memory" in found]
        assert found == (expected if is_set_up else [])


# The choice of a Python

OLD = "exit 1"
SHIM = "echo 'pyenv: not found' >&2; exit 127"
USUAL = "exit 0"
PYENV = "versions/3.13.0/bin/python3"
WITHOUT_VENV = 'case "$*" in *ensurepip*) exit 1 ;; esac'


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ({"python3": USUAL}, "python3"),
        ({"python3": OLD, "python3.11": USUAL}, "python3.11"),
        ({"python3": USUAL, "python3.12": USUAL, "python3.14": USUAL}, "python3.12"),
        ({"python3": USUAL, "python3.13": SHIM, "python3.12": SHIM, "python3.14": USUAL}, "python3.14"),
        ({"python3": USUAL, "python3.13": WITHOUT_VENV}, "python3"),
        ({"python3": WITHOUT_VENV, "python3.13": WITHOUT_VENV}, "python3.13"),
        (
            {"python3": USUAL, "python3.13": SHIM, "versions/3.13.0/bin/python3": USUAL},
            "versions/3.13.0/bin/python3",
        ),
        ({"python3": USUAL, "versions/3.10.1/bin/python3": USUAL}, "python3"),
        ({"python3": OLD, "python3.13": SHIM}, None),
        ({f"python{version}": USUAL for version in ("3", "3.11", "3.12", "3.13", "3.14")}, "python3.13"),
    ],
)
def test_make_chooses_the_python_that_costs_least(
    tmp_path: Path, found: dict[str, str], chosen: str | None
) -> None:
    """The newest version that shares objects comes first, if it runs and can make an environment."""
    for name, script in found.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", PROJECT / ".ci" / "python"],
        env={"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    words = done.stdout.split()
    if chosen and "/" in chosen:
        chosen = str(tmp_path / chosen)
    assert (words, done.stderr) == ([chosen] if chosen else [], "")


def test_the_choice_knows_the_versions_that_share_objects() -> None:
    """The versions of daemons/supervision/immortal.py are tried first, and the newest before the others."""
    words = (PROJECT / ".ci" / "python").read_text().partition("for version in ")[2].split()
    newest_first = [f"{major}.{minor}" for major, minor in reversed(immortal.SUPPORTED_VERSIONS)]
    assert words[: len(newest_first)] == newest_first
