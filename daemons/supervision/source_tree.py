"""The project folder that a House is built from: fetches the new version with git, and goes back."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from daemons.errors import HouseError, StorageError
from daemons.storage.paths import describe
from daemons.supervision.environment import run_isolated

FETCH_SECONDS = 600
BUILD_SECONDS = 3600
"""How long the packages may take: a small machine compiles some of them."""
NO_FETCH = "--no-fetch takes the project as it is"
NOT_COPIED = (".git", ".venv*", "run", "__pycache__", ".homeassistant")
PARTS = ("daemons", "supervisord.conf", "pyproject.toml")
"""What an installed House consists of."""
SHOWN_NAMES, SHOWN_LINES = 5, 20


class CannotFetch(HouseError):
    """The new version cannot be fetched."""


class Fetched(NamedTuple):
    """What a fetch has changed."""

    before: str
    """The commit before; "" outside a git clone."""
    after: str
    changed: tuple[str, ...] = ()
    """The files that differ."""


class SourceTree(NamedTuple):
    """The project folder of a house; it may be a git clone."""

    root: Path

    @property
    def is_clone(self) -> bool:
        """Whether the folder is a git clone."""
        return (self.root / ".git").exists()

    def fetch(self) -> Fetched:
        """Pull the new version as `git pull --ff-only` does; raises CannotFetch with what is in the way."""
        remote, branch = self.upstream()
        self.checked("git fetch failed", "fetch", "--quiet", remote, branch)
        return self.advance(self.local_changes())

    def copy(self, folder: Path, *, fetch: bool) -> Fetched:
        """Copy the project into a new folder as it is, or as `fetch` would leave it; this one stays as it is.

        Raises CannotFetch as `fetch` does.
        """
        made = SourceTree(folder)
        if not self.is_clone:
            shutil.copytree(self.root, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
            return Fetched("", "")
        self.checked("git clone failed", "clone", "--quiet", "--shared", str(self.root), str(folder))
        found = Fetched(self.commit(), self.commit())
        if fetch:
            remote, branch = self.upstream()
            url = self.checked("git remote failed", "remote", "get-url", remote).strip()
            near = self.root / url
            made.checked("git fetch failed", "fetch", "--quiet", str(near) if near.exists() else url, branch)
            found = made.advance(self.local_changes())
        for name in self.local_changes():
            copy_file(self.root / name, folder / name)
        return found

    def upstream(self) -> tuple[str, str]:
        """Return the remote and the branch that `git pull` fetches; raises CannotFetch without one."""
        name = self.git("symbolic-ref", "--short", "HEAD").stdout.strip()
        remote, branch = (
            self.git("config", f"branch.{name}.{key}").stdout.strip() for key in ("remote", "merge")
        )
        if not name or not remote or not branch:
            where = f"its branch {name} follows no branch of a remote" if name else "it is on no branch"
            raise CannotFetch(f"{self.root} cannot be fetched: {where}; {NO_FETCH}")
        return remote, branch

    def local_changes(self) -> tuple[str, ...]:
        """Return the names of the files that differ from the commit, or that git does not know or ignore."""
        edited = self.checked("git diff failed", "diff", "--name-only", "-z", "HEAD")
        added = self.checked("git ls-files failed", "ls-files", "-z", "--others", "--exclude-standard")
        return tuple(filter(None, f"{edited}{added}".split("\0")))

    def advance(self, edited: tuple[str, ...]) -> Fetched:
        """Go forward to what was fetched; raises CannotFetch if a file of `edited` is in the way."""
        before = self.commit()
        counts = self.checked("git failed", "rev-list", "--left-right", "--count", "HEAD...FETCH_HEAD")
        own, new = map(int, counts.split())
        if not new:
            return Fetched(before, before)
        if own:
            raise CannotFetch(
                f"{self.root} has {own} commit{'s' * (own != 1)} of its own that the remote does not have; "
                f"`git rebase` or `git merge` joins them, and {NO_FETCH}"
            )
        text = self.checked("git diff failed", "diff", "--name-only", "-z", "HEAD", "FETCH_HEAD")
        changed = tuple(filter(None, text.split("\0")))
        if both := sorted(set(edited) & set(changed)):
            more = f" and {len(both) - SHOWN_NAMES} more" * (len(both) > SHOWN_NAMES)
            raise CannotFetch(
                f"{self.root}: your changes are in the way, because the new version has others in: "
                f"{', '.join(both[:SHOWN_NAMES])}{more}; commit or `git stash` them, and merge"
            )
        self.checked("git pull --ff-only failed", "merge", "--ff-only", "--quiet", "FETCH_HEAD")
        return Fetched(before, self.commit(), changed)

    def put_back(self, fetched: Fetched, stamp: Path | None = None) -> str:
        """Go back to the commit before a fetch, and return a sentence about it; edits of a person stay.

        `stamp` is the file of an environment that has this commit: it becomes newer than the files.
        """
        if fetched.before == fetched.after:
            return ""
        if self.commit() != fetched.after:
            return f"{self.root} has another commit by now, so it was left as it is."
        done = self.git("reset", "--keep", "--quiet", fetched.before)
        if done.returncode != 0:
            return f"{self.root} was left as it is, because it has edits that would be lost."
        if stamp:
            with suppress(OSError):
                stamp.touch()
        return f"{self.root} is at commit {fetched.before[:12]} again."

    def is_newer(self, stamp: Path) -> bool:
        """Return whether a file of the project is newer than a file of an environment."""
        try:
            made = stamp.stat().st_mtime
        except OSError:
            return True
        paths = (path for part in PARTS for path in (self.root / part, *(self.root / part).rglob("*")))
        return any(is_after(path, made) for path in paths if "__pycache__" not in path.parts)

    def build(self, link: Path, new: Path) -> None:
        """Install the project into a new environment beside the present one, with the same extras.

        Raises HouseError with what the installation printed.
        """
        python = os.environ.get("PYTHON") or run_isolated(["sh", ".ci/python"], 60, self.root).stdout.strip()
        words = ["sh", ".ci/venv", python or sys.executable, str(link)]
        report(run_isolated(words, BUILD_SECONDS, self.root, BESIDE=str(new), EDITABLE=""))

    def commit(self) -> str:
        """Return the commit of the folder; "" outside a git clone."""
        return self.git("rev-parse", "HEAD").stdout.strip() if self.is_clone else ""

    def git(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run git in the folder; it never waits for input."""
        return run_isolated(
            ["git", "-C", str(self.root), *words],
            FETCH_SECONDS,
            GIT_TERMINAL_PROMPT="0",
            GIT_SSH_COMMAND=os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
            GIT_OPTIONAL_LOCKS="0",
        )

    def checked(self, what: str, *words: str) -> str:
        """Run git and return what it printed; raises CannotFetch with what failed."""
        done = self.git(*words)
        if done.returncode != 0:
            raise CannotFetch(f"{self.root}: {what}: {done.stderr.strip()}; {NO_FETCH}")
        return done.stdout


