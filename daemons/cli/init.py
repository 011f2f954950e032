"""The verb that writes a first configuration."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from daemons import errors
from daemons.storage import paths

FILE = "house.toml"
LOCALTIME = Path("/etc/localtime")
ZONES = "/zoneinfo/"
"""What stands before the name of a timezone in the link /etc/localtime (tzfile(5))."""
HEADER = """\
# Written by `house init` on {date}. Each [devices.NAME] is a process of its own. All of them are simulated:
# nothing is switched yet.
#
#   house up         start this house                  house check    find every mistake in this file
#   house mirror     watch it, and operate it          house reload   apply what you have edited
#   house kinds      what a device can be              house drivers  what can switch it
#   house discover   search the network for hardware   house add      write a device into this file
"""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
def init(folder: Path) -> None:
    """Write a house.toml with comments into FOLDER, or here: a first house of simulated devices.

    A file that is there already is left as it is.
    """
    folder = folder.absolute()
    for there in (folder / FILE, folder / "config" / FILE):
        if there.exists() or there.is_symlink():
            raise errors.StorageError(f"{there} is there already; nothing was changed. `house up` starts it")
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(first_configuration(timezone(), datetime.now(UTC)))
    except OSError as error:
        raise errors.StorageError(paths.describe(error, f"{path} cannot be written")) from error
    click.echo(f"{path} is a house of simulated devices, to try and to edit.")
    click.echo(
        "`house up` starts it"
        + ("." if folder == Path.cwd() else f" in that folder: cd {shlex.quote(str(folder))}")
    )


def first_configuration(zone: str | None, now: datetime) -> str:
    """Return the shipped house with an introduction, in a timezone."""
    text = shipped().read_text(encoding="utf-8")
    body = text[text.index("\n[") :]
    if zone is not None:
        body = re.sub(r'(?m)^timezone = ".*"$', f'timezone = "{zone}"', body, count=1)
    return HEADER.format(date=f"{now.astimezone():%Y-%m-%d}") + body


def shipped() -> Path:
    """Return the file of the breakfast house: in an installed package, or else in the project."""
    package = Path(__file__).parent.parent
    installed = package / FILE
    return installed if installed.exists() else package.parent / "config" / FILE


def timezone(link: Path = LOCALTIME) -> str | None:
    """Return the timezone of this machine, such as "Europe/Berlin"; None if it has no name."""
    _, found, name = str(link.resolve()).partition(ZONES)
    return name if found and re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name) else None
