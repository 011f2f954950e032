"""Checks when the last backup was made."""

import time
from datetime import datetime
from pathlib import Path

from daemons.cli.checks.finding import Finding, unknown, well, wrong
from daemons.storage.last_backup import LastBackup, last_backup

CHECK = "backup"
OLD_DAYS, DAY_SECONDS = 31, 86_400.0
REMEDY = "`house backup FILE` makes one; docs/running.md, Backup, has a line that makes one each night"


def read_findings(run: Path) -> list[Finding]:
    """Return the finding about the last backup of a house."""
    if not run.exists():
        return [unknown(CHECK, "there is nothing to back up yet")]
    return [backup_finding(last_backup(run), time.time())]


def backup_finding(last: LastBackup | None, now: float) -> Finding:
    """Return the finding about the last backup; `now` is in Unix seconds."""
    if last is None:
        return wrong(CHECK, "no backup of this house was made so far", REMEDY)
    days = max(0, int((now - last.at) / DAY_SECONDS))
    text = f"the last backup was made on {datetime.fromtimestamp(last.at).astimezone():%Y-%m-%d %H:%M}"
    text += f", {days} day{'s' * (days != 1)} ago: {last.path}"
    return wrong(CHECK, text, REMEDY) if days > OLD_DAYS else well(CHECK, text)
