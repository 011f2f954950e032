"""The Python environments beside each other, and the link that leads to the present one."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from daemons.errors import StorageError
from daemons.storage.paths import describe

AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""Numbers of renameat2(2)."""
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
"""The variables that would make a Python look into another environment."""
CALL_SECONDS = 900
"""How long a verb of an environment may take: the start of a house of many devices on a slow machine."""


class Environment(NamedTuple):
    """The House in one environment, for one house: calls are made as a user makes them."""

    path: Path
    config: Path
    run: Path
    host: str | None = None

    @property
    def python(self) -> Path:
        """The Python of the environment."""
        return self.path / "bin" / "python3"

    def command(self, *words: str) -> list[str]:
        """Return the words that run a verb of `house` from this environment, and from no link."""
        place = ["--config", str(self.config), "--run", str(self.run)]
        host = ["--host", self.host] if self.host else []
        return [str(self.python), "-P", "-m", "daemons.cli.main", *place, *host, *words]

    def house(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a verb of `house` and return what it printed; a verb that does not end has status 124."""
        return run_isolated(self.command(*words), CALL_SECONDS, None, **variables)

    def version(self) -> str:
        """Return the version and the commit of its House; "" if it does not start."""
        return self.house("--version").stdout.strip().partition("version ")[2]


def run_isolated(
    words: list[str], seconds: float, folder: Path | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program without the paths of this Python, and return what it printed.

    A program that does not exist or does not end in time has a status that is not 0, and says so.
    """
    environment = {key: value for key, value in os.environ.items() if key not in FOREIGN} | variables
    try:
        return subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"{words[0]} has not ended within {seconds:g} s")
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, "", describe(error, f"{words[0]} cannot be run"))


def find_link() -> Path:
    """Return the path of the environment of this process: a link, or a folder that becomes one.

    A process can run from the folder `.venv.XXXX` while the link `.venv` leads there, or elsewhere.
    """
    prefix = Path(sys.prefix)
    link = prefix.with_suffix("")
    is_beside = not prefix.is_symlink() and link.is_symlink() and link.resolve().parent == prefix.parent
    return link if is_beside else prefix


def present(link: Path) -> Path:
    """Return the folder of the environment that a link leads to, or the folder itself."""
    return link.parent / link.readlink() if link.is_symlink() else link


def new_name(link: Path) -> Path:
    """Create an empty folder for a new environment; raises StorageError."""
    try:
        return Path(tempfile.mkdtemp(prefix=f"{link.name}.", dir=link.parent))
    except OSError as error:
        raise StorageError(describe(error, f"no new environment can be made in {link.parent}")) from error


def swap(link: Path, new: Path, old: Path) -> None:
    """Make a link lead to an environment; at any moment it leads to the one or to the other.

    If a folder is in the place of the link, it gets the name `old`, which is free. Raises StorageError.
    """
    is_link = link.is_symlink()
    made = link.with_name(f"{link.name}.link") if is_link else old
    try:
        made.unlink(missing_ok=True)
        made.symlink_to(new.name)
        if is_link:
            made.replace(link)
        else:
            exchange(made, link)
    except OSError as error:
        with suppress(OSError):
            made.unlink(missing_ok=True)
        raise StorageError(describe(error, f"{link} cannot lead to {new}")) from error


def exchange(one: Path, other: Path) -> None:
    """Exchange two names in one step, as renameat2(2) does; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    words = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    if libc.renameat2(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


def remove_others(link: Path, *kept: Path) -> list[Path]:
    """Remove the environments beside a link, but for those kept and those that a process uses."""
    others = [path for path in link.parent.glob(f"{link.name}.*") if is_environment(path, link)]
    removed = [path for path in others if path not in kept and path != present(link) and not is_used(path)]
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
    return removed


def is_environment(path: Path, link: Path) -> bool:
    """Return whether a folder is an environment, or what is left of one that was never whole."""
    is_ours = path.stem == link.name and path.is_dir() and not path.is_symlink()
    return is_ours and ((path / "pyvenv.cfg").exists() or not any(path.iterdir()))


def is_used(path: Path) -> bool:
    """Return whether a process has a library of an environment loaded, or was started from it."""
    wanted = f"{path.resolve()}/"
    return any(wanted in text for text in used_files())


def used_files() -> Iterator[str]:
    """Yield what each process of this user has mapped, and its command line."""
    for about in Path("/proc").glob("[0-9]*"):
        for name in ("maps", "cmdline"):
            with suppress(OSError):
                yield (about / name).read_text(errors="replace")
