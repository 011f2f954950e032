"""The version of the installed House, and the commit that it was built from."""

from pathlib import Path

from daemons import __version__

COMMIT = Path(__file__).parent.parent / "commit"
"""The build of a wheel writes this file; the working copy of a contributor has none."""
RUNNING = Path("version")
"""The file in the run directory with the version that the house was started with."""


def describe_version() -> str:
    """Return the version, and the commit if it is known, such as "1.0.0 (commit 0123456789ab)"."""
    try:
        return f"{__version__} (commit {COMMIT.read_text().strip()})"
    except OSError:
        return __version__


def running_version() -> str | None:
    """Return the version that the house was started with; None if it is not known."""
    try:
        return RUNNING.read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None
