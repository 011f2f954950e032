"""The verb that looks at everything a house needs for years, and prints what to do."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from daemons import errors
from daemons.cli.checks.finding import Finding, unknown
from daemons.cli.context import Context, json_option, terminal_width
from daemons.values import printable

WORDS = {True: ("ok", "green"), False: ("to do", "red"), None: ("?", "yellow")}
WIDTH = 14
"""The width of the column with the family of a check."""


@click.command()
@json_option
@click.pass_obj
@click.pass_context
def doctor(ctx: click.Context, context: Context, as_json: bool) -> None:
    """Look at all that the house needs for years, and print what to do; nothing is changed.

    It looks at versions, configuration, unit, disk, wear, clock, permissions, brokers, processes, hardware
    and the last backup. The house may be down.

    Exit status: 0 all is well, 1 something needs doing.
    """
    findings = list(examine(context))
    is_well = all(finding.ok is not False for finding in findings)
    if as_json:
        click.echo(msgspec.json.encode({"ok": is_well, "findings": findings}))
    else:
        for finding in findings:
            print_finding(finding)
        count = sum(finding.ok is False for finding in findings)
        click.echo(
            "\nAll is well."
            if is_well
            else f"\n{count} {'thing needs' if count == 1 else 'things need'} doing."
        )
    ctx.exit(0 if is_well else 1)


def examine(context: Context) -> Iterator[Finding]:
    """Yield the findings of all checks; nothing is written, and the house may be down, new or broken."""
    from daemons.cli.checks import (
        backup,
        broker,
        clock,
        configuration,
        disk,
        permissions,
        unit,
        versions,
        wear,
    )

    config, run = context.config, context.run
    known = configuration.Known([], [], None)
    pid, status = None, lambda: status_findings(context)
    with suppress(OSError):
        os.chdir(run)
        from daemons.supervision.supervisord import running_pid

        pid = running_pid()
    yield from guarded("versions", lambda: versions.read_findings(pid))
    try:
        known = configuration.read_configuration(config, run, context.load_house)
    except OSError as error:
        yield failed(configuration.CHECK, error)
    yield from known.findings
    checks: dict[str, Callable[[], list[Finding]]] = {
        unit.CHECK: lambda: unit.read_findings(config, run),
        disk.CHECK: lambda: disk.read_findings(run),
        wear.CHECK: lambda: wear.read_findings(run),
        clock.CHECK: lambda: clock.read_findings(known.raw),
        permissions.CHECK: lambda: permissions.read_findings(config, run, known.files, known.raw),
        broker.CHECK: lambda: broker.read_findings(known.raw),
        "house": status,
        backup.CHECK: lambda: backup.read_findings(run),
    }
    for name, check in checks.items():
        yield from guarded(name, check)


def guarded(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """Return the findings of a check, or why it could not look."""
    try:
        return check()
    except (errors.HouseError, OSError, ImportError) as error:  # a package may be missing
        return [failed(name, error)]


def failed(name: str, error: Exception) -> Finding:
    """Return that a check could not look."""
    return unknown(name, f"this could not be looked at: {error}")


def status_findings(context: Context) -> list[Finding]:
    """Return the findings about the processes; the run directory is only read."""
    from daemons.cli.checks import hardware
    from daemons.storage.installed import INSTALLED

    if not (context.run / INSTALLED).exists():
        return hardware.status_findings(None)
    try:
        return hardware.status_findings(read_status(context.run))
    except errors.StorageError as error:
        return hardware.status_findings(None, str(error))


def read_status(run: Path) -> dict[str, Any]:
    """Return the status of the house in a run directory; StorageError if that cannot be read."""
    import zmq

    from daemons.cli.status import SUPERVISORD_SECONDS, house_status
    from daemons.supervision.install import installed_roster
    from daemons.supervision.supervisord import Supervisor

    os.chdir(run)
    zmq_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        return house_status(installed_roster(), run, zmq_context, Supervisor(SUPERVISORD_SECONDS))
    finally:
        zmq_context.destroy(linger=0)


def print_finding(finding: Finding) -> None:
    """Print a finding, and below it what to do."""
    from textwrap import wrap

    word, colour = WORDS[finding.ok]
    indent = " " * (WIDTH + 7)
    width = max(40, terminal_width() - len(indent))
    lines = wrap(printable(finding.text), width, break_on_hyphens=False, break_long_words=False) or [""]
    click.echo(f"{click.style(f'{word:5}', fg=colour)}  {finding.check:{WIDTH}}{lines[0]}")
    for line in lines[1:]:
        click.echo(indent + line)
    for line in wrap(f"→ {finding.remedy}", width, break_on_hyphens=False) if finding.remedy else ():
        click.echo(indent + click.style(printable(line), bold=True))
