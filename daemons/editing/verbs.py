"""Verbs of `house` on a copy of the edited house: `plan`, `test`, and `plan --replay`."""

import subprocess
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from daemons.config.files import Files
from daemons.config.plan import ProcessChange
from daemons.editing.configuration import story_files, written_copy
from daemons.errors import HouseError
from daemons.storage.paths import interpreter

VERB_SECONDS = 120.0
"""How long a verb may take, such as all stories or a replay."""
SHOWN_FAILURES = 5
Document = dict[str, Any]


class VerbFailed(HouseError):
    """A verb of `house` has failed on the edited configuration; the text is what it has printed."""


class Plan(Struct, frozen=True):
    """What `house plan --json` prints."""

    changes: tuple[ProcessChange, ...]
    forgotten: dict[str, tuple[str, ...]] = {}


def plan_reload(files: Files, run: Path) -> Plan:
    """Return what a reload of the edited house would do; raises VerbFailed."""
    return msgspec.json.decode(run_verb(files, run, "plan", "--json"), type=Plan)


def play_stories(files: Files, run: Path) -> Document:
    """Return what `house test --json` prints about the edited house; raises VerbFailed."""
    if not story_files(files):
        return {"ok": True, "stories": []}
    found: Document = msgspec.json.decode(run_verb(files, run, "test", "--json"))
    return found


def replay(files: Files, run: Path, since: str) -> bytes:
    """Return what `house plan --replay --json` prints about the edited house; raises VerbFailed."""
    return run_verb(files, run, "plan", "--replay", since, "--json")


def failures(found: Document) -> str | None:
    """Return which stories do not hold, one a line; None if all do."""
    texts = [
        f"The story {story['title']!r} does not hold: expected {failure['expected']}, but {failure['found']}"
        for story in found["stories"]
        for failure in story["failures"][:1]
    ]
    texts += [
        f"The story {story['title']!r} depends on the order of messages"
        for story in found["stories"]
        if not story["failures"] and not story["holds"]
    ]
    return "\n".join(texts[:SHOWN_FAILURES]) or None


def run_verb(files: Files, run: Path, *words: str) -> bytes:
    """Run a verb of `house` on a copy of the files, and return its output.

    The status 1 of `test` means that a story does not hold. Raises VerbFailed for any other failure.
    """
    with written_copy(files) as path:
        options = ["--config", str(path), "--run", str(run)]
        command = [str(interpreter()), "-P", "-m", "daemons.cli.main", *options, *words]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=VERB_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise VerbFailed(f"this takes longer than {VERB_SECONDS:g} s") from error
        if done.stdout.startswith(b"{"):
            return done.stdout
        text = done.stderr.decode(errors="replace").replace(f"{path.parent}/", "").strip()
        raise VerbFailed(text or f"`house {words[0]}` ended with the status {done.returncode}")
