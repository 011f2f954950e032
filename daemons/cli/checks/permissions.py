"""Checks that the run directory is private, that keys and passwords are, and who owns the files."""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from daemons.cli.checks.finding import Finding, unknown, well, wrong
from daemons.storage.paths import user_name

CHECK = "permissions"
SECRETS = ("token", "acknowledge.key", "keys/*.toml", "keys/clients/*.toml", "tokens/*.toml")
MOST_FILES = 20_000
"""So many files are looked at."""
MOST_NAMED = 3
PRIVATE, OTHERS, OTHERS_WRITE = 0o700, 0o077, 0o002


class Entry(NamedTuple):
    """One file or folder."""

    path: Path
    mode: int
    owner: int


def read_findings(config: Path, run: Path, files: list[Path], raw: dict[str, Any] | None) -> list[Finding]:
    """Return the findings about the files of a house.

    `files` are the files of the configuration, and `raw` its tables, if they can be read.
    """
    user = os.geteuid()
    found = config_findings(list(entries(files or [config])))
    passwords = list(entries(map(Path, sorted(password_files(raw or {})))))
    if not run.exists():
        return [*found, *secret_findings(passwords), unknown(CHECK, f"there is no run directory {run} yet")]
    found += run_findings(next(entries([run])), user)
    secrets = [path for pattern in SECRETS for path in run.glob(pattern)]
    found += secret_findings([*entries(secrets), *passwords])
    found += owner_findings(list(entries(islice(run.rglob("*"), MOST_FILES))), user)
    return found


def entries(paths: Any) -> Iterator[Entry]:
    """Yield what can be known of files; one that is missing is left out."""
    for path in paths:
        try:
            status = path.stat() if not path.is_symlink() or path.exists() else path.lstat()
        except OSError:
            continue
        yield Entry(path, stat.S_IMODE(status.st_mode), status.st_uid)


def password_files(raw: Any) -> Iterator[str]:
    """Yield the absolute path of each password file that tables name."""
    for key, value in raw.items() if isinstance(raw, dict) else ():
        if isinstance(value, dict):
            yield from password_files(value)
        elif isinstance(value, list):
            for one in value:
                yield from password_files(one)
        elif str(key).endswith("password_file") and isinstance(value, str) and value.startswith("/"):
            yield value


def config_findings(found: list[Entry]) -> list[Finding]:
    """Return a finding for each configuration file that cannot be read, or that all users can write."""
    results = []
    for entry in found:
        if not os.access(entry.path, os.R_OK):
            remedy = f"`sudo chown {user_name(os.geteuid())} {entry.path}`"
            results.append(wrong(CHECK, f"{entry.path} cannot be read", remedy))
        elif entry.mode & OTHERS_WRITE:
            text = f"all users of the machine can write {entry.path}, and so run programs as the house"
            results.append(wrong(CHECK, text, f"`chmod o-w {entry.path}`"))
    return results


def run_findings(run: Entry, user: int) -> list[Finding]:
    """Return the finding about the run directory itself."""
    if run.owner != user:
        text = f"{run.path} belongs to {user_name(run.owner)}, and this command runs as {user_name(user)}"
        return [wrong(CHECK, text, f"run `house` as {user_name(run.owner)}")]
    if run.mode & OTHERS:
        text = f"other users of the machine can look into {run.path} (mode {run.mode:04o})"
        return [wrong(CHECK, text, f"`chmod {PRIVATE:o} {run.path}`")]
    return [well(CHECK, f"{run.path} is private")]


def secret_findings(secrets: list[Entry]) -> list[Finding]:
    """Return the findings about keys, tokens and password files."""
    found = [
        wrong(CHECK, f"other users can read {one.path} (mode {one.mode:04o})", f"`chmod 600 {one.path}`")
        for one in secrets
        if one.mode & OTHERS
    ]
    if found or not secrets:
        return found
    return [well(CHECK, f"{len(secrets)} keys, tokens and password files are private")]


def owner_findings(found: list[Entry], user: int) -> list[Finding]:
    """Return a finding if files of the run directory belong to another user: a process cannot write them."""
    foreign = [entry for entry in found if entry.owner != user]
    if not foreign:
        return []
    named = ", ".join(str(entry.path) for entry in foreign[:MOST_NAMED])
    more = f" and {len(foreign) - MOST_NAMED} more" if len(foreign) > MOST_NAMED else ""
    text = f"{named}{more} belong to another user, perhaps because `sudo house` was run"
    return [wrong(CHECK, text, f"`sudo chown {user_name(user)}` gives them to you")]
