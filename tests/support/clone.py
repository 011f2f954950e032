"""A clone of the project with a house, as an owner has it: with `make`, git and an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from tests.support.house import PROJECT

QUICK_VENV = """\
#!/bin/sh
# Makes an environment as .ci/venv does, in a second: the packages are those of the tests.
set -eu
new=$(readlink -f "${BESIDE:-$(mktemp -d "$2.XXXXXX")}")
"$1" -m venv --without-pip --clear "$new"
site=$("$new/bin/python3" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp -R daemons "$site" && cp supervisord.conf CHANGELOG.md config/house.toml "$site/daemons"
git rev-parse --short=12 HEAD >"$site/daemons/commit"
echo "$PACKAGES" >"$site/packages.pth"
printf '#!/bin/sh\nexec "%s/bin/python3" -P -m daemons.cli.main "$@"\n' "$new" >"$new/bin/house"
chmod +x "$new/bin/house"
mkdir "$new/wheel" && touch "$new/installed"
[ -n "${BESIDE:-}" ] || ln -s "${new##*/}" "$2"
"""
NOT_COPIED = (".git", ".venv*", "run", "__pycache__", ".homeassistant", ".hypothesis", ".*_cache")
INSTALL_SECONDS = 600


class Clone:
    """A clone of a bare repository with the present project, and a second clone that pushes to it."""

    def __init__(self, folder: Path, *, is_quick: bool = False) -> None:
        """Make both clones. With `is_quick`, their `.ci/venv` installs no packages, and takes a second."""
        self.environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("HOUSE_", "PYTHON", "MAKE"))
        }
        self.environment |= {
            f"GIT_{role}_{part}": "test@localhost"
            for role in ("AUTHOR", "COMMITTER")
            for part in ("NAME", "EMAIL")
        }
        self.author, self.home = folder / "author", folder / "home"
        shutil.copytree(PROJECT, self.author, ignore=shutil.ignore_patterns(*NOT_COPIED))
        self.edit("config/house.toml", 'kind = "mirror"', 'kind = "mirror"\nport = 0')
        if is_quick:
            (self.author / ".ci" / "venv").write_text(QUICK_VENV)
            self.environment["PACKAGES"] = sysconfig.get_path("purelib")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=first")
        self.run("git", "clone", "--quiet", "--bare", "author", "bare.git", cwd=folder)
        self.git("remote", "add", "origin", "../bare.git")
        self.run("git", "clone", "--quiet", "bare.git", "home", cwd=folder)

    def run(self, *words: str, cwd: Path | None = None, check: bool = True) -> str:
        """Run a program in the home of the house; return what it prints, also to standard error."""
        done = subprocess.run(
            words,
            cwd=cwd or self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done.stdout

    def make(self, *words: str, check: bool = True) -> str:
        """Run `make` with the Python of the tests; return what it prints."""
        python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}"
        return self.run("make", "--no-print-directory", f"PYTHON={python}", *words, check=check)

    def house(self, *words: str, check: bool = True) -> str:
        """Run a verb of the installed `house`; return what it prints."""
        return self.run(".venv/bin/house", *words, check=check)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start a verb of the installed `house` in a session of its own, and do not wait for its end."""
        return subprocess.Popen(
            [".venv/bin/house", *words],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def status(self) -> dict[str, Any]:
        """Return the document that `house status --json` prints."""
        found: dict[str, Any] = json.loads(self.house("status", "--json"))
        return found

    def pid(self, name: str) -> int:
        """Return the PID of a process, as its lock names it."""
        return int((self.home / "run" / "lock" / name).read_text())

    def git(self, *words: str) -> str:
        """Run git in the clone of the author."""
        return self.run("git", *words, cwd=self.author).strip()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text in a file of the author."""
        file = self.author / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    def publish(self) -> str:
        """Commit and push what the author has edited; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=next")
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "--short=12", "HEAD")
