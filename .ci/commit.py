"""Writes the commit of the project into the wheel, when hatchling builds one."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface[Any]):
    """Adds the file `daemons/commit`; outside a git clone, and to an editable installation, it adds none."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file to those of the wheel."""
        root = Path(self.root)
        text = find_commit(root)
        if version == "editable" or text is None:
            return
        with tempfile.NamedTemporaryFile("w", suffix=".commit", delete=False) as file:
            file.write(text)
        self._made = Path(file.name)
        build_data["force_include"][file.name] = "daemons/commit"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary file."""
        made = getattr(self, "_made", None)
        if made is not None:
            made.unlink()


def find_commit(root: Path) -> str | None:
    """Return the commit of a git clone, and whether its files differ from it; None for another folder."""
    top = git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return None
    commit = git(root, "rev-parse", "--short=12", "HEAD")
    if commit is None:
        return None
    return f"{commit}, with changes" if git(root, "status", "--porcelain", "daemons") else commit


def git(root: Path, *words: str) -> str | None:
    """Return what a git command prints; None if it fails, or without git."""
    command = ["git", "-C", str(root), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
