"""Checks the versions of House, of Python and of the packages, and finds the newest upgrade note."""

import platform
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from daemons import __version__
from daemons.cli.checks.finding import Finding, unknown, well, wrong

CHECK = "versions"
PACKAGE = "house-daemons"
LEAST_PYTHON = (3, 11)
TOOLS = frozenset(("test", "bench", "check", "contract"))
"""Extras that a running house does not need."""
NOTE = re.compile(
    r"^## \[([0-9][^\]]*)\][^\n]*\n(?:(?!^## ).*\n)*?\*\*Upgrade note:\*\*\s*((?:.+\n?)+)", re.MULTILINE
)
UPGRADE = "`make upgrade NO_FETCH=1` in the project folder installs what House needs, or pip for a package"


def read_findings(supervisord_pid: int | None) -> list[Finding]:
    """Return the findings about this environment, and about that of the running house."""
    from packaging.utils import canonicalize_name

    try:
        required: Sequence[str] = metadata.requires(PACKAGE) or ()
        named = [one for one in metadata.distributions() if one.name]
        installed = {str(canonicalize_name(one.name)): one.version for one in named}
    except metadata.PackageNotFoundError:
        required, installed = (), {}
    return [
        python_finding(sys.version_info[:3]),
        house_finding(installed.get(PACKAGE)),
        *package_findings(required, installed),
        *environment_finding(read_maps(supervisord_pid), str(Path(sys.prefix).resolve())),
        note_finding(read_changelog()),
    ]


def python_finding(version: tuple[int, ...]) -> Finding:
    """Return the finding about the version of Python."""
    text = f"Python {'.'.join(map(str, version))}"
    if version[:2] < LEAST_PYTHON:
        return wrong(CHECK, f"{text} is too old", "install Python 3.11 or newer, and House into it")
    return well(CHECK, f"{text} on {platform.machine()}")


def house_finding(packaged: str | None) -> Finding:
    """Return the finding about the version of House; `packaged` is the one that pip knows, or None."""
    if packaged is None:
        return unknown(CHECK, f"House {__version__}; pip has not installed it, so its packages are not known")
    if packaged != __version__:
        return wrong(CHECK, f"House {__version__} runs in an environment made for House {packaged}", UPGRADE)
    return well(CHECK, f"House {__version__}")


def package_findings(required: Sequence[str], installed: Mapping[str, str]) -> list[Finding]:
    """Return a finding for each package that is missing or has a wrong version, or one that all are right.

    `required` are requirements as PEP 508 has them. A package of an extra may be missing.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found, count = [], 0
    for requirement in map(Requirement, required):
        marker = requirement.marker
        if marker and any(marker.evaluate({"extra": tool}) for tool in TOOLS):
            continue
        version = installed.get(name := str(canonicalize_name(requirement.name)))
        if version is None:
            if marker is None or marker.evaluate({"extra": ""}):
                found.append(wrong(CHECK, f"the package {name} is not installed", UPGRADE))
            continue
        count += 1
        bounds = requirement.specifier
        if not bounds.contains(version, prereleases=True):
            found.append(wrong(CHECK, f"{name} {version} is installed, and House needs {bounds}", UPGRADE))
    if not required or found:
        return found
    return [well(CHECK, f"{count} packages, as House needs them")]


def environment_finding(maps: str | None, prefix: str) -> list[Finding]:
    """Return a finding if the running house uses the packages of another environment than this command.

    `maps` is what supervisord has mapped (proc_pid_maps(5)); None if it does not run.
    """
    if maps is None or "/site-packages/" not in maps or f" {prefix}/" in maps:
        return []
    remedy = "`house down` and `house up`: the house then runs from this one"
    return [wrong(CHECK, f"the running house uses another environment than {prefix}", remedy)]


def note_finding(changelog: str | None) -> Finding:
    """Return the newest upgrade note of the changelog."""
    found = NOTE.search(changelog or "")
    if not found:
        return unknown(CHECK, "there is no upgrade note here; docs/upgrading.md is about new versions")
    return well(CHECK, f"upgrade note of {found[1]}: {plain(found[2])}")


def plain(text: str) -> str:
    """Return a paragraph of Markdown as one line without its links."""
    return " ".join(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).split())


def read_changelog() -> str | None:
    """Return the changelog, which a package has inside and the project folder beside; None without it."""
    package = Path(__file__).parent.parent.parent
    for path in (package / "CHANGELOG.md", package.parent / "CHANGELOG.md"):
        try:
            return path.read_text(encoding="utf-8")
        except OSError:
            continue
    return None


def read_maps(pid: int | None) -> str | None:
    """Return what a process has mapped; None without the process, or if it belongs to another user."""
    try:
        return None if pid is None else Path(f"/proc/{pid}/maps").read_text(errors="replace")
    except OSError:
        return None
