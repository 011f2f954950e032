"""Checks the systemd unit of the house: whether it is there, is enabled, runs, and starts at boot."""

import pwd
from pathlib import Path
from typing import NamedTuple

from daemons.cli.checks.finding import Finding, unknown, well, wrong
from daemons.errors import HouseError
from daemons.supervision.systemd import Unit, find_unit, run_systemctl

CHECK = "unit"
CALL_SECONDS = 2.0
"""How long systemctl may take."""
LINGER = Path("/var/lib/systemd/linger")
"""systemd has a file here for each user that lingers (systemd-logind.service(8))."""


class Seen(NamedTuple):
    """What systemd says about the unit."""

    unit: Unit
    active: str
    """Its ActiveState, such as "active"."""
    enabled: str
    """Its UnitFileState, such as "enabled"."""
    user: str
    lingers: bool


def read_findings(config: Path, run: Path) -> list[Finding]:
    """Return the findings about the unit of a house."""
    is_systemd = Path("/run/systemd/system").is_dir()
    unit = find_unit(run)
    if unit is None:
        return [no_unit(is_systemd=is_systemd)]
    try:
        shown = run_systemctl(
            unit.scope, "show", "--property=ActiveState,UnitFileState", unit.name, seconds=CALL_SECONDS
        )
    except HouseError as error:
        return [unknown(CHECK, f"{unit.path} is there; systemd cannot be asked: {error}")]
    if shown.returncode != 0:
        why = shown.stderr.strip().partition("\n")[0]
        return [unknown(CHECK, f"{unit.path} is there; systemd cannot be asked: {why}")]
    fields = dict(line.partition("=")[::2] for line in shown.stdout.splitlines())
    user = owner(unit)
    seen = Seen(
        unit, fields.get("ActiveState", ""), fields.get("UnitFileState", ""), user, (LINGER / user).exists()
    )
    return unit_findings(seen, config)


def owner(unit: Unit) -> str:
    """Return the name of the user that a unit of a user belongs to."""
    try:
        return pwd.getpwuid(unit.path.stat().st_uid).pw_name
    except (KeyError, OSError):
        return ""


def no_unit(*, is_systemd: bool) -> Finding:
    """Return the finding about a house without a unit."""
    if not is_systemd:
        return unknown(
            CHECK, "systemd does not run here; a container or another manager must start the house"
        )
    return wrong(CHECK, "the house does not start at boot", "`house install` writes a systemd unit for it")


def unit_findings(seen: Seen, config: Path) -> list[Finding]:
    """Return what is wrong with a unit, or that all is well."""
    unit, name = seen.unit, seen.unit.name
    flag = "--user " if unit.scope == "user" else ""
    found = []
    if unit.config != config:
        text = f"{name} runs the configuration {unit.config}, and this is {config}"
        found.append(wrong(CHECK, text, "`house install` writes the unit again"))
    if seen.enabled not in ("enabled", "enabled-runtime"):
        text = f"{name} is {seen.enabled or 'not enabled'}: it does not start at boot"
        found.append(wrong(CHECK, text, "`house install` enables it"))
    if seen.active not in ("active", "activating", "reloading"):
        text = f"{name} does not run ({seen.active or 'unknown to systemd'})"
        remedy = f"`house up` starts it; `journalctl {flag}-u {name}` has its log"
        found.append(wrong(CHECK, text, remedy))
    if unit.scope == "user" and not seen.lingers:
        text = f"{name} starts only when {seen.user or 'its user'} logs in"
        found.append(wrong(CHECK, text, f"`sudo loginctl enable-linger {seen.user}`"))
    return found or [well(CHECK, f"{name} runs and starts at boot ({unit.path})")]
