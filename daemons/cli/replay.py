"""`house plan --replay`: what would have been different with the edited configuration."""

import time
from datetime import datetime
from typing import Any

import click
import msgspec

from daemons import errors
from daemons.cli.context import Context


def print_replay(context: Context, text: str, *, as_json: bool) -> None:
    """Play what came from outside since a time against the edited configuration, and print what differs.

    Raises ConfigurationError for a house with mistakes, UsageError for a text that is no time in the past,
    and HistoryError if there is no record.
    """
    from daemons.bus.message import RECORDER
    from daemons.cli.record import read_record
    from daemons.rehearsal.limits import limits
    from daemons.rehearsal.what_if import what_if
    from daemons.storage.history import PATH, parse_time
    from daemons.storage.installed import INSTALLED, INSTALLED_FINGERPRINT
    from daemons.supervision.install import installed_house

    edited = context.load_house()
    context.enter_run_directory()
    if not INSTALLED.exists():
        raise errors.HistoryError(
            f"{INSTALLED.absolute()} does not exist: this house was never up, so there is nothing to replay; "
            "`house up` starts it, and the recorder then begins the history"
        )
    installed = installed_house()
    if RECORDER not in installed.roster.services and not PATH.exists():
        raise errors.HistoryError(
            "this house keeps no history; in its configuration, [recorder] has enabled = false"
        )
    zone, now = installed.settings.calendar.zone, time.time()
    try:
        since = parse_time(text, zone, now)
    except ValueError as error:
        raise click.UsageError(f"--replay: {error}") from error
    record = read_record([installed, edited], since, now)
    found = what_if(installed, edited, record)
    unknown = limits(installed, edited, record, INSTALLED_FINGERPRINT.read_or_last())
    if record.since > since:
        begins = datetime.fromtimestamp(record.since, zone)
        unknown = [
            f"Outside inputs are recorded only since {begins:%Y-%m-%d %H:%M:%S %Z}: the replay begins there.",
            *unknown,
        ]
    inputs: dict[str, int] = {}
    for one in record.inputs:
        if one.at >= since:
            inputs[one.what] = inputs.get(one.what, 0) + 1
    if as_json:
        document: dict[str, Any] = {**msgspec.to_builtins(found), "inputs": inputs, "cannot_know": unknown}
        click.echo(msgspec.json.encode(document))
        return
    from daemons.cli.terminal.replay_text import replay_lines
    from daemons.values import printable

    for line in replay_lines(found, inputs, unknown, context.config.name, zone):
        click.echo(printable(line))