def find_tree(link: Path) -> SourceTree | None:
    """Return the project folder around an environment; None for a House that pip has installed."""
    tree = SourceTree(link.parent)
    return tree if (tree.root / ".ci" / "venv").is_file() and (tree.root / "daemons").is_dir() else None


def install_package(source: str, extras: list[str], new: Path) -> None:
    """Install a package or a wheel into a new environment; raises HouseError with what pip printed."""
    python = str(getattr(sys, "_base_executable", sys.executable))
    report(run_isolated([python, "-m", "venv", "--clear", str(new)], BUILD_SECONDS))
    path = Path(source).absolute()
    named = str(path) if path.is_file() else source
    words = ["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", "--upgrade"]
    wanted = f"{named}[{','.join(extras)}]" if extras else named
    report(run_isolated([str(new / "bin" / "python3"), *words, wanted], BUILD_SECONDS))


def report(done: "subprocess.CompletedProcess[str]") -> None:
    """Raise HouseError with the last lines of a program that failed."""
    if done.returncode == 0:
        return
    lines = f"{done.stdout}{done.stderr}".strip().splitlines()[-SHOWN_LINES:]
    text = "\n".join(f"    {line}" for line in lines)
    raise HouseError(f"The new version cannot be installed; nothing was changed:\n{text}")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, or delete the copy of one that was deleted; raises StorageError."""
    try:
        if not source.exists():
            target.unlink(missing_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    except OSError as error:
        raise StorageError(describe(error, f"{source} cannot be copied")) from error


def is_after(path: Path, moment: float) -> bool:
    """Return whether a file was changed after a moment (Unix seconds); a missing one was not."""
    with suppress(OSError):
        return path.is_file() and path.stat().st_mtime > moment
    return False
