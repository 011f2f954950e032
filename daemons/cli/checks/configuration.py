"""Checks that the configuration can be used, and reads what the other checks need of it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import click

from daemons.cli.checks.finding import Finding, well, wrong
from daemons.config.files import Files, read_files, unpack
from daemons.errors import ConfigurationError, HouseError
from daemons.storage.installed import INSTALLED

CHECK = "configuration"


class Known(NamedTuple):
    """What can be read of a configuration."""

    findings: list[Finding]
    files: list[Path]
    """The files of the configuration; empty if they cannot be read."""
    raw: dict[str, Any] | None
    """Its tables, or those that the house runs with; None if neither can be read."""


def read_configuration(config: Path, run: Path, load: Callable[[], Any]) -> Known:
    """Return the findings about a configuration, and its tables; `load` checks the whole of it."""
    findings = [load_finding(config, load)]
    files = read_or_none(lambda: read_files(config))
    known = files or read_or_none(lambda: unpack(run / INSTALLED))
    raw = known.merged()[0] if known else None
    return Known(findings, [file.path for file in files] if files else [], raw)


def read_or_none(read: Callable[[], Files]) -> Files | None:
    """Return files, or None if they cannot be read."""
    with suppress(HouseError, OSError, AttributeError):
        return read()
    return None


def load_finding(config: Path, load: Callable[[], Any]) -> Finding:
    """Return the finding about the text of the configuration."""
    try:
        house = load()
    except ConfigurationError as error:
        first = str(error.problems[0]).partition("\n")[0]
        if not config.exists():
            return wrong(CHECK, f"{config} does not exist", "`house init` writes one; --config names another")
        count = len(error.problems)
        return wrong(
            CHECK, f"{count} mistake{'s' * (count != 1)}: {first}", "`house check` shows each with its line"
        )
    except (HouseError, click.UsageError) as error:
        return wrong(CHECK, str(error), "`house check` shows more")
    return well(CHECK, f"{config}: {len(house.devices)} devices, no mistake")
